"""The ladder of splits: how far a split flatters that shares windows, clips, moves or dancers.

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
"""What is tested on, from the most flattering to the most honest."""


@dataclass(frozen=True, slots=True)
class Halves:
    """What is learned from and what is tested on, by sequence names."""

    learned: list[str]
    tested: list[str]


def halves(names: list[str], rung: str, way: str) -> Halves:
    """Cuts sequences in two.

    Args:
        names: of all sequences.
        rung: of `RUNGS`, but for "dancers", which is a split by name.
        way: "A" or "B": which half is learned from.
    """
    first = _by_choreography(names) if rung == "choreography" else _at_random(names)
    parts = {"A": sorted(first), "B": sorted(set(names) - first)}
    other = way if rung == "windows" else OTHER[way]
    return Halves(parts[way], parts[other])


def _at_random(names: list[str]) -> set[str]:
    order = np.random.default_rng(0).permutation(sorted(names))
    return {str(name) for name in order[: len(names) // 2]}


def _by_choreography(names: list[str]) -> set[str]:
    """The odd choreographies of each genre, of all dancers alike, since they may share them."""
    parsed = [SequenceName.parse(name) for name in names]
    return {name.text for name in parsed if int(name.choreography.removeprefix("ch")) % 2}


def jobs() -> list[Job]:
    """One training a rung and way."""
    jobs: list[Job] = []
    for rung, what in RUNGS.items():
        about = f"small recipe, tested on {what}"
        jobs += both_ways(f"ladder-{rung}", about, partial(_climb, rung))
    return jobs


def _climb(rung: str, way: str, place: Place) -> Result:
    if rung == "dancers":
        learned, tested = f"dancers:{way}", f"dancers:{OTHER[way]}"
    else:
        cut = halves(place.split("all").sequences, rung, way)
        learned = place.split_file(f"{rung}-{way}", cut.learned)
        tested = place.split_file(f"{rung}-{way}-tested", cut.tested)
    recipe = small(load_recipe(place.recipe), steps=place.steps)
    checkpoint = trained(place, f"ladder-{rung}-{way}", recipe, split=learned, validation=tested)
    test = place.split(tested)
    figures = evaluate_sequences(CheckpointClassifier(checkpoint), place.sequences(test)).figures()
    return {
        "model": about(checkpoint),
        "learned": len(place.split(learned).sequences),
        "figures": figures,
        "shared_dancers": len(set(test.dancers) & set(place.split(learned).dancers)),
    }
