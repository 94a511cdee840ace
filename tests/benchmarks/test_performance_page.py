from benchmarks.performance.measuring import Span
from benchmarks.performance.page import Table, number, share
from benchmarks.performance.subjects import Said
from benchmarks.performance.tables import Found, goals, tables
from benchmarks.performance.trials import PLAIN, Load, Parts, Start
from dancetype.engine.defaults import DEFAULT_RUNTIME

ACCURACY = """
| whole tracks, dancer never seen | 15 | 12 |
| frames a second | 10 | 76.8 | 85.6 |
|  | 15 | 77.2 | 86.2 |
|  | 30 | 77.5 | 86.7 |
| noise | 0 | 77.5 | 86.7 |
|  | 15 | 20.0 | 30.0 |
"""


def span(cpu: float, *, late: float = 0.04, pose: float = 0.03, memory: float = 250e6) -> Span:
    word = Said("", 1 + late, 1.0, pose, 1, whole=True)
    return Span(cpu=cpu, wall=10.0, frames=300, said=(word,) * 3, memory=int(memory))


def found(*, cpu: float = 6.0, late: float = 0.04, rest: float = 1.0, held: int = 2) -> Found:
    loads = [Load(cores, number, 15, 50, 0.5) for cores, number in ((1, 1), (2, held))]
    return Found(
        beside={"a.mp4": {DEFAULT_RUNTIME: span(cpu, late=late), PLAIN: span(10.0)}},
        parts={"a.mp4": {DEFAULT_RUNTIME: Parts(1.0, 20.0, rest)}},
        thinned={"a.mp4": {"30": span(6.0), "15": span(2.9)}},
        starts={DEFAULT_RUNTIME: Start(1.5, 1.6)},
        genre_model={"cutting the window": (1, 2, 3), "classifying it": (1, 2, 2.5)},
        loads=[*loads, Load(1, 2, 15, 150, 1.0)],
    )


def verdicts(found: Found, accuracy: str = ACCURACY) -> list[bool | None]:
    return [goal.reached for goal in goals(found, accuracy)]


def test_all_goals_are_reached_by_a_product_that_is_fast_enough() -> None:
    assert verdicts(found()) == [True] * 9


def test_what_is_not_reached_is_said_so() -> None:
    slow = found(cpu=9.0, late=0.06, rest=2.0, held=1)
    assert verdicts(slow) == [False, False, False, True, True, True, True, True, False]
    page = "\n".join(" ".join(goal.cells) for goal in goals(slow, ACCURACY))
    assert page.count("**no**") == 4
    assert "10.0 %" in page


def test_accuracy_is_that_of_frame_rates_and_of_nothing_else() -> None:
    measured = [goal.measured for goal in goals(found(), ACCURACY)][4]
    assert measured.startswith("-0.3 (77.2 % and 77.5 %")
    assert verdicts(found(), "no such table")[4] is None


def test_a_camera_is_held_while_it_keeps_its_rate_and_is_not_late() -> None:
    assert Load(1, 2, 14.9, 60, 0.9).held
    assert not Load(1, 2, 13.0, 60, 0.9).held
    assert not Load(1, 2, 15.0, 120, 0.9).held


def test_a_table_is_markdown_with_its_first_column_to_the_left() -> None:
    table = Table("New", "How.", ("what", "ms"), [("pose", "20.0")])
    assert table.text() == "## New\n\nHow.\n\n| what | ms |\n| --- | ---: |\n| pose | 20.0 |"


def test_every_row_of_every_table_has_a_cell_for_every_column() -> None:
    for table in tables(found()):
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_figures_have_as_many_digits_as_mean_something() -> None:
    assert [number(each) for each in (123.4, 23.45, 1.234, 0.0)] == ["123", "23.4", "1.23", "0.00"]
    assert (number(2, "s"), share(0.0456)) == ("2.00 s", "4.6 %")
