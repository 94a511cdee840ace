"""Collect what each section of docs/accuracy.md shows, and draw its picture.

A section without results is None or empty.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import ablation, compare, doubt, ladder, plots, robustness, steady
from benchmarks.accuracy.measures import calibration_gap, frontier, merged, pooled, summary
from benchmarks.accuracy.place import OTHER, Place, Result
from dancetype.engine.genres import CODES, GENRES

_COMPARED = {
    "live": "LSTM, as shipped",
    "small": "LSTM, the small recipe",
    "stgcn": "small ST-GCN++",
    "trees": "boosted trees on kinematic features",
} | {name: f"LSTM, `{name}`" for name in compare.BEGUN}
_FAULTS = {
    "frame_rate": "frames a second",
    "dropped": "frames dropped, %",
    "noise": "noise, 1 as MediaPipe's",
    "heading": "degrees past the camera",
}
_VIDEOS = {
    "demo": "the demo's clip: somebody moves, no dance",
    "still": "one frame of it, standing still",
    "noise": "random pixels",
    "kicks": "`kicks.mp4`: one person kicks",
}


def collect(place: Place, pictures: Path) -> dict[str, Any]:
    """Return the variables of the page's template; pictures are drawn on the way."""
    return {
        "unseen": _unseen(place, pictures),
        "ladder": _ladder(place, pictures),
        "ablation": _ablation(place, pictures),
        "compared": _compared(place),
        "seconds": _seconds(place, pictures),
        "camera": _camera(place, pictures),
        "bodies": _bodies(place),
        "doubt": _doubt(place, pictures),
        "videos": _videos(place),
        "steady": _steady(place, pictures),
    }


def _both(place: Place, name: str) -> list[Result]:
    """Return the results of a job's two ways; empty unless both are there."""
    found = [place.result(f"{name}-{way}") for way in OTHER]
    return [result for result in found if result is not None] if None not in found else []


def _unseen(place: Place, pictures: Path) -> Result | None:
    ways = _both(place, "unseen")
    if not ways:
        return None
    # Each dancer is judged by the model that was not trained on that dancer.
    dancers = [
        {"dancer": name} | found for way in ways for name, found in sorted(way["by_dancer"].items())
    ]
    each_genre = {code: [d for d in dancers if d["genre"] == code] for code in CODES}
    by_genre = {code: found for code, found in each_genre.items() if found}
    labels = ways[0]["figures"]["labels"]
    counts = np.sum([way["figures"]["confusion"] for way in ways], axis=0)
    reliability = {f"{way['trained']} to {way['tested']}": way["reliability"] for way in ways}
    plots.by_genre(pictures / "genres.png", [(GENRES[c], found) for c, found in by_genre.items()])
    plots.confusion(pictures / "confusion.png", counts.tolist(), [GENRES[c] for c in labels])
    plots.reliability(pictures / "reliability.png", reliability)
    return {
        "ways": ways,
        "figures": [way["figures"] for way in ways],
        "dancers": dancers,
        "by_genre": by_genre,
        "confusion": counts.tolist(),
        "confused": _confused(counts, labels),
        "gaps": [calibration_gap(table) for table in reliability.values()],
        "gap": calibration_gap(merged(list(reliability.values()))),
        "rendered": [way["rendered"] for way in ways if way["rendered"]],
        **_real(ways, place.result("shipped")),
    }


def _confused(counts: Any, labels: Sequence[str]) -> list[tuple[str, str, float]]:
    """Return the four most frequent confusions: truth, answer and share of the truth's clips."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    worst = np.argsort(shares, axis=None)[::-1][:4]
    pairs = zip(*np.unravel_index(worst, shares.shape), strict=True)
    return [(labels[row], labels[column], shares[row, column]) for row, column in pairs]


def _real(ways: list[Result], shipped: Result | None) -> Result:
    """Return answers about real tracks whose dancer the answering model was not trained on."""
    rows = [
        row | {"trained": way["trained"], "probability": float(np.exp(row["log_probability"]))}
        for way in ways
        for row in way["real"]
        if not row["dancer_known"]
    ]
    unseen = [row for row in rows if not row["performance_known"]]
    groups = {
        "whole tracks, dancer never seen": summary(unseen),
        "2-second pieces of them": summary([piece for row in unseen for piece in row["pieces"]]),
    }
    if shipped:
        name = "the shipped file, whole tracks; it knows nine of the performances"
        groups[name] = summary(shipped["real"])
    return {"real": rows, "real_unseen": summary(unseen), "real_groups": groups}


def _ladder(place: Place, pictures: Path) -> Result | None:
    each = {
        rung: [r for way in OTHER if (r := place.result(f"ladder-{rung}-{way}"))]
        for rung in ladder.RUNGS
    }
    rungs = {rung: ways for rung, ways in each.items() if ways}
    if not rungs:
        return None
    windows = {r: [way["figures"]["window_accuracy"] for way in w] for r, w in rungs.items()}
    plots.ladder(pictures / "ladder.png", windows, [ladder.RUNGS[rung] for rung in rungs])
    tests = [way for ways in rungs.values() for way in ways]
    return {
        "rungs": rungs,
        "about": ladder.RUNGS,
        "model": tests[0]["model"],
        "learned": [test["learned"] for test in tests],
    }


def _ablation(place: Place, pictures: Path) -> Result | None:
    steps: dict[str, list[Result]] = {}
    about = {}
    for step, text in ablation.STEPS.items():
        names = [f"ablation-{step}-{way}-{seed}" for way in OTHER for seed in ablation.SEEDS]
        runs = [result for name in names if (result := place.result(name)) is not None]
        if runs:
            title = step if step == "naive" else f"+ {step}"
            steps[title], about[title] = runs, text
    if not steps:
        return None
    panels = {
        "motion capture, windows, %": ("figures", "window_accuracy"),
        "rendered, windows, %": ("rendered", "window_accuracy"),
        "real, probability, %": ("real_summary", "probability"),
    }
    bars = {
        title: {
            name: [run[test][what] for run in runs if run[test]] for name, runs in steps.items()
        }
        for title, (test, what) in panels.items()
    }
    plots.ablation(
        pictures / "ablation.png", {t: each for t, each in bars.items() if any(each.values())}
    )
    first = {
        step: [run["real_summary"]["top_1"] / run["real_summary"]["clips"] for run in runs]
        for step, runs in steps.items()
    }
    return {"steps": steps, "about": about, "first": first, "seeds": len(ablation.SEEDS)}


def _compared(place: Place) -> list[Result]:
    rows = []
    for name, title in _COMPARED.items():
        tests = [place.result(f"compare-{name}-{way}") for way in compare.SPLITS]
        found = [test for test in tests if test is not None]
        if found:
            model = found[0]["model"]
            size = model.get("parameters")
            row = {
                "title": title,
                "size": f"{size:,}" if size else f"{model['trees']:,} trees",
                "one_window_ms": found[0]["one_window_ms"],
                "tests": tests,
                "real": _real_unseen(found),
            }
            rows.append(row)
    return rows


def _real_unseen(tests: list[Result]) -> str:
    found = [test["real_unseen"] for test in tests if test["trained"] != "pose_train"]
    clips = sum(summary["clips"] for summary in found)
    return f"{sum(s['top_1'] for s in found if s['clips'])} of {clips}" if clips else "-"


def _lines(
    amounts: Sequence[float], ways: Sequence[list[Result]], share: str, count: str
) -> dict[str, plots.Line]:
    """Return a curve over all points, one over basic and one over advanced choreography.

    Args:
        amounts: Horizontal position of each point.
        ways: Points of each of the two ways.
        share: Field of a point's overall accuracy.
        count: Field that says how much that is a share of.
    """
    kinds = {"all": (share, count)} | {k: (k, f"{k}_{count}") for k in ("basic", "advanced")}
    each = list(zip(*ways, strict=True))
    return {
        name: (amounts, [pooled((p[part], p[whole]) for p in points) for points in each])
        for name, (part, whole) in kinds.items()
    }


def _rows(*curves: Mapping[str, plots.Line]) -> list[tuple[float, Sequence[float | None]]]:
    """Return each point's amount and its share on all curves."""
    each = [line for curve in curves for line in curve.values()]
    return list(zip(each[0][0], zip(*(shares for _, shares in each), strict=True), strict=True))


def _seconds(place: Place, pictures: Path) -> Result | None:
    ways = _both(place, "seconds")
    if not ways:
        return None
    clear, ordinary = (
        _lines(robustness.SECONDS, [way[camera] for way in ways], "accuracy", "pieces")
        for camera in ("clear", "ordinary")
    )
    plots.seconds(pictures / "seconds.png", clear, ordinary)
    return {
        "rows": _rows(clear, ordinary),
        "sequences": sum(way["sequences"] for way in ways),
        "pieces": sum(way["clear"][0]["pieces"] for way in ways),
        "longest": robustness.SECONDS[-1],
        "every": robustness.EVERY,
        "start_every": robustness.PIECES_START_EVERY,
    }


def _camera(place: Place, pictures: Path) -> Result | None:
    ways = _both(place, "camera")
    if not ways:
        return None
    curves = {}
    for fault, label in _FAULTS.items():
        factor = 100 if fault == "dropped" else 1
        amounts = [factor * amount for amount in robustness.CURVES[fault]]
        points = [way["curves"][fault] for way in ways]
        curves[label] = _lines(amounts, points, "window_accuracy", "windows")
    plots.camera(pictures / "camera.png", curves)
    return {
        "faults": {label: _rows(curve) for label, curve in curves.items()},
        "sequences": sum(way["sequences"] for way in ways),
        "every": robustness.EVERY,
    }


def _bodies(place: Place) -> dict[str, list[Result]]:
    """Return the points of both ways by kind of body and version of its dance."""
    found = {}
    for kind in ("rendered", "real"):
        tests = [way[kind] for way in _both(place, "bodies") if way[kind]]
        for version in tests[0] if tests else ():
            found[f"{kind}: {version}"] = [test[version] for test in tests]
    return found


def _doubt(place: Place, pictures: Path) -> Result | None:
    ways = _both(place, "doubt")
    if not ways:
        return None
    shipped = place.result("doubt-shipped")
    tests = [*ways, shipped] if shipped else ways
    kinds = {
        name: {
            "held_out": kind["held_out"],
            "quiet": [test["kinds"][name]["quiet"] for test in tests],
            "named": [test["kinds"][name]["most_named"] for test in tests],
        }
        for name, kind in ways[0]["kinds"].items()
    }
    plots.doubt(pictures / "doubt.png", kinds)
    asked = [kind for way in ways for kind in way["kinds"].values()]
    learned, held_out = (
        pooled((kind["quiet"], kind["answers"]) for kind in asked if kind["held_out"] == held)
        for held in (False, True)
    )
    return {
        "ways": ways,
        "tests": tests,
        "kinds": kinds,
        "learned": learned,
        "held_out": held_out,
        "each": doubt.EACH,
        "seconds": doubt.SECONDS,
        "every": doubt.EVERY,
    }


def _videos(place: Place) -> dict[str, Result]:
    return {
        _VIDEOS.get(name, name): {
            "seconds": result["seconds"]["value"],
            "models": [found for model, found in result.items() if model != "seconds"],
        }
        for name, result in (place.result("videos") or {}).items()
    }


def _steady(place: Place, pictures: Path) -> Result | None:
    ways = _both(place, "steady")
    if not ways:
        return None
    points = [_mean_point(each) for each in zip(*(way["points"] for way in ways), strict=True)]
    shipped = next(point for point in points if point["knobs"] == ways[0]["shipped"])
    shown = [point for point in points if point["delay"] is not None]
    best = frontier(shown)
    if shipped["delay"] is not None:
        plots.steadiness(pictures / "steadiness.png", shown, shipped=shipped, best=best)
    return {
        "shipped": shipped,
        "best": best,
        "minutes": sum(way["minutes"] for way in ways),
        "every": steady.EVERY,
    }


def _mean_point(each: Sequence[Result]) -> Result:
    """Return one rolling estimate's figures, the mean of both ways; None if either has none."""
    figures = [point["figures"] for point in each]
    means = {
        name: None if None in values else sum(values) / len(values)
        for name in figures[0]
        for values in [[found[name] for found in figures]]
    }
    return {"knobs": each[0]["knobs"]} | means
