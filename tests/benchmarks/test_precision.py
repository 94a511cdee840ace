from benchmarks.pages import render
from benchmarks.precision import ARITHMETIC, page_values, row
from dancetype.export.precision import Precision


def test_table_states_which_precisions_are_offered_and_their_largest_loss() -> None:
    rows = [
        row("fp32", 2_000_000, [1e-3, 1e-3], {"B": (0.88, 0.770)}),
        row("fp16", 1_000_000, [1e-3, 1e-3], {"B": (0.88, 0.765)}),
        row("int8", 500_000, [1e-3, 1e-3], {"B": (0.89, 0.769)}),
        row(ARITHMETIC, 500_000, [2e-3, 2e-3], {"B": (0.50, 0.5)}),
    ]
    results = {"conditions": "a machine", "rows": rows}
    lines = render("precision", page_values(results)).splitlines()
    assert lines[3] == "| `fp16` | 1.00 MB | 1.00 / 1.00 ms | 88.0 % / 76.5 % |"
    assert lines[5].startswith("| int8 arithmetic, not offered |")
    assert "lose at most 0.50 percentage points" in lines[-1]
    assert [row["name"] for row in rows][:3] == list(Precision)
