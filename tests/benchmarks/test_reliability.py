import json
from dataclasses import asdict

import pytest

from benchmarks.pages import render
from benchmarks.reliability import ROWS, Figure, page_values, read_figures
from dancetype.engine.errors import ExpectedError

MACHINE = {"cores": 2, "architecture": "arm", "memory": 8e9, "system": "Linux", "python": "3.11.7"}


def page(figures: list[Figure]) -> str:
    each = [asdict(figure) for figure in figures]
    results = {"figures": each, "machine": MACHINE, "soak_seconds": 300.0}
    return render("reliability", page_values(results))


def line(row: str, test: str, text: str) -> str:
    return json.dumps({"row": row, "test": test, "text": text})


def row_of(text: str, fault: str) -> str:
    (found,) = [each for each in text.splitlines() if each.startswith(f"| {fault}")]
    return found


def test_a_row_names_its_figures_and_each_of_its_tests_once() -> None:
    figures = read_figures(
        [line("disk full", "a.py::test_b[1]", "x | y"), line("disk full", "a.py::test_b[2]", "z")]
    )
    row = row_of(page(figures), "Disk full")
    assert row.endswith(r"| x \| y; z | `a.py::test_b` |")


def test_a_row_without_a_figure_says_so() -> None:
    text = page([])
    assert text.count("| not measured | not measured |") == len(ROWS)
    assert "Measured on 2 cores of arm and 8 GB of memory, Linux, Python 3.11.7." in text


def test_a_figure_of_a_row_that_is_not_there_is_refused() -> None:
    with pytest.raises(ExpectedError, match=r"test_b measures 'disk empty', which is no row"):
        read_figures([line("disk empty", "a.py::test_b", "x")])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"row": "soak"}', '{"rows": 1}'])
def test_a_file_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(ExpectedError, match="not a file of figures"):
        read_figures([text])
