"""Cuts a window out of a track of poses: the one way for training, evaluation and streaming."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, Array, pelvis_centred

MAX_GAP: Final = 0.5
"""Seconds without a pose after which a new window begins, since nobody can say what was danced."""

_OVERSAMPLING: Final = 4
# Whatever the unit: nobody is that far away, and the squares of more would not fit float32.
_FARTHEST: Final = 1e9


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """The form of a window.

    Attributes:
        seconds: how much of the dance a full window holds.
        min_seconds: the least that may be stretched over a window.
        length: steps (L) that a window is resampled to.
        axes: "xy", the image plane alone, or "xyz".
        velocity: whether velocities follow the positions.
        smooth: whether each step is a weighted mean over the steps beside it; it takes out the
            jitter of pose estimation.
    """

    seconds: float
    min_seconds: float
    length: int
    axes: Literal["xy", "xyz"] = "xy"
    velocity: bool = True
    smooth: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.min_seconds <= self.seconds:
            raise ValueError(
                f"need 0 < min_seconds <= seconds, not {self.min_seconds} and {self.seconds}"
            )
        if self.length < 2:
            raise ValueError(f"a window has two steps or more, not {self.length}")
        if self.axes not in ("xy", "xyz"):
            raise ValueError(f'axes are "xy" or "xyz", not {self.axes!r}')

    @property
    def channels(self) -> int:
        """Values a joint (C): its coordinates, and as many velocities where asked for."""
        return len(self.axes) * (2 if self.velocity else 1)

    @property
    def features(self) -> int:
        """Values a step (F = 17 C)."""
        return len(JOINTS) * self.channels


@dataclass(frozen=True, slots=True)
class Window:
    """The last of a dance, ready for the classifier.

    Attributes:
        features: (L, F), or None where too little was seen.
        seconds: time between the first and the last pose used.
        empty: no pose was seen of late, so that there is nobody to wait for.
    """

    features: Array | None
    seconds: float
    empty: bool


def cut_window(
    times: NDArray[np.float64], joints: Array, spec: WindowSpec, *, end: float
) -> Window:
    """Takes the latest stretch without a long gap, resampled by time and normalised.

    Args:
        times: (T,) capture times in seconds, rising.
        joints: (T, 17, 3) metres or any other unit; a frame with nobody in it is NaN.
        spec: the form wanted.
        end: capture time at which the window ends.
    """
    span = (times > end - spec.seconds - MAX_GAP) & (times <= end)
    # NaN compares false.
    seen = span & (np.abs(joints) < _FARTHEST).all(axis=(1, 2))
    times, joints = times[seen], joints[seen]
    if not len(times) or end - times[-1] > MAX_GAP:
        return Window(None, 0.0, empty=True)
    gaps = np.flatnonzero(np.diff(times) > MAX_GAP)
    if len(gaps):
        times, joints = times[gaps[-1] + 1 :], joints[gaps[-1] + 1 :]
    last = times[-1]
    start = max(times[0], last - spec.seconds)
    seconds = float(last - start)
    # Frames come a little early or late: 3.99 s of 4 is full, and so it is of 1 s.
    if len(times) < 2 or seconds < spec.min_seconds - 0.05:
        return Window(None, seconds, empty=False)
    return Window(_features(times, joints, spec, start, seconds), seconds, empty=False)


def _features(
    times: NDArray[np.float64], joints: Array, spec: WindowSpec, start: float, seconds: float
) -> Array:
    centred = pelvis_centred(joints)[..., : len(spec.axes)]
    positions = _resampled(times, centred, spec, start, seconds)
    # The median over the window, so that one bad frame does not set the scale.
    scale = float(np.median(np.linalg.norm(positions, axis=-1).max(axis=-1)))
    positions /= max(scale, 1e-6)
    if not spec.velocity:
        return positions.reshape(spec.length, -1)
    velocities = np.gradient(positions, seconds / (spec.length - 1), axis=0)
    return np.concatenate([positions, velocities], axis=-1).reshape(spec.length, -1)


def _resampled(
    times: NDArray[np.float64], joints: Array, spec: WindowSpec, start: float, seconds: float
) -> Array:
    fine = spec.length * _OVERSAMPLING - (_OVERSAMPLING - 1) if spec.smooth else spec.length
    at = np.linspace(start, start + seconds, fine)
    right = np.clip(np.searchsorted(times, at), 1, len(times) - 1)
    part = (at - times[right - 1]) / (times[right] - times[right - 1])
    share = np.clip(part, 0, 1).astype(np.float32)[:, None]
    flat = joints.reshape(len(joints), -1)
    resampled: Array = flat[right - 1] * (1 - share) + flat[right] * share
    if spec.smooth:
        resampled = _smoothing(spec.length) @ resampled
    return resampled.reshape(spec.length, len(JOINTS), -1)


@lru_cache(maxsize=8)
def _smoothing(length: int) -> Array:
    """(L, 4 L - 3): a triangle over the steps before and after, narrower at the two ends."""
    steps = np.arange(length)[:, None] * _OVERSAMPLING
    fine = np.arange(length * _OVERSAMPLING - (_OVERSAMPLING - 1))[None]
    weights = np.clip(1 - np.abs(fine - steps) / _OVERSAMPLING, 0, None)
    smoothing: Array = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return smoothing
