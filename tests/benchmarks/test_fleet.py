from typing import Any

from benchmarks.fleet import PLANNED_CAMERAS, PLANNED_LOAD, SATURATING_CAMERAS, per_second
from benchmarks.pages import render

COST = {
    "cores": {5: 0.14, 15: 0.35},
    "resident": 3e8,
    "messages": 5.0,
    "received": 4000.0,
    "driver": 0.0005,
    "fps": 10.0,
}


def page(*saturated: dict[str, Any]) -> str:
    plan = {"cameras": SATURATING_CAMERAS, "planned": PLANNED_CAMERAS, "load": PLANNED_LOAD}
    return render(
        "fleet", {"conditions": "a machine", **plan, "saturated": saturated, "cost": COST}
    )


def test_rates_are_per_second() -> None:
    before = {"at": 10.0, "posed": 100.0, "predictions": 7.0}
    rates = per_second(before, {"at": 14.0, "posed": 160.0, "predictions": 7.0})
    assert (rates["posed"], rates["predictions"]) == (15.0, 0.0)


def test_capacity_plan_multiplies_the_resources_of_one_camera() -> None:
    plan = page().partition(" | 1,000 cameras |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = dict(line.strip("| ").split(" | ") for line in plan.splitlines())
    assert rows["cores, at 5 poses per second"].startswith("200 (0.14 per camera")
    assert rows["cores, at 15 poses per second"].startswith("500 (0.35 per camera")
    assert rows["memory"] == "300 GB"
    assert rows["messages to the broker"] == "5,000 per second"
    assert rows["data to the broker"].startswith("4.0 MB/s")
    assert rows["supervisor"] == "0.50 of a core"


def test_page_has_a_row_for_each_number_of_nodes_and_states_its_limits() -> None:
    rates = {"posed": 40.0, "predictions": 16.0, "cameras_cpu": 0, "ray_cpu": 0, "driver_cpu": 0}
    text = page(
        {"nodes": 1, "rates": rates, "back": None}, {"nodes": 4, "rates": rates, "back": 8.25}
    )
    assert "| 1 | 40.0 | 16.0 |" in text
    assert "| 8.2 s |" in text
    assert "share the cores of one machine" in text
