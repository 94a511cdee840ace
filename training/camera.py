"""A virtual camera in front of a motion-captured dancer, with the faults of a real one.

Joints are (T, 17, 3) metres, Y up; seen by the camera x points to the image's right and z towards
the camera, as in a `Pose`.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.skeleton import JOINTS, LEFT_HIP, RIGHT_HIP, Array, mirrored, pelvis_centred
from training.recipe import CameraSettings

_PARENTS: Final[tuple[tuple[str, str], ...]] = (
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("nose", "shoulders"),
    ("left_eye", "nose"),
    ("right_eye", "nose"),
    ("left_ear", "nose"),
    ("right_ear", "nose"),
    ("left_elbow", "left_shoulder"),
    ("right_elbow", "right_shoulder"),
    ("left_wrist", "left_elbow"),
    ("right_wrist", "right_elbow"),
    ("left_knee", "left_hip"),
    ("right_knee", "right_hip"),
    ("left_ankle", "left_knee"),
    ("right_ankle", "right_knee"),
)
"""Joint and the joint it hangs from, parents before children; the hips hang from the pelvis."""

_INDEX: Final = {name: index for index, name in enumerate(JOINTS)}

_LOOSE: Final = np.array(
    [1.5 if "wrist" in name or "ankle" in name or "elbow" in name else 1.0 for name in JOINTS],
    np.float32,
)
"""Pose estimation errs more at the ends of limbs."""


def facing(joints: Array) -> Array:
    """Turns a dance about the vertical so that its mean hip line faces the camera.

    The dancer's left then lies to the image's right, as of somebody who looks into the camera.
    """
    hips = (joints[:, LEFT_HIP] - joints[:, RIGHT_HIP])[:, [0, 2]]
    length = np.linalg.norm(hips, axis=-1, keepdims=True)
    x, z = (hips / np.maximum(length, 1e-6)).mean(axis=0)
    return joints @ _about_y(np.arctan2(z, x)).T


def _about_y(angle: float) -> Array:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32)


def _about_x(angle: float) -> Array:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]], np.float32)


def _about_z(angle: float) -> Array:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float32)


def film(
    times: NDArray[np.float64],
    joints: Array,
    settings: CameraSettings,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], Array]:
    """Films a stretch of motion capture as one ordinary camera and pose estimation might.

    Args:
        times: (T,) seconds.
        joints: (T, 17, 3) metres in the studio.
        settings: how much of each fault.
        rng: where chance comes from.

    Returns:
        times and joints of the frames that the camera kept.
    """
    kept = _frames(times, settings, rng)
    times, joints = times[kept], facing(joints[kept])
    turn = _about_x(np.radians(rng.normal(0, settings.pitch)))
    turn = turn @ _about_y(np.radians(rng.normal(0, settings.heading)))
    turn = _about_z(np.radians(rng.normal(0, settings.roll))) @ turn
    joints = pelvis_centred(_with_other_limbs(joints, settings.limbs, rng)) @ turn.T
    if rng.random() < settings.mirror:
        joints = mirrored(joints)
    return times, joints + _noise(times, settings, rng)


def _frames(
    times: NDArray[np.float64], settings: CameraSettings, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Indices of the frames a camera of some frame rate takes, less those it drops."""
    rate = rng.uniform(*settings.frame_rate)
    ticks = np.arange(times[0], times[-1], 1 / rate) + rng.uniform(0, 1 / rate)
    ticks += rng.normal(0, 0.1 / rate, len(ticks))
    ticks = ticks[rng.random(len(ticks)) >= rng.uniform(0, settings.dropped)]
    # The ends stay, so that the window has the length that was drawn.
    indices = np.searchsorted(times, ticks).clip(0, len(times) - 1)
    return np.unique(np.concatenate([[0], indices, [len(times) - 1]]))


def _with_other_limbs(joints: Array, spread: float, rng: np.random.Generator) -> Array:
    """The same dance by somebody else: each limb scaled, left and right alike."""
    scales: dict[str, float] = {}
    result = joints.copy()
    middle = (joints[:, LEFT_HIP] + joints[:, RIGHT_HIP]) / 2
    hips = np.exp(rng.normal(0, spread))
    for hip in (LEFT_HIP, RIGHT_HIP):
        result[:, hip] = middle + hips * (joints[:, hip] - middle)

    def position(array: Array, name: str) -> Array:
        if name == "shoulders":
            left, right = _INDEX["left_shoulder"], _INDEX["right_shoulder"]
            return (array[:, left] + array[:, right]) / np.float32(2)
        return array[:, _INDEX[name]]

    for child, parent in _PARENTS:
        limb = child.split("_")[-1]
        scale = scales.setdefault(limb, float(np.exp(rng.normal(0, spread))))
        bone = joints[:, _INDEX[child]] - position(joints, parent)
        result[:, _INDEX[child]] = position(result, parent) + scale * bone
    return result


def _noise(times: NDArray[np.float64], settings: CameraSettings, rng: np.random.Generator) -> Array:
    """(T, 17, 3) metres: errors that last a frame, a beat and the whole window."""
    count = len(JOINTS)
    noise = _normal(rng, len(times)) * rng.uniform(0, settings.jitter)
    for seconds in (0.15, 0.5):
        knots = np.arange(times[0], times[-1] + 2 * seconds, seconds)
        right = np.searchsorted(knots, times, side="right")
        share = ((times - knots[right - 1]) / seconds)[:, None, None]
        values = _normal(rng, len(knots)) * rng.uniform(0, settings.jitter)
        noise += values[right - 1] * (1 - share) + values[right] * share
    noise += _normal(rng, 1) * rng.uniform(0, settings.offset)
    thrown = rng.random(count) < settings.thrown_share
    bursts = rng.random((len(times), count, 1)) < 0.5
    noise += thrown[:, None] * bursts * _normal(rng, len(times)) * settings.thrown
    return (noise * _LOOSE[:, None]).astype(np.float32)


def _normal(rng: np.random.Generator, frames: int) -> Array:
    return rng.standard_normal((frames, len(JOINTS), 3), np.float32)
