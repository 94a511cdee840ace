"""Takes the tremble out of landmarks."""

from math import pi
from typing import Final

import numpy as np

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.litert.landmarks import Found
from dancetype.engine.skeleton import Array

_ONE: Final = np.float32(1)

# Hz, for speeds.
_SPEED_CUTOFF: Final = np.ones((), np.float32)


class PoseSmoothing:
    """Smooths one person, as MediaPipe does where it follows only one."""

    def __init__(self) -> None:
        self._world = OneEuro(min_cutoff=0.1, beta=40.0)
        self._image = OneEuro(min_cutoff=0.05, beta=80.0)
        self._visibility = LowPass(alpha=0.1)

    def reset(self, reason: str) -> None:
        """Forgets the person; `reason` is for whoever reads the call."""
        self._world.reset(reason)
        self._visibility.reset(reason)
        self.lose(reason)

    def lose(self, reason: str) -> None:
        """Forgets where the person was in the image, all that MediaPipe then forgets."""
        self._image.reset(reason)

    def __call__(self, person: Found, seconds: float, size: Array) -> Landmarks:
        """The person, smoothed over the times up to this, which is later than the last.

        Args:
            person: as found in a frame.
            seconds: time of the frame.
            size: (2,) width and height of the frame in pixels.
        """
        found = person.landmarks
        # Speeds in sides of the region count; those of depths as those across.
        pixels = size[[0, 1, 0]]
        scale = 2 / (person.region.sides * size).sum()
        return Landmarks(
            world=self._world(found.world, seconds),
            image=self._image(found.image * pixels, seconds, scale=scale) / pixels,
            visibility=self._visibility(found.visibility),
        )


class OneEuro:
    """The One Euro filter of Casiez, Roussel and Vogel (CHI 2012), over an array at once.

    Args:
        min_cutoff: Hz; the lower, the stiller is what stands still.
        beta: the higher, the less lags what moves.
    """

    def __init__(self, *, min_cutoff: float, beta: float) -> None:
        self._min_cutoff = np.float32(min_cutoff)
        self._beta = np.float32(beta)
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Forgets all it has seen; `reason` is for whoever reads the call."""
        del reason
        self._seconds: float | None = None

    def __call__(self, values: Array, seconds: float, *, scale: float = 1.0) -> Array:
        """Smooths what was measured at a time later than the last.

        Args:
            values: of one shape at all times.
            seconds: when.
            scale: by which speeds are multiplied before they are judged.
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
    """An exponential average.

    Args:
        alpha: share of the new value in it.
    """

    def __init__(self, *, alpha: float) -> None:
        self._alpha = np.float32(alpha)
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Forgets all it has seen; `reason` is for whoever reads the call."""
        del reason
        self._mean: Array | None = None

    def __call__(self, values: Array) -> Array:
        """The average up to `values`, which are of one shape at all times."""
        last = values if self._mean is None else self._mean
        mean: Array = last + self._alpha * (values - last)
        self._mean = mean
        return mean


def _alpha(cutoff: Array, passed: float) -> Array:
    turned = cutoff * np.float32(2 * pi * passed)
    return turned / (_ONE + turned)
