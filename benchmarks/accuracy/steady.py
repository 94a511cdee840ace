"""How soon the rolling estimate speaks, how often it changes its mind, and where it is not asked.

Each model is asked once about windows of dancers that it has not seen; then many rolling estimates
are replayed on its answers.
"""

from dataclasses import asdict
from inspect import Parameter, signature
from itertools import pairwise
from math import isfinite
from typing import Final

import numpy as np

from benchmarks.accuracy.doubt import FILMED, SEED
from benchmarks.accuracy.models import live_classifier
from benchmarks.accuracy.place import Job, Place, Result, both_ways
from benchmarks.accuracy.robustness import Filmed, filmed
from benchmarks.accuracy.unseen import BOTH
from benchmarks.baselines.steadiness import Steadiness, Take, sweep, watch
from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.rolling import RollingEstimate
from dancetype.training.data import aist
from dancetype.training.data.idle import HELD_OUT_KINDS, idle_motions

EVERY: Final = 6
"""Every sixth sequence of the unseen dancers is danced."""

SWITCHED_AT: Final = 7.0
"""Seconds of one dance before the next one follows without a gap."""

IDLERS: Final = 24

GRID: Final[dict[str, tuple[float, ...]]] = {
    "memory": (0.75, 1.5, 3.0, 4.0),
    "enter": (0.4, 0.5, 0.6, 0.65, 0.7),
    "leave": (0.3, 0.45),
    "margin": (0.1, 0.25),
}
"""What is tried, beside what is shipped."""


def jobs() -> list[Job]:
    """One sweep for each way."""
    about = "live-{way}: changes of mind against delay and false accepts"
    return both_ways("steady", about, _steady, BOTH)


def shipped_knobs() -> dict[str, float]:
    """The rolling estimate's own defaults, of those that are numbers."""
    asked = signature(RollingEstimate).parameters.values()
    return {
        one.name: float(one.default)
        for one in asked
        if one.default is not Parameter.empty and isinstance(one.default, (int, float))
    }


def _steady(way: str, place: Place) -> Result:
    classifier = live_classifier(place, way)
    dances = filmed(place.unseen(way)[::EVERY], FILMED)
    takes = [
        *(_take(classifier, f"dance {number}", clip) for number, clip in enumerate(dances)),
        *_switches(classifier, dances),
        *_idlers(classifier),
    ]
    labels = classifier.contract.labels
    shipped = shipped_knobs()
    grid = {name: sorted({*values, shipped[name]}) for name, values in GRID.items()}
    return {
        "dances": len(dances),
        "minutes": sum(float(clip.times[-1] - clip.times[0]) for clip in dances) / 60,
        "shipped": {name: shipped[name] for name in GRID},
        "points": [
            {"knobs": dict(knobs), "figures": _finite(figures)}
            for knobs, figures in sweep(takes, labels, grid)
        ],
    }


def _finite(figures: Steadiness) -> dict[str, float | None]:
    """JSON knows no infinity."""
    return {name: value if isfinite(value) else None for name, value in asdict(figures).items()}


def _take(
    classifier: WindowClassifier, name: str, clip: Filmed, *, since: float | None = None
) -> Take:
    return Take(name, clip.genre, watch(classifier, clip.times, clip.joints), since)


def _switches(classifier: WindowClassifier, dances: list[Filmed]) -> list[Take]:
    """A few seconds of one dance, and then another genre."""
    order = np.random.default_rng(SEED).permutation(len(dances))
    pairs = [(dances[one], dances[other]) for one, other in pairwise(order)]
    return [
        _take(classifier, "switch", spliced(one, other), since=SWITCHED_AT)
        for one, other in pairs
        if one.genre != other.genre and one.times[-1] - one.times[0] >= SWITCHED_AT
    ]


def spliced(one: Filmed, other: Filmed) -> Filmed:
    """The first seconds of one dance and all of the other."""
    times, after = one.times - one.times[0], other.times - other.times[0]
    first = times < SWITCHED_AT
    return Filmed(
        other.genre,
        other.advanced,
        np.concatenate([times[first], SWITCHED_AT + after]),
        np.concatenate([one.joints[first], other.joints]),
    )


def _idlers(classifier: WindowClassifier) -> list[Take]:
    motions = idle_motions(IDLERS, seed=SEED + 1, kinds=HELD_OUT_KINDS, seconds=12)
    name = aist.SequenceName.parse("gBR_sBM_cAll_d00_mBR0_ch00")
    people = filmed([aist.Sequence(name, motion.joints) for motion in motions], FILMED)
    return [
        Take(motion.name, NOT_DANCING, watch(classifier, clip.times, clip.joints))
        for motion, clip in zip(motions, people, strict=True)
    ]
