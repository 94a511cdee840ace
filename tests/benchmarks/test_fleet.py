from dataclasses import asdict, replace
from typing import Any

from benchmarks.fleet import Costs, Sample, results
from benchmarks.pages import render

COSTS = Costs({5: 0.14, 15: 0.35}, resident=3e8, messages=5.0, received=4000.0, driver=0.0005)
NOTHING = Sample(*[0.0] * 9)


def page(*saturated: dict[str, Any]) -> str:
    light = replace(NOTHING, posed=20.0)
    return render("fleet", {**results([], COSTS, light), "saturated": saturated})


def cells_of(row: str) -> list[str]:
    return row.split("|")


def test_rates_are_by_the_second() -> None:
    before = replace(NOTHING, at=10.0, posed=100.0)
    rates = replace(before, at=14.0, posed=160.0).rates(before)
    assert (rates.posed, rates.predictions) == (15.0, 0.0)


def test_a_plan_is_so_many_times_what_one_camera_takes() -> None:
    plan = page().partition("| what | how much |\n|---|---|\n")[2]
    rows = {cells[1].strip(): cells[2].strip() for cells in map(cells_of, plan.splitlines())}
    assert rows["cores, at 5 poses a second"].startswith("200 (0.14 a camera")
    assert rows["cores, at 15 poses a second"].startswith("500 (0.35 a camera")
    assert rows["memory"] == "300 GB"
    assert rows["messages at the broker"] == "5,000 a second"
    assert rows["data to the broker"].startswith("4.0 MB/s")
    assert rows["supervisor"] == "0.50 of a core"


def test_the_page_has_a_row_for_each_number_of_nodes_and_says_what_it_cannot_show() -> None:
    fast = replace(NOTHING, posed=40.0, predictions=16.0)
    one, four = (
        {"nodes": nodes, "rates": asdict(fast), "back": back}
        for nodes, back in ((1, None), (4, 8.25))
    )
    text = page(one, four)
    assert "| 1 | 40.0 | 16.0 |" in text
    assert "| 8.2 s |" in text
    assert "share the cores of one machine" in text
