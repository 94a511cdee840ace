from pathlib import Path
from typing import Any

from benchmarks.pages import Results, number, render, save, share
from benchmarks.performance import page_values
from benchmarks.performance.goals import goals
from benchmarks.performance.programs import Measurement, Received
from benchmarks.performance.trials import PLAIN_LOOP, Load
from dancetype.engine.defaults import DEFAULT_RUNTIME

ACCURACY = """
| whole tracks of unseen dancers | 15 | 12 |
| frames per second | 10 | 76.8 | 85.6 |
|  | 15 | 77.2 | 86.2 |
|  | 30 | 77.5 | 86.7 |
| noise | 0 | 77.5 | 86.7 |
|  | 15 | 20.0 | 30.0 |
"""
MACHINE = {"vectors": [], "memory": 8e9, "system": "Linux", "python": "3.11.7", "load": 0.1}


def figures(
    cpu: float, *, latency: float = 0.04, pose: float = 0.03, memory: float = 250e6
) -> dict[str, Any]:
    prediction = Received("", 1 + latency, 1.0, pose, 1, has_window=True)
    return Measurement(
        cpu=cpu, wall=10.0, frames=300, predictions=(prediction,) * 3, memory=int(memory)
    ).figures()


def trial_results(
    folder: Path,
    *,
    cpu: float = 6.0,
    latency: float = 0.04,
    rest: float = 1.0,
    cameras: int = 2,
    loaded_latency: float = 0.06,
    overlay_ms: float = 80.0,
) -> Results:
    loads = [Load(cores, number, 15, 50, 0.5) for cores, number in ((1, 1), (2, cameras))]
    results = {
        "conditions": "a machine",
        "machine": MACHINE,
        "beside": {
            "a.mp4": {DEFAULT_RUNTIME: figures(cpu, latency=latency), PLAIN_LOOP: figures(10.0)}
        },
        "parts": {"a.mp4": {DEFAULT_RUNTIME: {"read": 1.0, "pose": 20.0, "rest": rest}}},
        "thinned": {"a.mp4": {"30": figures(6.0), "15": figures(2.9)}},
        "starts": {DEFAULT_RUNTIME: {"word": 1.5, "window": 1.6}},
        "genre_model": {"cutting the window": (1, 2, 3), "classifying it": (1, 2, 2.5)},
        "loads": [*loads, Load(1, 2, 15, 150, 1.0)],
        "overload": {
            "cameras": 4,
            "idle": {**figures(6.0, latency=0.03), "dropped": 0.0},
            "loaded": {**figures(18.0, latency=loaded_latency), "dropped": 20.0},
        },
        "overlay": Load(2, 4, 15, overlay_ms, 0.9) if overlay_ms else None,
    }
    return save(results, folder / "results.json")


def reached(results: Results, accuracy: str = ACCURACY) -> list[bool | None]:
    return [goal.reached for goal in goals(results, accuracy).values()]


def page(results: Results) -> str:
    return render("performance", page_values(results))


def test_good_results_reach_all_goals(tmp_path: Path) -> None:
    assert reached(trial_results(tmp_path)) == [True] * 11


def test_page_marks_goals_that_are_not_reached(tmp_path: Path) -> None:
    slow = trial_results(
        tmp_path,
        cpu=9.0,
        latency=0.06,
        rest=2.0,
        cameras=1,
        loaded_latency=0.1,
        overlay_ms=110,
    )
    assert reached(slow) == [*[False] * 3, *[True] * 5, *[False] * 3]
    text = page(slow)
    assert text.count("**no**") == 6
    assert "10.0 %" in text


def test_accuracy_is_read_from_the_rows_of_frame_rates(tmp_path: Path) -> None:
    results = trial_results(tmp_path)
    assert goals(results, ACCURACY)["accuracy"].measured.startswith("-0.3 (77.2 % and 77.5 %")
    assert reached(results, "no such table")[4] is None


def test_latency_under_load_is_relative_to_one_camera(tmp_path: Path) -> None:
    results = trial_results(tmp_path, loaded_latency=0.06)
    text = goals(results, ACCURACY)["overload"].measured
    assert text == "2.00 (60.0 ms with 4 cameras, 30.0 ms with one)"


def test_overlay_is_not_measured_without_a_browser(tmp_path: Path) -> None:
    results = trial_results(tmp_path, overlay_ms=0)
    assert goals(results, ACCURACY)["overlay"].reached is None
    assert "| not measured | — |" in page(results)


def test_load_is_held_if_cameras_keep_their_rate_and_latency() -> None:
    assert Load(1, 2, 14.9, 60, 0.9).held
    assert not Load(1, 2, 13.0, 60, 0.9).held
    assert not Load(1, 2, 15.0, 120, 0.9).held


def test_table_is_markdown_with_left_aligned_first_column(tmp_path: Path) -> None:
    table = (
        "| runtime | first message, s | first window, s |\n| --- | ---: | ---: |\n"
        f"| {DEFAULT_RUNTIME} | 1.50 | 1.60 |\n"
    )
    text = page(trial_results(tmp_path))
    assert table in text.partition("## Start time\n")[2]


def test_all_rows_of_a_table_have_the_same_number_of_cells(tmp_path: Path) -> None:
    tables = [
        [line for line in section.splitlines() if line.startswith("|")]
        for section in page(trial_results(tmp_path)).split("## ")[1:]
    ]
    assert len(tables) == 8
    for table in tables:
        assert len(table) > 2
        assert len({line.count(" | ") for line in table}) == 1


def test_figures_have_three_significant_digits() -> None:
    values = (123.4, 23.45, 1.234, 0.0)
    assert [number(value) for value in values] == ["123", "23.4", "1.23", "0.00"]
    assert (number(2, "s"), share(0.0456)) == ("2.00 s", "4.6 %")
