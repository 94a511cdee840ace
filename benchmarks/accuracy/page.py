"""Render docs/explanation/accuracy.md and its pictures from the results of the jobs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import ablation, compare, doubt, ladder, plots, robustness, steady
from benchmarks.accuracy.measures import (
    accuracy,
    calibration_gap,
    frontier,
    merged,
    pooled,
    summary,
)
from benchmarks.accuracy.place import OTHER, Place, Result
from benchmarks.pages import render
from dancetype.engine.genres import CODES, GENRES

_FAULTS: Final = {
    "frame_rate": "frames a second",
    "dropped": "frames dropped, %",
    "noise": "noise, 1 as MediaPipe's",
    "heading": "degrees past the camera",
}


def write_page(place: Place, docs: Path) -> Path:
    """Write `accuracy.md` and its pictures from the results that exist; return the page's path."""
    pictures = docs / "accuracy"
    sections: dict[str, Callable[[list[Result], Path], Result]] = {
        "unseen": _unseen,
        "seconds": _seconds,
        "camera": _camera,
        "bodies": _bodies,
        "doubt": partial(_doubt, shipped=place.results(["doubt-shipped"])),
        "steady": _steady,
    }
    ways = {name: place.results(f"{name}-{way}" for way in OTHER) for name in sections}
    values = {
        **{
            name: section(ways[name], pictures) if len(ways[name]) == len(OTHER) else None
            for name, section in sections.items()
        },
        "ladder": _ladder(place, pictures),
        "ablation": _ablation(place, pictures),
        "compared": _compared(place),
        "shipped": place.result("shipped"),
        "videos": place.result("videos"),
        "settings": {
            module.__name__.rpartition(".")[2]: vars(module)
            for module in (ablation, doubt, ladder, robustness, steady)
        },
    }
    filters: dict[str, Callable[..., Any]] = {
        "accuracy": accuracy,
        "first_shares": lambda rows: [row["top_1"] / row["clips"] for row in rows],
        "genre": lambda code: GENRES.get(code, "-"),
        "genres": _genres,
        "decimal": lambda value, unit="": "-" if value is None else f"{value:.1f}{unit}",
        "pair": lambda shares: " / ".join(map(percent, shares)),
        "percent": percent,
        "spread": spread,
        "summary": summary,
    }
    page = docs / "accuracy.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render("accuracy", values, **filters) + "\n", encoding="utf-8")
    return page


def percent(share: float | None, missing: str = "-") -> str:
    """Return a share in percent, such as "93.1"; `missing` for None."""
    return missing if share is None else f"{100 * share:.1f}"


def spread(shares: Iterable[float]) -> str:
    """Return mean and standard deviation of shares, in percent; the mean alone of one."""
    values = list(shares)
    if not values:
        return "-"
    mean = percent(float(np.mean(values)))
    return mean if len(values) < 2 else f"{mean} ± {percent(float(np.std(values, ddof=1)))}"


def _genres(codes: Iterable[str | None]) -> str:
    return ", ".join(sorted(GENRES[code] for code in set(codes) if code is not None)) or "-"


def _unseen(ways: list[Result], pictures: Path) -> Result:
    # Each dancer is judged by the model that was not trained on that dancer.
    dancers = [
        {"dancer": name} | found for way in ways for name, found in sorted(way["by_dancer"].items())
    ]
    by_genre = {
        code: found for code in CODES if (found := [d for d in dancers if d["genre"] == code])
    }
    labels = [GENRES[code] for code in ways[0]["figures"]["labels"]]
    counts = np.sum([way["figures"]["confusion"] for way in ways], axis=0)
    reliability = {f"{way['trained']} to {way['tested']}": way["reliability"] for way in ways}
    plots.by_genre(pictures / "genres.png", {GENRES[c]: found for c, found in by_genre.items()})
    plots.confusion(pictures / "confusion.png", counts, labels)
    plots.reliability(pictures / "reliability.png", reliability)
    return {
        "ways": ways,
        "dancers": dancers,
        "by_genre": by_genre,
        "clips": counts.sum(),
        "confused": _confused(counts, labels),
        "gaps": [calibration_gap(rows) for rows in reliability.values()],
        "gap": calibration_gap(merged([row for way in ways for row in way["reliability"]])),
        "real": [
            row | {"trained": way["trained"], "probability": np.exp(row["log_probability"])}
            for way in ways
            for row in way["real"]
            if not row["dancer_known"]
        ],
    }


def _confused(counts: NDArray[np.int64], labels: Sequence[str]) -> list[tuple[str, str, float]]:
    """Return the four most frequent confusions: truth, answer and share of the truth's clips."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    worst = np.argsort(shares, axis=None)[::-1][:4]
    pairs = zip(*np.unravel_index(worst, shares.shape), strict=True)
    return [(labels[row], labels[column], shares[row, column]) for row, column in pairs]


def _ladder(place: Place, pictures: Path) -> dict[str, list[Result]]:
    each = {rung: place.results(f"ladder-{rung}-{way}" for way in OTHER) for rung in ladder.RUNGS}
    rungs = {rung: ways for rung, ways in each.items() if ways}
    if rungs:
        windows = {r: [way["figures"]["window_accuracy"] for way in w] for r, w in rungs.items()}
        plots.ladder(pictures / "ladder.png", windows, [ladder.RUNGS[rung] for rung in rungs])
    return rungs


def _ablation(place: Place, pictures: Path) -> dict[str, list[Result]]:
    steps = {}
    for step in ablation.STEPS:
        names = (f"ablation-{step}-{way}-{seed}" for way in OTHER for seed in ablation.SEEDS)
        if runs := place.results(names):
            steps[step] = runs
    panels = {
        "motion capture, windows, %": ("figures", "window_accuracy"),
        "rendered, windows, %": ("rendered", "window_accuracy"),
        "real, probability, %": ("real_summary", "probability"),
    }
    bars = {
        title: {
            step if step == "naive" else f"+ {step}": [run[test][what] for run in runs if run[test]]
            for step, runs in steps.items()
        }
        for title, (test, what) in panels.items()
    }
    if steps:
        drawn = {title: shares for title, shares in bars.items() if any(shares.values())}
        plots.ablation(pictures / "ablation.png", drawn)
    return steps


def _compared(place: Place) -> dict[str, list[Result | None]]:
    """Return each model's results by split, None where there is none."""
    each = {
        name: [place.result(f"compare-{name}-{split}") for split in compare.SPLITS]
        for name in compare.MODELS
    }
    return {name: tests for name, tests in each.items() if any(tests)}


def _curves(ways: Iterable[list[Result]], share: str, count: str) -> plots.Curves:
    """Return curves over the points of both ways: all, basic and advanced choreography.

    The field `share` of a point is its accuracy, `count` the number that it is a share of.
    """
    kinds = {"all": (share, count)} | {k: (k, f"{k}_{count}") for k in ("basic", "advanced")}
    each = list(zip(*ways, strict=True))
    return {
        name: [pooled((point[part], point[whole]) for point in points) for points in each]
        for name, (part, whole) in kinds.items()
    }


def _seconds(ways: list[Result], pictures: Path) -> Result:
    curves = {
        camera: _curves((way[camera] for way in ways), "accuracy", "pieces")
        for camera in ("clear", "ordinary")
    }
    plots.seconds(pictures / "seconds.png", robustness.SECONDS, **curves)
    return {"ways": ways, **curves}


def _camera(ways: list[Result], pictures: Path) -> Result:
    faults = {}
    for fault, label in _FAULTS.items():
        factor = 100 if fault == "dropped" else 1
        amounts = [factor * amount for amount in robustness.CURVES[fault]]
        curves = _curves((way["curves"][fault] for way in ways), "window_accuracy", "windows")
        faults[label] = amounts, curves
    plots.camera(pictures / "camera.png", faults)
    return {"ways": ways, "faults": faults}


def _bodies(ways: list[Result], _pictures: Path) -> dict[str, list[Result]]:
    """Return the points of both ways by kind of body and version of its dance."""
    found = {}
    for kind in ("rendered", "real"):
        tests = [way[kind] for way in ways if way[kind]]
        for version in tests[0] if tests else ():
            found[f"{kind}: {version}"] = [test[version] for test in tests]
    return found


def _doubt(ways: list[Result], pictures: Path, *, shipped: list[Result]) -> Result:
    tests = ways + shipped
    kinds = {name: [test["kinds"][name] for test in tests] for name in ways[0]["kinds"]}
    plots.doubt(pictures / "doubt.png", kinds)
    asked = [kind for way in ways for kind in way["kinds"].values()]
    learned, held_out = (
        pooled((kind["quiet"], kind["answers"]) for kind in asked if kind["held_out"] == held)
        for held in (False, True)
    )
    return {"ways": ways, "kinds": kinds, "learned": learned, "held_out": held_out}


def _steady(ways: list[Result], pictures: Path) -> Result:
    points = [_mean_point(each) for each in zip(*(way["points"] for way in ways), strict=True)]
    shipped = next(point for point in points if point["knobs"] == ways[0]["shipped"])
    shown = [point for point in points if point["delay"] is not None]
    best = frontier(shown)
    if shipped["delay"] is not None:
        plots.steadiness(pictures / "steadiness.png", shown, shipped=shipped, best=best)
    return {"ways": ways, "shipped": shipped, "best": best}


def _mean_point(each: Sequence[Mapping[str, Any]]) -> Result:
    """Return one rolling estimate's figures, the mean of both ways; None if either has none."""
    figures = [point["figures"] for point in each]
    means: Result = {"knobs": each[0]["knobs"]}
    for name in figures[0]:
        values = [found[name] for found in figures]
        means[name] = None if None in values else sum(values) / len(values)
    return means
