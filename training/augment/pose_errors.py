"""Errors of landmark tracks relative to the motion capture of the same dance.

Errors are in camera axes: x to the image's right, y up, z towards the camera, metres. A track names
its AIST++ sequence and its start, but not the direction of its camera: that is taken to be the turn
about the vertical that fits the whole clip best, for rendered and real clips alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.media.track import Track
from dancetype.engine.skeleton import JOINTS, Array, pelvis_centred
from dancetype.training.augment.camera import rotation_about
from dancetype.training.data.aist import AistSequence

AXES: Final = ("x", "y", "depth")

_STEP: Final = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Pair:
    """A track and its ground truth.

    Attributes:
        name: Name of the track.
        times: (T,) seconds.
        found: (T, 17, 3) metres, hip-centred; NaN if nobody was found.
        truth: (T, 17, 3) metres, hip-centred, in camera axes.
    """

    name: str
    times: NDArray[np.float64]
    found: Array
    truth: Array

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(T,) True if somebody was found."""
        return np.asarray(np.isfinite(self.found).all(axis=(1, 2)))

    @property
    def errors(self) -> Array:
        """(S, 17, 3) metres, found less true, of the `seen` frames."""
        errors: Array = self.found[self.seen] - self.truth[self.seen]
        return errors


@dataclass(frozen=True, slots=True)
class PoseErrors:
    """Statistics of a set of tracks; lengths in centimetres.

    Attributes:
        clips: Number of clips.
        frames: Number of frames of all clips.
        detection: Share of frames in which somebody was found.
        hip_centred: Mean distance of a joint from its true place, hips on hips.
        aligned: The same after the best shift, turn and size of each frame.
        rms: (3,) along `AXES`, hip-centred.
        jitter: (3,) sd of independent errors with second differences as large, over 0.1 s.
        acceleration: (4,) ratio to the true acceleration over 0.1 s, along `AXES` and as a whole.
        bias: Mean error (3,) of each joint along `AXES`.
        spread: Rms error (3,) of each joint about each clip's own mean along `AXES`.
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


def pair_with_truth(track: Track, sequence: AistSequence) -> Pair:
    """Pair a track with the motion capture of its dance.

    Raises:
        ValueError: The track has no start in the sequence, or shows nobody.
    """
    if not np.isfinite(track.start):
        raise ValueError(f"{track.name}: nobody knows where in its sequence it starts")
    found = pelvis_centred(track.joints)
    seen = np.isfinite(found).all(axis=(1, 2))
    if not seen.any():
        raise ValueError(f"{track.name}: shows nobody")
    at = track.times + track.start
    flat = sequence.joints.reshape(len(sequence.joints), -1)
    columns = [np.interp(at, sequence.times, column) for column in flat.T]
    truth = np.stack(columns, axis=-1).reshape(-1, len(JOINTS), 3).astype(np.float32)
    truth = pelvis_centred(truth)
    return Pair(track.name, track.times, found, truth @ heading(truth[seen], found[seen]).T)


def heading(truth: Array, found: Array) -> Array:
    """Return the (3, 3) turn about the vertical that fits `truth` (T, 17, 3) to `found` best."""
    x, z = truth[..., 0], truth[..., 2]
    angle = np.arctan2(
        (z * found[..., 0] - x * found[..., 2]).sum(), (x * found[..., 0] + z * found[..., 2]).sum()
    )
    return rotation_about("y", angle)


def aligned(found: Array, truth: Array) -> Array:
    """Return `found` (T, 17, 3) after the shift, turn and size of each frame that fit `truth` best.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", 1991.
    """
    centre, goal = found.mean(axis=1, keepdims=True), truth.mean(axis=1, keepdims=True)
    a, b = found - centre, truth - goal
    u, sizes, vt = np.linalg.svd(np.swapaxes(b, 1, 2) @ a)
    flip = np.sign(np.linalg.det(u @ vt))
    u[:, :, 2] *= flip[:, None]
    sizes[:, 2] *= flip
    scale = sizes.sum(axis=1) / (a**2).sum(axis=(1, 2))
    nearest: Array = a @ np.swapaxes(u @ vt, 1, 2) * scale[:, None, None] + goal
    return nearest


def measure(pairs: Sequence[Pair]) -> PoseErrors:
    """Return statistics over all frames of all pairs.

    Raises:
        ValueError: There are no pairs.
    """
    if not pairs:
        raise ValueError("no tracks to measure")
    errors = np.concatenate([pair.errors for pair in pairs]) * 100
    fits = [
        np.linalg.norm(
            aligned(pair.found[pair.seen], pair.truth[pair.seen]) - pair.truth[pair.seen], axis=-1
        )
        for pair in pairs
    ]
    about = np.concatenate([pair.errors - pair.errors.mean(axis=0) for pair in pairs]) * 100
    seen = np.concatenate([pair.seen for pair in pairs])
    shakes = np.concatenate([_curvature(pair.found - pair.truth, pair) for pair in pairs]) * 100
    found = np.concatenate([_curvature(pair.found, pair) for pair in pairs])
    truth = np.concatenate([_curvature(pair.truth, pair) for pair in pairs])
    ratios = np.abs(found).mean(axis=(0, 1)) / np.abs(truth).mean(axis=(0, 1))
    whole = np.linalg.norm(found, axis=-1).mean() / np.linalg.norm(truth, axis=-1).mean()
    return PoseErrors(
        clips=len(pairs),
        frames=len(seen),
        detection=round(float(seen.mean()), 4),
        hip_centred=_rounded(np.linalg.norm(errors, axis=-1).mean()),
        aligned=_rounded(np.concatenate(fits).mean() * 100),
        rms=_rounded(np.sqrt((errors**2).mean(axis=(0, 1)))),
        jitter=_rounded(np.sqrt((shakes**2).mean(axis=(0, 1)) / 6)),
        acceleration=[*_rounded(ratios), _rounded(whole)],
        bias=_by_joint(errors.mean(axis=0)),
        spread=_by_joint(np.sqrt((about**2).mean(axis=0))),
    )


def _curvature(joints: Array, pair: Pair) -> Array:
    """(N, 17, 3): second differences where all three frames show somebody.

    From frame to frame they would say more of the frame rate than of the errors.
    """
    step = max(round(_STEP / float(np.median(np.diff(pair.times)))), 1)
    before, now, after = slice(None, -2 * step), slice(step, -step), slice(2 * step, None)
    second = joints[after] - 2 * joints[now] + joints[before]
    kept: Array = second[pair.seen[after] & pair.seen[now] & pair.seen[before]]
    return kept


def _by_joint(values: Array) -> dict[str, list[float]]:
    return {name: _rounded(row) for name, row in zip(JOINTS, values, strict=True)}


def _rounded(values: Any) -> Any:
    return np.round(np.asarray(values, np.float64), 2).tolist()
