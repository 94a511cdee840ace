from collections.abc import Callable, Sequence

import numpy as np
import pytest

from benchmarks.people import Nearest, outcome
from benchmarks.stage import PATHS, Scene, Sighting, scene
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.skeleton import Array
from tests.engine.walkers import Walker

TIMES = np.arange(300) / 30
ANN, BOB = Walker(-2.0), Walker(2.0)


class Scripted:
    """Gives the first and the second who are seen the ids that a script says."""

    def __init__(self, script: Callable[[float], tuple[int, int]]) -> None:
        self._script = script

    def update(self, time: float, people: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        return dict(zip(self._script(time), people, strict=False))

    def reset(self, reason: str) -> None:
        pass


def a_scene() -> Scene:
    frames = [[Sighting(0, ANN.at(time)), Sighting(1, BOB.at(time))] for time in TIMES.tolist()]
    return Scene(TIMES, frames)


@pytest.mark.parametrize(
    ("after", "swapped", "lost", "ids"),
    [((1, 2), False, 0, 1.0), ((2, 1), True, 0, 2.0), ((1, 3), False, 1, 1.5)],
)
def test_swaps_and_new_ids_are_told_apart(
    after: tuple[int, int], swapped: bool, lost: int, ids: float
) -> None:
    found = outcome(a_scene(), 2, Scripted(lambda time: (1, 2) if time < 5 else after))
    assert (found.swapped, found.lost, found.ids) == (swapped, lost, ids)


def test_who_is_nearest_to_where_somebody_was_gets_that_id() -> None:
    nearest = Nearest()
    for filmed in a_scene().frames:
        ann, bob = (sighting.landmarks for sighting in filmed)
        assert nearest.update(0.0, [ann, bob]) == {1: ann, 2: bob}


@pytest.mark.parametrize("path", PATHS)
def test_on_the_stage_nobody_is_hidden_all_the_time_and_chance_is_seeded(path: str) -> None:
    rng = np.random.default_rng(0)
    still: list[Array] = [
        rng.normal(0, 0.3, (1, 17, 3)).astype(np.float32).repeat(60, axis=0)
        for _ in range(3 if path == "three" else 2)
    ]
    one, other = (scene(still, path, 1.0, 15, np.random.default_rng(1)) for _ in range(2))
    owners = [{sighting.owner for sighting in frame} for frame in one.frames]
    for dancer in range(len(still)):
        assert 0.5 < np.mean([dancer in frame for frame in owners]) < 1
    assert owners == [{sighting.owner for sighting in frame} for frame in other.frames]
