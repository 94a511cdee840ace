"""Stick figures, as a pose model would detect them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dancetype.engine.landmarks import LANDMARKS, Landmarks
from dancetype.engine.skeleton import Array
from dancetype.engine.tracker import Tracker

# Position of the landmarks on the left side, in metres to the right of the pelvis and below it. The
# right side is mirrored.
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
    """A person who swings arms and legs on a stage.

    Attributes:
        x: Metres to the right of the centre of the image.
        size: Apparent size; with 1, the image is twelve metres wide at the person.
        swing: Metres by which arms and legs swing to either side.
        frequency: Swings per second.
        aspect_ratio: Width of the image divided by its height.
        noise: Standard deviation of each landmark's error, in metres.
        raised: Metres by which the hands are raised.
    """

    x: float = 0.0
    size: float = 1.0
    swing: float = 0.25
    frequency: float = 2.0
    aspect_ratio: float = 16 / 9
    noise: float = 0.01
    raised: float = 0.0

    def at(self, time: float, x: float | None = None) -> Landmarks:
        """Return the landmarks at `time`, with the person at `x`, by default `self.x`."""
        world = _figure()
        swing = self.swing * np.sin(2 * np.pi * self.frequency * time)
        world[[13, 15, 17, 26, 28, 30], 0] += np.float32(swing)
        world[[14, 16, 18, 25, 27, 29], 0] -= np.float32(swing)
        world[15:23, 1] -= np.float32(self.raised)
        rng = np.random.default_rng([abs(round(time * 1000)), round(self.size * 1000)])
        world += rng.normal(0, self.noise, world.shape).astype(np.float32)
        image = np.zeros_like(world)
        metre = self.size / 12
        image[:, 0] = 0.5 + metre * (world[:, 0] + (self.x if x is None else x))
        image[:, 1] = 0.5 + metre * self.aspect_ratio * world[:, 1]
        return Landmarks(world, image, np.ones(LANDMARKS, np.float32), self.aspect_ratio)

    def portrait(self) -> "Walker":
        """Return the same person in an image in portrait format."""
        return replace(self, aspect_ratio=9 / 16)


def track_ids(
    tracker: Tracker, frames: Iterable[tuple[float, Sequence[Landmarks]]]
) -> list[list[int | None]]:
    """Return the id of each person in each frame, or None if the person is not tracked."""
    frame_ids = []
    for time, people in frames:
        tracked = tracker.update(time, people)
        ids = {id(landmarks): track_id for track_id, landmarks in tracked.items() if landmarks}
        frame_ids.append([ids.get(id(landmarks)) for landmarks in people])
    return frame_ids
