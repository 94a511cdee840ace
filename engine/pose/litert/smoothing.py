"""Smoothing of landmarks over time."""

from math import pi
from typing import Final

import numpy as np

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.litert.region import Region
from dancetype.engine.skeleton import Array

_ONE: Final = np.float32(1)

# Hz, for speeds.
_SPEED_CUTOFF: Final = np.ones((), np.float32)


class PoseSmoothing:
    """Smooths one person, as MediaPipe does if it tracks only one."""

    def __init__(self) -> None:
        self._world = OneEuro(min_cutoff=0.1, beta=40.0)
        self._image = OneEuro(min_cutoff=0.05, beta=80.0)
        self._visibility = LowPass(alpha=0.1)

    def reset(self, reason: str) -> None:
        """Forget the person; `reason` documents the call."""
        self._world.reset(reason)
        self._visibility.reset(reason)
        self.lose(reason)

    def lose(self, reason: str) -> None:
        """Forget only where a lost person was in the image, as MediaPipe does."""
        self._image.reset(reason)

    def __call__(self, found: Landmarks, region: Region, seconds: float, size: Array) -> Landmarks:
        """Return the smoothed landmarks at a time later than the last.

        Args:
            found: Landmarks found in the frame.
            region: Region of the person in the next frame.
            seconds: Time of the frame.
            size: (2,) width and height of the frame in pixels.
        """
        # Speeds are relative to the sides of the region; depths have the scale of x.
        pixels = size[[0, 1, 0]]
        scale = 2 / (region.sides * size).sum()
        return Landmarks(
            world=self._world(found.world, seconds),
            image=self._image(found.image * pixels, seconds, scale=scale) / pixels,
            visibility=self._visibility(found.visibility),
        )


class OneEuro:
    """One Euro filter of Casiez, Roussel and Vogel (CHI 2012), for arrays.

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
        self._seconds: float | None = None

    def __call__(self, values: Array, seconds: float, *, scale: float = 1.0) -> Array:
        """Return smoothed values.

        Args:
            values: Values, always of the same shape.
            seconds: Time, later than the last.
            scale: Factor by which speeds are multiplied.
        """
        if self._seconds is None:
            self._raw = self._smooth = values
            self._speed = np.zeros_like(values)
        else:
            passed = seconds - self._seconds
            speed = (values - self._raw) * (scale / passed)
            self._speed = self._speed + _alpha(_SPEED_CUTOFF, passed) * (speed - self._speed)
            cutoff = self._min_cutoff + self._beta * np.abs(self._speed)
            self._smooth = self._smooth + _alpha(cutoff, passed) * (values - self._smooth)
            self._raw = values
        self._seconds = seconds
        return self._smooth


class LowPass:
    """Exponential average in which each new value has the weight `alpha`."""

    def __init__(self, *, alpha: float) -> None:
        self._alpha = np.float32(alpha)
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Forget all values; `reason` documents the call."""
        self._mean: Array | None = None

    def __call__(self, values: Array) -> Array:
        """Return the average up to `values`, which always have the same shape."""
        last = values if self._mean is None else self._mean
        mean: Array = last + self._alpha * (values - last)
        self._mean = mean
        return mean


def _alpha(cutoff: Array, passed: float) -> Array:
    turned = cutoff * np.float32(2 * pi * passed)
    return turned / (_ONE + turned)
