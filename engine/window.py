"""Windows of poses, cut by the same code in training, evaluation and streaming."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, Array, pelvis, pelvis_centred

MAX_GAP: Final = 0.5
"""Maximum gap in seconds between the poses of a window; after a longer gap, a new window starts."""

_OVERSAMPLING: Final = 4  # samples per step before smoothing
# No person is that far away in any unit, and the squares of larger numbers may overflow float32.
_MAX_COORDINATE: Final = 1e9


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """Shape and contents of a window.

    Attributes:
        seconds: Duration of a full window.
        min_seconds: Minimum duration; a window shorter than `seconds` is stretched.
        length: Number of steps (L) to which a window is resampled.
        axes: "xy" for the image plane only, or "xyz".
        velocity: Whether the features include velocities, after the positions.
        smooth: Whether each step is a weighted mean over nearby times, which removes the jitter of
            pose estimation.
        trajectory: Whether the pelvis, relative to its mean position in the window, follows the
            joints. Only in the image plane, since depth is unknown.
    """

    seconds: float
    min_seconds: float
    length: int
    axes: Literal["xy", "xyz"] = "xy"
    velocity: bool = True
    smooth: bool = True
    trajectory: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.min_seconds <= self.seconds:
            raise ValueError(
                f"need 0 < min_seconds <= seconds, not {self.min_seconds} and {self.seconds}"
            )
        if self.length < 2:
            raise ValueError(f"a window must have two steps or more, not {self.length}")
        if self.axes not in ("xy", "xyz"):
            raise ValueError(f'axes must be "xy" or "xyz", not {self.axes!r}')
        if self.trajectory and self.axes != "xy":
            raise ValueError(f'a trajectory needs the axes "xy", not {self.axes!r}')

    @property
    def points(self) -> int:
        """Number of points per step (P): the joints, and the pelvis if `trajectory`."""
        return len(JOINTS) + self.trajectory

    @property
    def channels(self) -> int:
        """Number of values per point (C): coordinates, and velocities if included."""
        return len(self.axes) * (2 if self.velocity else 1)

    @property
    def features(self) -> int:
        """Number of values per step (F = P C)."""
        return self.points * self.channels


@dataclass(frozen=True, slots=True)
class Window:
    """Window as input of the classifier.

    Attributes:
        features: (L, F), or None if the poses span too little time.
        seconds: Time between the first and the last pose used.
        empty: Whether the last `MAX_GAP` seconds have no pose, as without a person.
    """

    features: Array | None
    seconds: float
    empty: bool


def cut_window(
    times: NDArray[np.float64], joints: Array, spec: WindowSpec, *, end: float
) -> Window:
    """Return the window at `end`: poses since the last long gap, resampled and normalised.

    Args:
        times: (T,) capture times in seconds, rising.
        joints: (T, 17, 3) in any unit; NaN in frames without a person.
        spec: Shape and contents of the window.
        end: Capture time at which the window ends.
    """
    span = (times > end - spec.seconds - MAX_GAP) & (times <= end)
    # NaN compares false.
    valid = span & (np.abs(joints) < _MAX_COORDINATE).all(axis=(1, 2))
    times, joints = times[valid], joints[valid]
    if not len(times) or end - times[-1] > MAX_GAP:
        return Window(None, 0.0, empty=True)
    gaps = np.flatnonzero(np.diff(times) > MAX_GAP)
    if len(gaps):
        times, joints = times[gaps[-1] + 1 :], joints[gaps[-1] + 1 :]
    last = times[-1]
    start = max(times[0], last - spec.seconds)
    seconds = float(last - start)
    # Frame times vary slightly: 0.99 s counts as 1 s.
    if len(times) < 2 or seconds < spec.min_seconds - 0.05:
        return Window(None, seconds, empty=False)
    return Window(_features(times, joints, spec, start, seconds), seconds, empty=False)


def _features(
    times: NDArray[np.float64], joints: Array, spec: WindowSpec, start: float, seconds: float
) -> Array:
    joints = joints[..., : len(spec.axes)]
    points = pelvis_centred(joints)
    if spec.trajectory:
        points = np.concatenate([points, pelvis(joints)[:, None]], axis=1)
    positions = _resample(times, points, spec, start, seconds)
    # The median, so that one bad frame does not determine the scale.
    extents = np.linalg.norm(positions[:, : len(JOINTS)], axis=-1).max(axis=-1)
    if spec.trajectory:
        positions[:, -1] -= positions[:, -1].mean(axis=0)
    positions /= max(float(np.median(extents)), 1e-6)
    if not spec.velocity:
        return positions.reshape(spec.length, -1)
    velocities = np.gradient(positions, seconds / (spec.length - 1), axis=0)
    return np.concatenate([positions, velocities], axis=-1).reshape(spec.length, -1)


def _resample(
    times: NDArray[np.float64], points: Array, spec: WindowSpec, start: float, seconds: float
) -> Array:
    """Return points (T, P, D) at `length` times from `start` on, smoothed if required."""
    samples = sample_count(spec.length) if spec.smooth else spec.length
    sample_times = np.linspace(start, start + seconds, samples)
    right = np.clip(np.searchsorted(times, sample_times), 1, len(times) - 1)
    fraction = (sample_times - times[right - 1]) / (times[right] - times[right - 1])
    weight = np.clip(fraction, 0, 1).astype(np.float32)[:, None]
    flat = points.reshape(len(points), -1)
    resampled: Array = flat[right - 1] * (1 - weight) + flat[right] * weight
    if spec.smooth:
        resampled = smoothing_weights(spec.length) @ resampled
    return resampled.reshape(spec.length, spec.points, -1)


def sample_count(length: int) -> int:
    """Return the number of samples from the first to the last of `length` steps."""
    return (length - 1) * _OVERSAMPLING + 1


@lru_cache(maxsize=8)
def smoothing_weights(length: int) -> Array:
    """Return weights (L, 4 L - 3): a triangle around each step, truncated at both ends."""
    steps = np.arange(length)[:, None] * _OVERSAMPLING
    samples = np.arange(sample_count(length))[None]
    triangles = np.clip(1 - np.abs(samples - steps) / _OVERSAMPLING, 0, None)
    weights: Array = (triangles / triangles.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights
