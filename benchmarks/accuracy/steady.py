"""Rolling estimates compared: delay, changes of mind, and genres named while nobody dances.

Each model classifies windows of unseen dancers once; then many rolling estimates are replayed on
its answers.
"""

from dataclasses import asdict, replace
from itertools import pairwise
from math import isfinite
from typing import Final

import numpy as np

from benchmarks.accuracy.doubt import CAMERA, SEED
from benchmarks.accuracy.models import live_classifier
from benchmarks.accuracy.place import Job, Place, Result, both_ways
from benchmarks.accuracy.robustness import CameraClip, idle_sequences, simulate_clips
from benchmarks.accuracy.unseen import BOTH
from benchmarks.baselines.steadiness import Steadiness, Take, Watched, sweep, watch
from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.rolling import RollingEstimate
from dancetype.training.data.idle import HELD_OUT_KINDS, idle_motions

EVERY: Final = 6
"""Only every sixth sequence of the unseen dancers is used."""

SWITCHED_AT: Final = 7.0
"""Seconds of one dance before the next one follows without a gap."""

IDLERS: Final = 24

GRID: Final[dict[str, tuple[float, ...]]] = {
    "time_constant": (0.75, 1.5, 3.0, 4.0),
    "enter": (0.4, 0.5, 0.6, 0.65, 0.7),
    "leave": (0.3, 0.45),
    "margin": (0.1, 0.25),
}
"""Arguments of the rolling estimates that are tried beside the shipped one."""


def jobs() -> list[Job]:
    """Return a sweep for each way."""
    about = "live-{way}: changes of mind against delay and false accepts"
    return both_ways("steady", about, _steady, BOTH)


def _steady(way: str, place: Place) -> Result:
    classifier = live_classifier(place, way)
    dances = simulate_clips(place.unseen(way)[::EVERY], CAMERA)
    motions = idle_motions(IDLERS, seed=SEED + 1, kinds=HELD_OUT_KINDS, seconds=12)
    idlers = simulate_clips(idle_sequences(motion.joints for motion in motions), CAMERA)
    takes = [
        *(Take(clip.genre, _watch(classifier, clip)) for clip in dances),
        *(Take(s.genre, _watch(classifier, s), SWITCHED_AT) for s in _switches(dances)),
        *(Take(NOT_DANCING, _watch(classifier, clip)) for clip in idlers),
    ]
    labels = classifier.contract.labels
    # Not from the signature: the defaults depend on the number of genres.
    rolling = RollingEstimate(labels)
    shipped = {name: round(getattr(rolling, f"_{name}"), 6) for name in GRID}
    grid = {name: sorted({*values, shipped[name]}) for name, values in GRID.items()}
    return {
        "minutes": sum(clip.times[-1] - clip.times[0] for clip in dances) / 60,
        "shipped": shipped,
        "points": [
            {"knobs": dict(knobs), "figures": _finite(figures)}
            for knobs, figures in sweep(takes, labels, grid)
        ],
    }


def _finite(figures: Steadiness) -> dict[str, float | None]:
    """Return figures with None for what JSON cannot hold: infinity and NaN."""
    return {name: value if isfinite(value) else None for name, value in asdict(figures).items()}


def _watch(classifier: WindowClassifier, clip: CameraClip) -> Watched:
    return watch(classifier, clip.times, clip.joints)


def _switches(dances: list[CameraClip]) -> list[CameraClip]:
    """Join the first seconds of each dance to another dance of another genre, in random order."""
    order = np.random.default_rng(SEED).permutation(len(dances))
    return [
        _spliced(dances[one], dances[other])
        for one, other in pairwise(order)
        if dances[one].genre != dances[other].genre
        and dances[one].times[-1] - dances[one].times[0] >= SWITCHED_AT
    ]


def _spliced(one: CameraClip, other: CameraClip) -> CameraClip:
    times, after = one.times - one.times[0], other.times - other.times[0]
    first = times < SWITCHED_AT
    return replace(
        other,
        times=np.concatenate([times[first], SWITCHED_AT + after]),
        joints=np.concatenate([one.joints[first], other.joints]),
    )
