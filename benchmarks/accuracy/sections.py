"""Values of the page's sections on live answers, augmentation, rejection and teachers."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.accuracy import answers, decision, plots, rejection, teachers
from benchmarks.accuracy.workspace import OTHER_FOLD, Result, Workspace
from dancetype.training.live import LiveClip, mean_of_clips

_FOLDS: Final = "unseen people, both folds"
_SHIPPED: Final = "shipped"
_MODELS: Final = {f"live-{fold}": fold for fold in OTHER_FOLD} | {_SHIPPED: "shipped"}
"""Models and the ends of the names of their jobs."""


def live_answers(workspace: Workspace) -> Result | None:
    """Return the rows of the tables of live answers; None without results."""
    results = {
        title: result
        for title, name in _MODELS.items()
        if (result := workspace.result(f"answers-{name}")) is not None
    }
    if not results:
        return None
    rows = [row for title, result in results.items() for row in _rows(title, [result])]
    folds = [result for title, result in results.items() if title != _SHIPPED]
    summary = _rows(_FOLDS, folds) if len(folds) == len(OTHER_FOLD) else []
    return {
        "summary": _by_test_set(summary + [row for row in rows if row["model"] == _SHIPPED]),
        "rows": _by_test_set(rows),
        "clips": [
            {"model": title} | clip
            for title, result in results.items()
            for clip in (*result["early"], *result["sets"].get("nondance", ()))
        ],
    }


def _rows(title: str, models: Sequence[Result]) -> list[Result]:
    """Return the mean figures of each test set, over the clips of all models."""
    rows = []
    for name, description in answers.TEST_SETS.items():
        versions = {description: [model["sets"].get(name, ()) for model in models]}
        if name == "real":
            early = f"{description}, from {answers.EARLY:g} s on"
            versions = {early: [model["early"] for model in models], **versions}
        for test_set, clips in versions.items():
            mean = mean_live([clip for of_model in clips for clip in of_model])
            if mean is not None:
                rows.append({"test_set": test_set, "model": title} | mean)
    return rows


def mean_live(clips: Iterable[Mapping[str, Any]]) -> Result | None:
    """Return the mean figures of live clips as read from JSON."""
    return mean_of_clips([LiveClip(**clip) for clip in clips])


def _by_test_set(rows: Iterable[Result]) -> list[Result]:
    """Return rows sorted by test set, in the order in which test sets first appear."""
    rows = list(rows)
    order = list(dict.fromkeys(row["test_set"] for row in rows))
    return sorted(rows, key=lambda row: order.index(row["test_set"]))


def operating_curves(workspace: Workspace, pictures: Path) -> list[Result] | None:
    """Return the points of the operating curves, as means of both folds, and plot them."""
    folds = workspace.results(f"answers-{fold}" for fold in OTHER_FOLD)
    if len(folds) < len(OTHER_FOLD):
        return None
    points = mean_curve([fold["curve"] for fold in folds])
    plots.operating_curves(pictures / "curves.png", points)
    return points


def decision_rules(workspace: Workspace) -> dict[str, Result]:
    """Return each rule's mean shares of the test sets in both folds; empty without results."""
    folds = workspace.results(f"decision-{fold}" for fold in OTHER_FOLD)
    if len(folds) < len(OTHER_FOLD):
        return {}
    return {
        rule: {
            name: {
                share: float(np.mean([value[share] for value in values]))
                for share in ("right", "wrong", "none")
                if all(value[share] is not None for value in values)
            }
            for name in answers.TEST_SETS
            if all(values := [fold[rule][name] for fold in folds])
        }
        for rule in (*decision.RULES, decision.PER_GENRE)
    }


def mean_curve(curves: Sequence[Sequence[Result]]) -> list[Result]:
    """Return the mean over models of the shares at each threshold, for test sets that all have."""
    points = []
    for same_threshold in zip(*curves, strict=True):
        point: Result = {"enter": same_threshold[0]["enter"]}
        for name in answers.TEST_SETS:
            if all(name in model for model in same_threshold):
                shares = [model[name] for model in same_threshold]
                point[name] = {key: average(s[key] for s in shares) for key in shares[0]}
        points.append(point)
    return points


def average(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are not None; None without any."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def rejection_curves(workspace: Workspace, pictures: Path) -> dict[str, Result]:
    """Return the shares named with each output and the number of runs, and plot them."""
    curves: dict[str, Result] = {}
    for output in rejection.OUTPUTS:
        runs = workspace.results(
            f"rejection-{output}-{fold}-{seed}" for fold in OTHER_FOLD for seed in rejection.SEEDS
        )
        if runs:
            pairs = {
                title: [
                    {name: average(point[name] for point in points) for name in points[0]}
                    for points in zip(*(run["pairs"][title] for run in runs), strict=True)
                ]
                for title in rejection.PAIRS
                if all(title in run["pairs"] for run in runs)
            }
            curves[output] = {"runs": len(runs), "pairs": pairs}
    if curves:
        plots.rejection(
            pictures / "rejection.png", {name: curve["pairs"] for name, curve in curves.items()}
        )
    return curves


def teacher_steps(workspace: Workspace) -> dict[str, list[Result]]:
    """Return the results of both folds by the title of the step."""
    steps = {
        title: workspace.results(f"teachers-{name}-{fold}" for fold in OTHER_FOLD)
        for name, (title, _) in teachers.STEPS.items()
    }
    return {title: folds for title, folds in steps.items() if len(folds) == len(OTHER_FOLD)}
