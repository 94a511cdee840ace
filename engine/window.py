"""Windows of poses, cut in the same way for training, evaluation and streaming."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, Array, pelvis_centred

MAX_GAP: Final = 0.5
"""Seconds without a pose after which a new window begins, since the dance is unknown meanwhile."""

_OVERSAMPLING: Final = 4
# In any unit, no person is that far away, and larger squares would not fit float32.
_FARTHEST: Final = 1e9


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """Shape and contents of a window.

    Attributes:
        seconds: Duration of a full window.
        min_seconds: Minimum duration of a window, which is then stretched.
        length: Number of steps (L) that a window is resampled to.
        axes: "xy" for the image plane only, or "xyz".
        velocity: Whether velocities follow the positions.
        smooth: Whether each step is a weighted mean over the steps beside it, which removes the
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
        """Number of values per joint (C): coordinates, and velocities if there are any."""
        return len(self.axes) * (2 if self.velocity else 1)

    @property
    def features(self) -> int:
        """Number of values per step (F = 17 C)."""
        return len(JOINTS) * self.channels


@dataclass(frozen=True, slots=True)
class Window:
    """Input of the classifier.

    Attributes:
        features: (L, F), or None if the poses span too little time.
        seconds: Time between the first and the last pose used.
        empty: Whether there was no pose for `MAX_GAP`, so that no window is to be expected soon.
    """

    features: Array | None
    seconds: float
    empty: bool


def cut_window(
    times: NDArray[np.float64], joints: Array, spec: WindowSpec, *, end: float
) -> Window:
    """Return the latest poses without a long gap, resampled by time and normalised.

    Args:
        times: (T,) capture times in seconds, rising.
        joints: (T, 17, 3) in any unit; NaN in frames without a person.
        spec: Shape and contents of the window.
        end: Capture time at which the window ends.
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
    # Frames come a little early or late: 0.99 s count as 1 s.
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
    """Return weights (L, 4 L - 3): a triangle around each step, cut off at both ends."""
    steps = np.arange(length)[:, None] * _OVERSAMPLING
    fine = np.arange(length * _OVERSAMPLING - (_OVERSAMPLING - 1))[None]
    weights = np.clip(1 - np.abs(fine - steps) / _OVERSAMPLING, 0, None)
    smoothing: Array = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return smoothing
