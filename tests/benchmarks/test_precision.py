from benchmarks.precision import ARITHMETIC, Row, table
from dancetype.export.precision import Precision


def test_the_table_says_what_is_offered_and_the_most_that_is_lost() -> None:
    rows = {
        "fp32": Row(2_000_000, [1.0, 1.0], {"B": (0.88, 0.770)}),
        "fp16": Row(1_000_000, [1.0, 1.0], {"B": (0.88, 0.765)}),
        "int8": Row(500_000, [1.0, 1.0], {"B": (0.89, 0.769)}),
        ARITHMETIC: Row(500_000, [2.0, 2.0], {"B": (0.50, 0.5)}),
    }
    lines = table(rows).splitlines()
    assert lines[3] == "| `fp16` | 1.00 MB | 1.00 / 1.00 ms | 88.0 % / 76.5 % |"
    assert lines[5].startswith("| int8 arithmetic, not offered |")
    assert "the most that is lost is 0.50 points" in lines[-1]
    assert list(rows)[:3] == list(Precision)
