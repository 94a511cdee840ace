"""People of sticks, as a pose model would tell them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dancetype.engine.landmarks import LANDMARKS, Landmarks
from dancetype.engine.skeleton import Array
from dancetype.engine.tracker import Tracker

# Metres right of the pelvis and below it, of the landmarks on the left; those on the right mirror.
_LEFT = {11: (0.18, -0.5), 13: (0.3, -0.25), 15: (0.35, 0.0), 23: (0.1, 0.0), 25: (0.12, 0.4)}
_LEFT |= {27: (0.12, 0.8)}


def _figure() -> Array:
    figure = np.zeros((LANDMARKS, 3), np.float32)
    figure[:11, 1] = -0.75
    for landmark, (right, below) in _LEFT.items():
        figure[landmark, :2] = right, below
        figure[landmark + 1, :2] = -right, below
    # Fingers at the wrists, heels and toes at the ankles.
    figure[17:23] = figure[[15, 16] * 3]
    figure[29:33] = figure[[27, 28] * 2]
    return figure


@dataclass(frozen=True)
class Walker:
    """Somebody at a place on a stage.

    Attributes:
        x: metres right of the image's middle.
        size: 1 is twelve metres from one side of the image to the other, 2 half as far away.
        swing: metres that arms and legs swing to either side.
        beat: swings a second.
        form: the image's width by its height.
        tremble: metres that each landmark errs by.
        arms: metres that the hands are raised.
    """

    x: float = 0.0
    size: float = 1.0
    swing: float = 0.25
    beat: float = 2.0
    form: float = 16 / 9
    tremble: float = 0.01
    arms: float = 0.0

    def at(self, time: float, x: float | None = None) -> Landmarks:
        """The walker at `time`, at `x` where that is given."""
        world = _figure()
        swing = self.swing * np.sin(2 * np.pi * self.beat * time)
        world[[13, 15, 17, 26, 28, 30], 0] += np.float32(swing)
        world[[14, 16, 18, 25, 27, 29], 0] -= np.float32(swing)
        world[15:23, 1] -= np.float32(self.arms)
        rng = np.random.default_rng([abs(round(time * 1000)), round(self.size * 1000)])
        world += rng.normal(0, self.tremble, world.shape).astype(np.float32)
        image = np.zeros_like(world)
        metre = self.size / 12
        image[:, 0] = 0.5 + metre * (world[:, 0] + (self.x if x is None else x))
        image[:, 1] = 0.5 + metre * self.form * world[:, 1]
        return Landmarks(world, image, np.ones(LANDMARKS, np.float32))

    def portrait(self) -> "Walker":
        """The same in an image that stands on end."""
        return replace(self, form=9 / 16)


def ids(
    tracker: Tracker, frames: Iterable[tuple[float, Sequence[Landmarks]]]
) -> list[list[int | None]]:
    """Of each frame the id of each who is seen, in that order; whom nobody follows is None."""
    said = []
    for time, seen in frames:
        followed = tracker.update(time, seen)
        number = {id(found): key for key, found in followed.items() if found is not None}
        said.append([number.get(id(landmarks)) for landmarks in seen])
    return said
