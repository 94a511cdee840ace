"""Render docs/explanation/accuracy.md and its plots from the results of the jobs."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import (
    ablation,
    ablation_table,
    answers,
    compare,
    doubt,
    ladder,
    plots,
    rejection,
    robustness,
    sections,
    steady,
)
from benchmarks.accuracy.measures import (
    binned_calibration_error,
    merge_bins,
    pareto_front,
    pooled_accuracy,
    summarise,
    weighted_mean,
)
from benchmarks.accuracy.workspace import OTHER_FOLD, Result, Workspace
from benchmarks.pages import render
from dancetype.engine.genres import CODES, GENRES

_FAULTS: Final = {
    "frame_rate": "frames per second",
    "dropped": "dropped frames, %",
    "noise": "noise, 1 = MediaPipe's",
    "heading": "heading, degrees",
}
"""Labels of the faults of the camera."""

_SECTION: Final = re.compile(r"(?m)^(?=##+ )")
"""Start of a section or subsection."""

_UNMEASURED: Final = ("Not measured.", "Nothing has been measured yet.")
"""Start of the text of a section without a result."""


def write_page(workspace: Workspace, docs: Path) -> Path:
    """Write `accuracy.md` and its plots from the existing results; return the page's path.

    Sections without a result stay as they are, because some take a day to measure.
    """
    pictures = docs / "accuracy"
    by_fold: dict[str, Callable[[list[Result], Path], Result]] = {
        "unseen": _unseen,
        "seconds": _seconds,
        "camera": _camera,
        "bodies": _bodies,
        "doubt": partial(_doubt, shipped=workspace.results(["doubt-shipped"])),
        "steady": _steady,
    }
    folds = {name: workspace.results(f"{name}-{fold}" for fold in OTHER_FOLD) for name in by_fold}
    values = {
        **{
            name: section(folds[name], pictures) if len(folds[name]) == len(OTHER_FOLD) else None
            for name, section in by_fold.items()
        },
        "ladder": _ladder(workspace, pictures),
        "answers": sections.live_answers(workspace),
        "operating": sections.operating_curves(workspace, pictures),
        "rules": sections.decision_rules(workspace),
        "ablation": ablation_table.ablation_steps(workspace, pictures),
        "rejection": sections.rejection_curves(workspace, pictures),
        "teachers": sections.teacher_steps(workspace),
        "compared": _compared(workspace),
        "shipped": workspace.result("shipped"),
        "videos": workspace.result("videos"),
        "settings": {
            module.__name__.rpartition(".")[2]: vars(module)
            for module in (
                ablation,
                answers,
                doubt,
                ladder,
                rejection,
                robustness,
                sections,
                steady,
            )
        },
    }
    filters: dict[str, Callable[..., Any]] = {
        "accuracy": pooled_accuracy,
        "average": sections.average,
        "genre": lambda code: GENRES.get(code, "-"),
        "genres": _join_genres,
        "decimal": lambda value, unit="": "-" if value is None else f"{value:.1f}{unit}",
        "pair": lambda shares: " / ".join(map(percent, shares)),
        "percent": percent,
        "spread": spread,
        "summary": summarise,
    }
    page = docs / "accuracy.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    text = render("accuracy", values, **filters) + "\n"
    if page.exists():
        text = keep_unmeasured(text, page.read_text(encoding="utf-8"))
    page.write_text(text, encoding="utf-8")
    return page


def keep_unmeasured(page: str, former: str) -> str:
    """Return a page with the former text of each section that is not measured."""
    before = {_title(section): section for section in _SECTION.split(former)}
    return "".join(
        before.get(_title(section), section)
        if section.removeprefix(_title(section)).strip().startswith(_UNMEASURED)
        else section
        for section in _SECTION.split(page)
    )


def _title(section: str) -> str:
    return section.partition("\n")[0]


def percent(share: float | None, missing: str = "-") -> str:
    """Format a share as a percentage, such as "93.1", or return `missing` for None."""
    return missing if share is None else f"{100 * share:.1f}"


def spread(shares: Iterable[float]) -> str:
    """Format mean and standard deviation of shares in percent; for one share, only the mean."""
    values = list(shares)
    if not values:
        return "-"
    mean = percent(float(np.mean(values)))
    return mean if len(values) < 2 else f"{mean} ± {percent(float(np.std(values, ddof=1)))}"


def _join_genres(codes: Iterable[str | None]) -> str:
    return ", ".join(sorted(GENRES[code] for code in set(codes) if code is not None)) or "-"


def _unseen(folds: list[Result], pictures: Path) -> Result:
    dancers = [
        {"dancer": name} | accuracies
        for fold in folds
        for name, accuracies in sorted(fold["by_dancer"].items())
    ]
    by_genre = {
        code: same_genre
        for code in CODES
        if (same_genre := [dancer for dancer in dancers if dancer["genre"] == code])
    }
    labels = [GENRES[code] for code in folds[0]["figures"]["labels"]]
    counts = np.sum([fold["figures"]["confusion"] for fold in folds], axis=0)
    bins = {f"{fold['trained']} to {fold['tested']}": fold["reliability"] for fold in folds}
    plots.by_genre(pictures / "genres.png", {GENRES[code]: by_genre[code] for code in by_genre})
    plots.confusion(pictures / "confusion.png", counts, labels)
    plots.reliability(pictures / "reliability.png", bins)
    return {
        "folds": folds,
        "dancers": dancers,
        "by_genre": by_genre,
        "clips": counts.sum(),
        "confused": _most_confused(counts, labels),
        "gaps": [binned_calibration_error(rows) for rows in bins.values()],
        "gap": binned_calibration_error(
            merge_bins([row for rows in bins.values() for row in rows])
        ),
        "real": [
            row | {"trained": fold["trained"], "probability": np.exp(row["log_probability"])}
            for fold in folds
            for row in fold["real"]
            if not row["dancer_known"]
        ],
    }


def _most_confused(
    counts: NDArray[np.int64], labels: Sequence[str]
) -> list[tuple[str, str, float]]:
    """Return the four most frequent confusions.

    Returns:
        True genre, predicted genre and share of the clips of the true genre.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    worst = np.argsort(shares, axis=None)[::-1][:4]
    pairs = zip(*np.unravel_index(worst, shares.shape), strict=True)
    return [(labels[row], labels[column], shares[row, column]) for row, column in pairs]


def _ladder(workspace: Workspace, pictures: Path) -> dict[str, list[Result]]:
    """Return the results of both folds by test set."""
    results = {}
    for test_set in ladder.TEST_SETS:
        if folds := workspace.results(f"ladder-{test_set}-{fold}" for fold in OTHER_FOLD):
            results[test_set] = folds
    if results:
        accuracies = {
            test_set: [fold["figures"]["window_accuracy"] for fold in folds]
            for test_set, folds in results.items()
        }
        descriptions = [ladder.TEST_SETS[test_set] for test_set in results]
        plots.ladder(pictures / "ladder.png", accuracies, descriptions)
    return results


def _compared(workspace: Workspace) -> dict[str, list[list[Result]]]:
    """Return each model's runs in each fold, if it was measured in both."""
    results = {
        name: [
            workspace.results(f"compare-{name}-{fold}-{seed}" for seed in seeds)
            for fold in OTHER_FOLD
        ]
        for name, seeds in compare.SEEDS.items()
    }
    return {name: folds for name, folds in results.items() if all(folds)}


def _curves(folds: Iterable[list[Result]], accuracy: str, count: str) -> plots.Curves:
    """Return the curves of all, basic and advanced choreography over the points of both folds.

    Args:
        folds: Points of each fold.
        accuracy: Field of a point with the accuracy for all choreography.
        count: Field of a point with the number of windows or pieces.
    """
    fields = {"all": (accuracy, count)} | {
        kind: (kind, f"{kind}_{count}") for kind in ("basic", "advanced")
    }
    pairs = list(zip(*folds, strict=True))
    return {
        name: [weighted_mean((point[share], point[total]) for point in pair) for pair in pairs]
        for name, (share, total) in fields.items()
    }


def _seconds(folds: list[Result], pictures: Path) -> Result:
    curves = {
        camera: _curves((fold[camera] for fold in folds), "accuracy", "pieces")
        for camera in ("clear", "ordinary")
    }
    plots.seconds(pictures / "seconds.png", robustness.SECONDS, **curves)
    return {"folds": folds, **curves}


def _camera(folds: list[Result], pictures: Path) -> Result:
    faults = {}
    for fault, label in _FAULTS.items():
        factor = 100 if fault == "dropped" else 1
        amounts = [factor * amount for amount in robustness.CURVES[fault]]
        curves = _curves((fold["curves"][fault] for fold in folds), "window_accuracy", "windows")
        faults[label] = amounts, curves
    plots.camera(pictures / "camera.png", faults)
    return {"folds": folds, "faults": faults}


def _bodies(folds: list[Result], _pictures: Path) -> dict[str, list[Result]]:
    """Return the points of both folds by kind of body and version of the dance."""
    points = {}
    for kind in ("rendered", "real"):
        tests = [fold[kind] for fold in folds if fold[kind]]
        for version in tests[0] if tests else ():
            # Results of earlier runs have a longer name for this version.
            label = "MediaPipe" if version.endswith("MediaPipe") else version
            points[f"{kind}: {label}"] = [test[version] for test in tests]
    return points


def _doubt(folds: list[Result], pictures: Path, *, shipped: list[Result]) -> Result:
    tests = folds + shipped
    kinds = {name: [test["kinds"][name] for test in tests] for name in folds[0]["kinds"]}
    plots.doubt(pictures / "doubt.png", kinds)
    learned, held_out = (
        weighted_mean(
            (kind["quiet"], kind["answers"])
            for fold in folds
            for kind in fold["kinds"].values()
            if kind["held_out"] is held_out
        )
        for held_out in (False, True)
    )
    return {"folds": folds, "kinds": kinds, "learned": learned, "held_out": held_out}


def _steady(folds: list[Result], pictures: Path) -> Result:
    points = [_mean_point(pair) for pair in zip(*(fold["points"] for fold in folds), strict=True)]
    shipped = next(point for point in points if point["knobs"] == folds[0]["shipped"])
    finite = [point for point in points if point["delay"] is not None]
    best = pareto_front(finite)
    if shipped["delay"] is not None:
        plots.steadiness(pictures / "steadiness.png", finite, shipped=shipped, best=best)
    return {"folds": folds, "shipped": shipped, "best": best}


def _mean_point(points: Sequence[Mapping[str, Any]]) -> Result:
    """Return the mean figures of one rolling estimate; None for figures missing in a fold."""
    means: Result = {"knobs": points[0]["knobs"]}
    for name in points[0]["figures"]:
        values = [point["figures"][name] for point in points]
        means[name] = None if None in values else sum(values) / len(values)
    return means
