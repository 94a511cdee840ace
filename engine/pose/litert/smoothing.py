"""Smoothing of landmarks over time."""

from dataclasses import replace
from math import pi
from typing import Final

import numpy as np

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.litert.region import Region
from dancetype.engine.skeleton import Array

_ONE: Final = np.float32(1)

_SPEED_CUTOFF: Final = np.ones((), np.float32)  # Hz


class PoseSmoothing:
    """Smoothing of one person's landmarks, as in MediaPipe if it tracks only one person."""

    def __init__(self) -> None:
        self._world = OneEuro(min_cutoff=0.1, beta=40.0)
        self._image = OneEuro(min_cutoff=0.05, beta=80.0)
        self._visibility = LowPass(alpha=0.1)

    def reset(self, reason: str) -> None:
        """Forget the person; `reason` documents the call."""
        self._world.reset(reason)
        self._visibility.reset(reason)
        self.reset_image(reason)

    def reset_image(self, reason: str) -> None:
        """Forget only the position in the image, as MediaPipe does when the person is lost."""
        self._image.reset(reason)

    def __call__(self, landmarks: Landmarks, region: Region, time: float, size: Array) -> Landmarks:
        """Return the smoothed landmarks of the next frame.

        Args:
            landmarks: Landmarks in the frame.
            region: Region of the person in the frame after it.
            time: Time of the frame in seconds, later than the last.
            size: (2,) width and height of the frame in pixels.
        """
        # Speeds are relative to the size of the region; depths have the scale of x.
        pixels = size[[0, 1, 0]]
        scale = 2 / (region.sides * size).sum()
        return replace(
            landmarks,
            world=self._world(landmarks.world, time),
            image=self._image(landmarks.image * pixels, time, scale=scale) / pixels,
            visibility=self._visibility(landmarks.visibility),
        )


class OneEuro:
    """One Euro filter by Casiez, Roussel and Vogel (CHI 2012), for arrays.

    Args:
        min_cutoff: Cutoff in Hz at rest; lower values remove more jitter.
        beta: Increase of the cutoff with speed; higher values reduce lag.
    """

    def __init__(self, *, min_cutoff: float, beta: float) -> None:
        self._min_cutoff = np.float32(min_cutoff)
        self._beta = np.float32(beta)
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Forget all values; `reason` documents the call."""
        self._time: float | None = None

    def __call__(self, values: Array, time: float, *, scale: float = 1.0) -> Array:
        """Return smoothed values.

        Args:
            values: Values, always of the same shape.
            time: Time in seconds, later than the last.
            scale: Factor by which speeds are multiplied.
        """
        if self._time is None:
            self._raw = self._smooth = values
            self._speed = np.zeros_like(values)
        else:
            interval = time - self._time
            speed = (values - self._raw) * (scale / interval)
            self._speed = self._speed + _alpha(_SPEED_CUTOFF, interval) * (speed - self._speed)
            cutoff = self._min_cutoff + self._beta * np.abs(self._speed)
            self._smooth = self._smooth + _alpha(cutoff, interval) * (values - self._smooth)
            self._raw = values
        self._time = time
        return self._smooth


class LowPass:
    """Exponential moving average in which each new value has the weight `alpha`."""

    def __init__(self, *, alpha: float) -> None:
        self._alpha = np.float32(alpha)
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Forget all values; `reason` documents the call."""
        self._mean: Array | None = None

    def __call__(self, values: Array) -> Array:
        """Add `values`, always of the same shape, and return the average."""
        last = values if self._mean is None else self._mean
        mean: Array = last + self._alpha * (values - last)
        self._mean = mean
        return mean


def _alpha(cutoff: Array, interval: float) -> Array:
    """Return the weight of a new value in a low-pass filter with `cutoff` in Hz."""
    angle = cutoff * np.float32(2 * pi * interval)
    return angle / (_ONE + angle)
