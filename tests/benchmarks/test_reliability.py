import json

import pytest

from benchmarks.reliability import ROWS, page, read_figures
from dancetype.engine.errors import ExpectedError


def line(row: str, test: str, text: str) -> str:
    return json.dumps({"row": row, "test": test, "text": text})


def row_of(text: str, fault: str) -> str:
    (found,) = [each for each in text.splitlines() if each.startswith(f"| {fault}")]
    return found


def test_a_row_names_its_figures_and_each_of_its_tests_once() -> None:
    figures = read_figures(
        [line("disk full", "a.py::test_b[1]", "x | y"), line("disk full", "a.py::test_b[2]", "z")]
    )
    row = row_of(page(figures, conditions="a machine", soak_seconds=300), "Disk full")
    assert row.endswith(r"| x \| y; z | `a.py::test_b` |")


def test_a_row_without_a_figure_says_so() -> None:
    text = page([], conditions="a machine", soak_seconds=300)
    assert text.count("| not measured | not measured |") == len(ROWS)
    assert "Measured on a machine." in text


def test_a_figure_of_a_row_that_is_not_there_is_refused() -> None:
    with pytest.raises(ExpectedError, match=r"test_b measures 'disk empty', which is no row"):
        read_figures([line("disk empty", "a.py::test_b", "x")])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"row": "soak"}', '{"rows": 1}'])
def test_a_file_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(ExpectedError, match="not a file of figures"):
        read_figures([text])
