from collections.abc import Callable, Sequence

import numpy as np
import pytest

from benchmarks.people import NearestTracker, track_scene
from benchmarks.stage import PATHS, Detection, Scene, create_scene
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.skeleton import Array
from tests.engine.walkers import Walker

TIMES = np.arange(300) / 30
ANN, BOB = Walker(-2.0), Walker(2.0)


class ScriptedTracker:
    """Tracker that gives the first and the second person the ids that a function returns."""

    def __init__(self, ids_at: Callable[[float], tuple[int, int]]) -> None:
        self._ids_at = ids_at

    def update(self, time: float, people: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        return dict(zip(self._ids_at(time), people, strict=False))

    def reset(self, reason: str) -> None:
        pass


def two_dancers() -> Scene:
    frames = [[Detection(0, ANN.at(time)), Detection(1, BOB.at(time))] for time in TIMES.tolist()]
    return Scene(TIMES, frames)


@pytest.mark.parametrize(
    ("after", "swapped", "lost", "ids"),
    [((1, 2), False, 0, 1.0), ((2, 1), True, 0, 2.0), ((1, 3), False, 1, 1.5)],
)
def test_swapped_ids_and_new_ids_are_distinguished(
    after: tuple[int, int], swapped: bool, lost: int, ids: float
) -> None:
    tracker = ScriptedTracker(lambda time: (1, 2) if time < 5 else after)
    outcome = track_scene(two_dancers(), 2, tracker)
    assert (outcome.swapped, outcome.lost, outcome.ids) == (swapped, lost, ids)


def test_nearest_tracker_keeps_the_id_of_the_nearest_person() -> None:
    tracker = NearestTracker()
    for frame in two_dancers().frames:
        ann, bob = (detection.landmarks for detection in frame)
        assert tracker.update(0.0, [ann, bob]) == {1: ann, 2: bob}


@pytest.mark.parametrize("path", PATHS)
def test_scene_detects_each_dancer_in_most_frames_and_is_reproducible(path: str) -> None:
    rng = np.random.default_rng(0)
    still: list[Array] = [
        rng.normal(0, 0.3, (1, 17, 3)).astype(np.float32).repeat(60, axis=0)
        for _ in range(3 if path == "three" else 2)
    ]
    scene, same = (create_scene(still, path, 1.0, 15, np.random.default_rng(1)) for _ in range(2))
    dancers = [{detection.dancer for detection in frame} for frame in scene.frames]
    for dancer in range(len(still)):
        assert 0.5 < np.mean([dancer in frame for frame in dancers]) < 1
    assert dancers == [{detection.dancer for detection in frame} for frame in same.frames]
