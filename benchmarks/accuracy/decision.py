"""Compare rules for naming a genre: memory, weights of short windows, thresholds per genre.

The thresholds of each rule are chosen on the unseen people of one fold, within the limits of
`dancetype build`, and tested on those of the other fold.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from benchmarks.accuracy.answers import EARLY, ClassifiedClip, compare_clips, unseen_clips
from benchmarks.accuracy.models import live_classifier
from benchmarks.accuracy.unseen import BOTH
from benchmarks.accuracy.workspace import OTHER_FOLD, Job, Result, Workspace, jobs_for_both_folds
from dancetype.engine.rolling import Decision, RollingEstimate
from dancetype.export.build import MAX_WRONG, MIN_QUIET
from dancetype.training.calibration import (
    DURATION_POWER,
    ENTER,
    OperatingPoint,
    choose_decision,
    decision_grid,
    measure_decision,
)
from dancetype.training.live import START, LiveWindows, mean_of_clips

RULES: Final = {
    "one threshold, memory of 1 s": (1.0, DURATION_POWER),
    "memory of 0.5 s": (0.5, DURATION_POWER),
    "memory of 2 s": (2.0, DURATION_POWER),
    "short windows count in proportion to their length": (1.0, 1.0),
    "short windows count as much as long ones": (1.0, 0.0),
}
"""Time constant in seconds and duration power of each rule with one threshold for all genres."""

PER_GENRE: Final = "a threshold for each genre, memory of 1 s"

CHOSEN_ON: Final = ("rendered", "negatives", "generated")
"""Test sets that thresholds are chosen on. Real tracks are only tested on."""


def jobs() -> list[Job]:
    """Return a job for each fold."""
    description = "rules of the decision, chosen on the other fold and tested with live-{fold}"
    return jobs_for_both_folds("decision", description, _run, BOTH)


def _run(fold: str, workspace: Workspace) -> Result:
    other = OTHER_FOLD[fold]
    fitting = unseen_clips(live_classifier(workspace, other), workspace, other)
    classifier = live_classifier(workspace, fold)
    test_sets, labels = unseen_clips(classifier, workspace, fold), classifier.contract.labels
    chosen = choose_rules([clip for name in CHOSEN_ON for clip in fitting[name]], labels)
    return {
        rule: {
            "enter": dict(zip(labels, decision.enter, strict=True)),
            **{
                name: mean_of_clips(
                    compare_clips(
                        clips,
                        RollingEstimate(labels, decision),
                        labels,
                        start=EARLY if name == "real" else START,
                    )
                )
                for name, clips in test_sets.items()
            },
        }
        for rule, decision in chosen.items()
    }


def choose_rules(clips: Iterable[ClassifiedClip], labels: tuple[str, ...]) -> dict[str, Decision]:
    """Return the best decision of each rule on clips of dancers and of other people."""
    pairs = [(clip.genre, clip.windows) for clip in clips]
    chosen = {
        rule: _choose(
            measure_decision(pairs, labels, each)
            for each in decision_grid(
                len(labels), time_constants=(time_constant,), duration_power=power
            )
        )
        for rule, (time_constant, power) in RULES.items()
    }
    first = next(iter(chosen.values()))
    chosen[PER_GENRE] = _choose_thresholds(pairs, labels, first)
    return {rule: point.decision for rule, point in chosen.items()}


def _choose_thresholds(
    pairs: Sequence[tuple[str, LiveWindows]], labels: tuple[str, ...], point: OperatingPoint
) -> OperatingPoint:
    """Improve the threshold of one genre after the other, twice."""
    for genre in (*range(len(labels)), *range(len(labels))):
        changed = [_with_threshold(point.decision, genre, enter) for enter in ENTER]
        point = _choose([point, *(measure_decision(pairs, labels, each) for each in changed)])
    return point


def _with_threshold(decision: Decision, genre: int, enter: float) -> Decision:
    ratio = decision.leave[0] / decision.enter[0]
    thresholds = list(decision.enter)
    thresholds[genre] = enter
    leave = tuple(threshold * ratio for threshold in thresholds)
    return replace(decision, enter=tuple(thresholds), leave=leave)


def _choose(points: Iterable[OperatingPoint]) -> OperatingPoint:
    return choose_decision(points, min_quiet=MIN_QUIET, max_wrong=MAX_WRONG)
