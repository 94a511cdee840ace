import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy.ablation import SEEDS, STEPS
from benchmarks.accuracy.ladder import RUNGS
from benchmarks.accuracy.measures import pooled
from benchmarks.accuracy.page import percent, spread, write_page
from benchmarks.accuracy.place import OTHER, Place, Result
from benchmarks.accuracy.robustness import CURVES, SECONDS
from dancetype.engine.genres import CODES


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, tmp_path, None, None, tmp_path / "runs")


def accuracies(windows: float) -> Result:
    return {"clips": 10, "clip_accuracy": 0.9, "windows": 200, "window_accuracy": windows}


def figures(windows: float) -> Result:
    confusion = 9 * np.eye(len(CODES), dtype=int) + np.eye(len(CODES), k=1, dtype=int)
    return {
        **accuracies(windows),
        "by_situation": {"basic": accuracies(windows + 0.1), "advanced": accuracies(windows - 0.1)},
        "confusion": confusion.tolist(),
        "labels": list(CODES),
        "ece": 0.05,
    }


def answer(rank: int, **more: Any) -> Result:
    return {"answer": "BR", "rank": rank, "log_probability": -0.5 * rank, **more}


def real_track(dancer: str, *, known: bool) -> Result:
    pieces = [answer(1), answer(2)]
    told = {"name": f"br_{dancer}", "genre": "BR", "dancer": dancer, "pieces": pieces}
    return answer(1, **told, dancer_known=known, performance_known=known)


def unseen(way: str) -> Result:
    dancers = {
        f"d{way}{index}": {"genre": code} | accuracies(0.75) for index, code in enumerate(CODES)
    }
    return {
        "trained": f"dancers:{way}",
        "tested": f"dancers:{OTHER[way]}",
        "figures": figures(0.8),
        "by_dancer": dancers,
        "reliability": [
            {"windows": 100, "confidence": 0.5, "accuracy": 0.6},
            {"windows": 100, "confidence": 0.9, "accuracy": 0.8},
        ],
        "real": [real_track("d04", known=way == "A"), real_track("", known=False)],
        "rendered": None,
    }


def point(amount: float) -> Result:
    counts = {"windows": 30, "basic_windows": 10, "advanced_windows": 20, "clips": 5}
    shares = {"window_accuracy": 0.7, "basic": 0.9, "advanced": 0.6, "clip_accuracy": 0.8}
    return {"amount": amount, **counts, **shares}


def seen_for(seconds: float) -> Result:
    share = None if seconds < 1 else 0.7
    shares = {"accuracy": share, "basic": share, "advanced": share}
    counts = {"pieces": 30, "basic_pieces": 10, "advanced_pieces": 20}
    return {"seconds": seconds, "said": float(seconds >= 1), **counts, **shares}


def small_run(windows: float) -> Result:
    model = {"steps": 1000, "batch": 64, "parameters": 123456}
    real = {"clips": 12, "top_1": 9, "top_3": 11, "log_probability": -0.7, "probability": 0.6}
    return {
        "model": model,
        "learned": 451,
        "shared_dancers": 0,
        "figures": figures(windows),
        "rendered": None,
        "real_summary": real,
        "real_unseen_summary": real,
        "real_unseen": real,
        "trained": "dancers:A",
        "one_window_ms": 2.5,
    }


def doubted() -> Result:
    kind = {"held_out": True, "answers": 80, "quiet": 0.9, "most_named": "KR"}
    return {
        "kinds": {"waiting": kind, "walking": kind | {"held_out": False, "most_named": None}},
        "frozen": {"quiet": 0.5},
        "dancing": {"sequences": 5, "genre": 0.8, "right": 0.7},
    }


def steady() -> Result:
    shipped = {"memory": 1.5, "enter": 0.6}
    good = {
        "changes": 3.0,
        "delay": 2.5,
        "switch_delay": None,
        "named": 0.8,
        "right": 0.9,
        "false_accepts": 0.1,
    }
    points = [
        {"knobs": shipped, "figures": good},
        {"knobs": shipped | {"memory": 3.0}, "figures": good | {"changes": 1.0, "delay": 4.0}},
        {"knobs": shipped | {"memory": 9.0}, "figures": good | {"delay": None}},
    ]
    return {"minutes": 10.0, "shipped": shipped, "points": points}


def measure_everything(place: Place) -> None:
    for way in OTHER:
        curves = {fault: [point(a) for a in amounts] for fault, amounts in CURVES.items()}
        lengths = [seen_for(seconds) for seconds in SECONDS]
        place.keep(f"unseen-{way}", unseen(way))
        place.keep(f"camera-{way}", {"sequences": 150, "curves": curves})
        place.keep(f"seconds-{way}", {"sequences": 80, "clear": lengths, "ordinary": lengths})
        place.keep(f"bodies-{way}", {"rendered": {}, "real": {"motion capture": point(0)}})
        place.keep(f"doubt-{way}", doubted())
        place.keep(f"steady-{way}", steady())
        place.keep(f"compare-small-{way}", small_run(0.7))
        for rung in RUNGS:
            place.keep(f"ladder-{rung}-{way}", small_run(0.7))
        for step in STEPS:
            for seed in SEEDS:
                place.keep(f"ablation-{step}-{way}-{seed}", small_run(0.6 + seed / 10))
    said = {"answers": 40, "quiet": 1.0, "most_named": None}
    models = {"live-A": said, "live-B": said, "shipped": said}
    place.keep("videos", {"kicks": {"seconds": {"value": 4.0}} | models})


def test_a_page_without_results_says_that_nothing_was_measured(
    place: Place, tmp_path: Path
) -> None:
    text = write_page(place, tmp_path / "docs").read_text(encoding="utf-8")

    assert "Nothing has been measured yet." in text
    assert text.count("Not measured.") == text.count("\n## ") - 2 + text.count("\n### ")


def test_a_page_tells_every_result_and_links_only_pictures_that_are_there(
    place: Place, tmp_path: Path
) -> None:
    measure_everything(place)

    page = write_page(place, tmp_path / "docs")
    text = page.read_text(encoding="utf-8")

    # No body was rendered.
    assert text.count("Not measured.") == 1
    linked = set(re.findall(r"\(accuracy/(\w+\.png)\)", text))
    assert linked == {path.name for path in (page.parent / "accuracy").iterdir()}
    assert len(linked) >= 8
    assert all(path.stat().st_size < 80_000 for path in (page.parent / "accuracy").iterdir())
    assert "| clips of unseen dancers | 90.0 % | 20 clips |" in text
    assert "3.0 a minute, after 2.5 s" in text


def test_real_tracks_of_known_dancers_are_left_out(place: Place, tmp_path: Path) -> None:
    measure_everything(place)

    text = write_page(place, tmp_path / "docs").read_text(encoding="utf-8")

    # d04 was trained on one way, the one of nobody known is asked of both.
    assert "| whole tracks, dancer never seen | 3 | 3 | 3 |" in text
    assert text.count("| br_d04 |") == 1


def test_shares_of_different_tests_count_by_their_size() -> None:
    assert pooled([(0.5, 100), (1.0, 300), (None, 50)]) == pytest.approx(0.875)
    assert pooled([(None, 50), (0.3, 0)]) is None


def test_shares_are_put_in_percent_and_a_spread_needs_two() -> None:
    assert (percent(0.9312), percent(None)) == ("93.1", "-")
    assert (spread([0.5]), spread([]), spread([0.4, 0.6])) == ("50.0", "-", "50.0 ± 14.1")


def test_a_table_has_a_head_and_right_aligned_numbers(place: Place, tmp_path: Path) -> None:
    measure_everything(place)

    text = write_page(place, tmp_path / "docs").read_text(encoding="utf-8")

    assert (
        "\n| fault | amount | all, % | basic, % | advanced, % |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| frames a second | 10 | 70.0 | 90.0 | 60.0 |\n"
    ) in text
