"""Ladder of splits: how far results flatter if windows, clips, moves or dancers are shared.

On each rung the same small recipe learns from one half of the sequences, about 450, both ways.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from benchmarks.accuracy.models import about, small, trained
from benchmarks.accuracy.place import OTHER, Job, Place, Result, both_ways
from dancetype.training.checkpoint import CheckpointClassifier
from dancetype.training.data.aist import SequenceName
from dancetype.training.evaluate import evaluate_sequences
from dancetype.training.recipe import load_recipe

RUNGS: Final = {
    "windows": "other windows of the same sequences",
    "sequences": "other sequences; dancers and choreography are shared",
    "choreography": "other choreography; dancers are shared",
    "dancers": "other dancers",
}
"""Test data, from the most flattering to the most honest."""


@dataclass(frozen=True, slots=True)
class Halves:
    """Names of the sequences to learn from and to test on."""

    learned: list[str]
    tested: list[str]


def halves(names: list[str], rung: str, way: str) -> Halves:
    """Cut sequences in two and learn from half `way`; not for "dancers", which is a named split."""
    if rung == "choreography":
        # The odd choreographies of all dancers alike, since dancers of a genre may share them.
        parsed = [SequenceName.parse(name) for name in names]
        first = {n.text for n in parsed if int(n.choreography.removeprefix("ch")) % 2}
    else:
        order = np.random.default_rng(0).permutation(sorted(names))
        first = {str(name) for name in order[: len(names) // 2]}
    parts = {"A": sorted(first), "B": sorted(set(names) - first)}
    other = way if rung == "windows" else OTHER[way]
    return Halves(parts[way], parts[other])


def jobs() -> list[Job]:
    """Return a job for each rung and way."""
    return [
        job
        for rung, what in RUNGS.items()
        for job in both_ways(
            f"ladder-{rung}", f"small recipe, tested on {what}", partial(_run, rung)
        )
    ]


def _run(rung: str, way: str, place: Place) -> Result:
    if rung == "dancers":
        learned, tested = f"dancers:{way}", f"dancers:{OTHER[way]}"
    else:
        cut = halves(place.split("all").sequences, rung, way)
        learned = place.split_file(f"{rung}-{way}", cut.learned)
        tested = place.split_file(f"{rung}-{way}-tested", cut.tested)
    recipe = small(load_recipe(place.recipe), steps=place.steps)
    checkpoint = trained(place, f"ladder-{rung}-{way}", recipe, split=learned, validation=tested)
    train, test = place.split(learned), place.split(tested)
    evaluation = evaluate_sequences(CheckpointClassifier(checkpoint), place.sequences(test))
    return {
        "model": about(checkpoint),
        "learned": len(train.sequences),
        "figures": evaluation.figures(),
        "shared_dancers": len(set(test.dancers) & set(train.dancers)),
    }
