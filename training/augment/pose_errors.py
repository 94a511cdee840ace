"""Errors of landmark tracks relative to the motion capture of the same dance.

Errors are in metres in camera axes: x to the right of the image, y up, z towards the camera. A
track names its AIST++ sequence and its start, but not the direction of its camera. That direction
is estimated, for rendered and real clips alike, as the rotation about the vertical axis that fits
the whole clip best.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.media.track import Track
from dancetype.engine.skeleton import JOINTS, Array, pelvis_centred
from dancetype.training.data.aist import AistSequence
from dancetype.training.geometry import rotation_about

AXES: Final = ("x", "y", "depth")

_STEP: Final = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class TrackPair:
    """Track and its ground truth.

    Attributes:
        name: Name of the track.
        times: (T,) seconds.
        estimated: (T, 17, 3) metres, hip-centred; NaN if no person was detected.
        truth: (T, 17, 3) metres, hip-centred, in camera axes.
    """

    name: str
    times: NDArray[np.float64]
    estimated: Array
    truth: Array

    @property
    def detected(self) -> NDArray[np.bool_]:
        """Mask (T,) of frames in which a person was detected."""
        return np.asarray(np.isfinite(self.estimated).all(axis=(1, 2)))

    @property
    def errors(self) -> Array:
        """Estimated minus true joints (D, 17, 3) in metres, for frames with a person."""
        errors: Array = self.estimated[self.detected] - self.truth[self.detected]
        return errors


@dataclass(frozen=True, slots=True)
class PoseErrors:
    """Error statistics of a set of tracks; lengths in centimetres.

    Attributes:
        clips: Number of clips.
        frames: Number of frames of all clips.
        detection: Share of frames in which a person was detected.
        hip_centred: Mean distance of a joint from its true position, hip-centred (MPJPE).
        aligned: Mean distance after the best translation, rotation and scaling of each frame
            (PA-MPJPE).
        rms: Root mean square error (3,) along `AXES`, hip-centred.
        jitter: Standard deviation (3,) along `AXES` of independent errors with second differences
            over 0.1 s as large as those measured.
        acceleration: Ratio (4,) of the estimated to the true acceleration over 0.1 s, along `AXES`
            and in magnitude.
        bias: Mean error (3,) of each joint along `AXES`.
        spread: Root mean square error (3,) of each joint along `AXES`, about each clip's mean.
    """

    clips: int
    frames: int
    detection: float
    hip_centred: float
    aligned: float
    rms: list[float]
    jitter: list[float]
    acceleration: list[float]
    bias: dict[str, list[float]]
    spread: dict[str, list[float]]


def pair_with_truth(track: Track, sequence: AistSequence) -> TrackPair:
    """Pair a track with the motion capture of its dance.

    Raises:
        ValueError: The start of the track in the sequence is unknown, or the track shows no person.
    """
    if not np.isfinite(track.start):
        raise ValueError(f"{track.name}: its start in the sequence is unknown")
    estimated = pelvis_centred(track.joints)
    detected = np.isfinite(estimated).all(axis=(1, 2))
    if not detected.any():
        raise ValueError(f"{track.name}: no person was detected")
    times = track.times + track.start
    coordinates = sequence.joints.reshape(len(sequence.joints), -1)
    columns = [np.interp(times, sequence.times, column) for column in coordinates.T]
    truth = np.stack(columns, axis=-1).reshape(-1, len(JOINTS), 3).astype(np.float32)
    truth = pelvis_centred(truth)
    rotation = fit_heading(truth[detected], estimated[detected])
    return TrackPair(track.name, track.times, estimated, truth @ rotation.T)


def fit_heading(truth: Array, estimated: Array) -> Array:
    """Return the rotation (3, 3) about the vertical axis that best fits `truth` to `estimated`."""
    x, z = truth[..., 0], truth[..., 2]
    estimated_x, estimated_z = estimated[..., 0], estimated[..., 2]
    angle = np.arctan2(
        (z * estimated_x - x * estimated_z).sum(), (x * estimated_x + z * estimated_z).sum()
    )
    return rotation_about("y", angle)


def align(estimated: Array, truth: Array) -> Array:
    """Align each frame of `estimated` (T, 17, 3) to `truth` by translation, rotation and scaling.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", 1991.
    """
    target = truth.mean(axis=1, keepdims=True)
    a, b = estimated - estimated.mean(axis=1, keepdims=True), truth - target
    u, singular_values, vt = np.linalg.svd(np.swapaxes(b, 1, 2) @ a)
    sign = np.sign(np.linalg.det(u @ vt))
    u[:, :, 2] *= sign[:, None]
    singular_values[:, 2] *= sign
    scale = singular_values.sum(axis=1) / (a**2).sum(axis=(1, 2))
    aligned: Array = a @ np.swapaxes(u @ vt, 1, 2) * scale[:, None, None] + target
    return aligned


def measure(pairs: Sequence[TrackPair]) -> PoseErrors:
    """Return error statistics over all frames of all pairs.

    Raises:
        ValueError: There are no pairs.
    """
    if not pairs:
        raise ValueError("no tracks to measure")
    detected = np.concatenate([pair.detected for pair in pairs])
    errors = np.concatenate([pair.errors for pair in pairs]) * 100
    deviations = np.concatenate([pair.errors - pair.errors.mean(axis=0) for pair in pairs]) * 100
    aligned_distances = np.concatenate([_aligned_distances(pair) for pair in pairs])
    error_accelerations = np.concatenate(
        [_second_differences(pair.estimated - pair.truth, pair) for pair in pairs]
    )
    estimated = np.concatenate([_second_differences(pair.estimated, pair) for pair in pairs])
    true = np.concatenate([_second_differences(pair.truth, pair) for pair in pairs])
    ratios = np.abs(estimated).mean(axis=(0, 1)) / np.abs(true).mean(axis=(0, 1))
    total_ratio = np.linalg.norm(estimated, axis=-1).mean() / np.linalg.norm(true, axis=-1).mean()
    return PoseErrors(
        clips=len(pairs),
        frames=len(detected),
        detection=round(float(detected.mean()), 4),
        hip_centred=_rounded(np.linalg.norm(errors, axis=-1).mean()),
        aligned=_rounded(aligned_distances.mean() * 100),
        rms=_rounded(np.sqrt((errors**2).mean(axis=(0, 1)))),
        # Second differences of independent errors have six times their variance.
        jitter=_rounded(np.sqrt(((error_accelerations * 100) ** 2).mean(axis=(0, 1)) / 6)),
        acceleration=[*_rounded(ratios), _rounded(total_ratio)],
        bias=_by_joint(errors.mean(axis=0)),
        spread=_by_joint(np.sqrt((deviations**2).mean(axis=0))),
    )


def _aligned_distances(pair: TrackPair) -> Array:
    """Return the distance (D, 17) of each joint from its true position after `align`."""
    truth = pair.truth[pair.detected]
    distances: Array = np.linalg.norm(align(pair.estimated[pair.detected], truth) - truth, axis=-1)
    return distances


def _second_differences(joints: Array, pair: TrackPair) -> Array:
    """Return second differences (N, 17, 3) over 0.1 s, if all three frames show a person.

    Differences between adjacent frames would depend more on the frame rate than on the errors.
    """
    step = max(round(_STEP / float(np.median(np.diff(pair.times)))), 1)
    before, middle, after = slice(None, -2 * step), slice(step, -step), slice(2 * step, None)
    differences = joints[after] - 2 * joints[middle] + joints[before]
    valid = pair.detected[after] & pair.detected[middle] & pair.detected[before]
    selected: Array = differences[valid]
    return selected


def _by_joint(values: Array) -> dict[str, list[float]]:
    return {name: _rounded(row) for name, row in zip(JOINTS, values, strict=True)}


def _rounded(values: Any) -> Any:
    return np.round(np.asarray(values, np.float64), 2).tolist()
