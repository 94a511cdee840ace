import json
from dataclasses import asdict

import pytest

from benchmarks.pages import render
from benchmarks.reliability import ROWS, Figure, page_values, read_figures
from dancetype.engine.errors import ExpectedError

MACHINE = {"cores": 2, "architecture": "arm", "memory": 8e9, "system": "Linux", "python": "3.11.7"}


def page(figures: list[Figure]) -> str:
    rows = [asdict(figure) for figure in figures]
    results = {"figures": rows, "machine": MACHINE, "soak_seconds": 300.0}
    return render("reliability", page_values(results))


def line(row: str, test: str, text: str) -> str:
    return json.dumps({"row": row, "test": test, "text": text})


def row_of(text: str, fault: str) -> str:
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {fault}")]
    return row


def test_row_lists_all_figures_and_each_test_once() -> None:
    figures = read_figures(
        [
            line("disk full", "a.py::test_b_holds[1]", "x | y"),
            line("disk full", "a.py::test_b_holds[2]", "z"),
        ]
    )
    row = row_of(page(figures), "Disk full")
    assert row.endswith(r"| x \| y; z | [b holds](../../a.py) |")


def test_row_without_figures_is_marked_as_not_measured() -> None:
    text = page([])
    assert text.count("| not measured | not measured |") == len(ROWS)
    assert "Measured on 2 cores of arm and 8 GB of memory, Linux, Python 3.11.7." in text


def test_figure_of_an_unknown_row_is_rejected() -> None:
    with pytest.raises(ExpectedError, match=r"test_b: unknown row 'disk empty'"):
        read_figures([line("disk empty", "a.py::test_b", "x")])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"row": "soak"}', '{"rows": 1}'])
def test_file_without_figures_is_rejected(text: str) -> None:
    with pytest.raises(ExpectedError, match="not a file of figures"):
        read_figures([text])
