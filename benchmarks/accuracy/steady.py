"""Compare rolling estimates: delay, changes of the genre, and genres named without a dance.

Each model classifies windows of unseen dancers once; then many rolling estimates are replayed on
its predictions.
"""

from dataclasses import asdict, replace
from itertools import pairwise
from math import isfinite
from typing import Final

import numpy as np

from benchmarks.accuracy.doubt import CAMERA, SEED
from benchmarks.accuracy.models import live_classifier
from benchmarks.accuracy.robustness import CameraClip, idle_sequences, simulate_clips
from benchmarks.accuracy.unseen import BOTH
from benchmarks.accuracy.workspace import Job, Result, Workspace, jobs_for_both_folds
from benchmarks.baselines.steadiness import (
    LabelledClip,
    Steadiness,
    grid_search,
    measure_steadiness,
)
from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.rolling import Decision
from dancetype.engine.skeleton import pelvis
from dancetype.training.data.idle import HELD_OUT_KINDS, idle_motions
from dancetype.training.live import LiveWindows, live_windows

SEQUENCE_STRIDE: Final = 6
"""Only every sixth sequence of the unseen dancers is used."""

SWITCHED_AT: Final = 7.0
"""Seconds of the first dance in clips that change to another dance."""

IDLE_PEOPLE: Final = 24
"""Number of people who do not dance."""

GRID: Final[dict[str, tuple[float, ...]]] = {
    "time_constant": (0.75, 1.5, 3.0, 4.0),
    "enter": (0.4, 0.5, 0.6, 0.65, 0.7),
    "leave": (0.3, 0.45),
    "margin": (0.1, 0.25),
}
"""Parameters of the rolling estimates that are compared with that of the model's contract."""


def jobs() -> list[Job]:
    """Return a job for each fold."""
    description = "live-{fold}: changes of the genre against delay and false accepts"
    return jobs_for_both_folds("steady", description, _steady, BOTH)


def _steady(fold: str, workspace: Workspace) -> Result:
    classifier = live_classifier(workspace, fold)
    dances = simulate_clips(workspace.unseen_sequences(fold)[::SEQUENCE_STRIDE], CAMERA)
    motions = idle_motions(IDLE_PEOPLE, seed=SEED + 1, kinds=HELD_OUT_KINDS, seconds=12)
    idle = simulate_clips(idle_sequences(motion.joints for motion in motions), CAMERA)
    clips = [
        *(LabelledClip(clip.genre, _predict(classifier, clip)) for clip in dances),
        *(
            LabelledClip(clip.genre, _predict(classifier, clip), SWITCHED_AT)
            for clip in _switching_clips(dances)
        ),
        *(LabelledClip(NOT_DANCING, _predict(classifier, clip)) for clip in idle),
    ]
    contract = classifier.contract
    shipped = _knobs(contract.decision or Decision.uniform(len(contract.labels)))
    own = measure_steadiness(clips, contract.rolling_estimate())
    return {
        "minutes": sum(clip.times[-1] - clip.times[0] for clip in dances) / 60,
        "shipped": shipped,
        "points": [
            {"knobs": dict(knobs), "figures": _finite(figures)}
            for knobs, figures in ((shipped, own), *grid_search(clips, contract.labels, GRID))
        ],
    }


def _knobs(decision: Decision) -> dict[str, float]:
    """Return the parameters of a decision, with the mean of its thresholds."""
    return {name: round(float(np.mean(getattr(decision, name))), 6) for name in GRID}


def _finite(figures: Steadiness) -> dict[str, float | None]:
    """Return the figures, with None for infinity and NaN, which JSON does not have."""
    return {name: value if isfinite(value) else None for name, value in asdict(figures).items()}


def _predict(classifier: WindowClassifier, clip: CameraClip) -> LiveWindows:
    return live_windows(clip.times, clip.joints, classifier)


def _switching_clips(dances: list[CameraClip]) -> list[CameraClip]:
    """Return clips that switch from the first seconds of one dance to one of another genre."""
    order = np.random.default_rng(SEED).permutation(len(dances))
    return [
        splice(dances[first], dances[second])
        for first, second in pairwise(order)
        if dances[first].genre != dances[second].genre
        and dances[first].times[-1] - dances[first].times[0] >= SWITCHED_AT
    ]


def splice(first: CameraClip, second: CameraClip) -> CameraClip:
    """Append a clip to the first seconds of another, at the place that the dancer has reached."""
    first_times, second_times = first.times - first.times[0], second.times - second.times[0]
    kept = first_times < SWITCHED_AT
    start = first.joints[kept]
    moved = second.joints + (pelvis(start[-1]) - pelvis(second.joints[0]))
    return replace(
        second,
        times=np.concatenate([first_times[kept], SWITCHED_AT + second_times]),
        joints=np.concatenate([start, moved]),
    )
