"""Simulated camera in front of a motion-captured dancer, with the faults of a real one.

Joints are (T, 17, 3) metres, Y up; in camera axes x points to the image's right and z towards the
camera, as in a `Pose`.
"""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, LEFT_HIP, RIGHT_HIP, Array, mirrored, pelvis_centred
from dancetype.training.augment.pose_noise import mediapipe_noise
from dancetype.training.recipe import CameraSettings

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
"""Joint and its parent, parents before children; the parent of the hips is the pelvis."""


def face_camera(joints: Array) -> Array:
    """Return a dance turned about the vertical, so that on average the dancer faces the camera."""
    hips = (joints[:, LEFT_HIP] - joints[:, RIGHT_HIP])[:, [0, 2]]
    length = np.linalg.norm(hips, axis=-1, keepdims=True)
    x, z = (hips / np.maximum(length, 1e-6)).mean(axis=0)
    return joints @ rotation_about("y", np.arctan2(z, x)).T


def rotation_about(axis: Literal["x", "y", "z"], angle: float) -> Array:
    """Return the (3, 3) counterclockwise rotation about an axis, `angle` in radians."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3, dtype=np.float32)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[second, first] = np.sin(angle)
    matrix[first, second] = -np.sin(angle)
    return matrix


def simulate_camera(
    times: NDArray[np.float64],
    joints: Array,
    settings: CameraSettings,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], Array]:
    """Return times and joints of motion capture as a camera and pose estimation might see them.

    Args:
        times: (T,) seconds.
        joints: (T, 17, 3) metres in the axes of the motion capture.
        settings: Strength of each fault.
        rng: Source of randomness.
    """
    kept = _frames(times, settings, rng)
    times, joints = times[kept], face_camera(joints[kept])
    turn = rotation_about("x", np.radians(rng.normal(0, settings.pitch)))
    turn = turn @ rotation_about("y", np.radians(rng.normal(0, settings.heading)))
    turn = rotation_about("z", np.radians(rng.normal(0, settings.roll))) @ turn
    joints = pelvis_centred(_with_other_limbs(joints, settings.limbs, rng)) @ turn.T
    return times, _with_errors(times, joints, rng.uniform(*settings.noise), settings, rng)


def augment_track(
    times: NDArray[np.float64],
    joints: Array,
    settings: CameraSettings,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], Array]:
    """Vary times and joints of a real track, which has its own heading and most faults already.

    Args:
        times: (T,) seconds.
        joints: (T, 17, 3) metres as in a `Pose`; NaN if nobody was seen.
        settings: Strength of each fault.
        rng: Source of randomness.
    """
    kept = _frames(times, settings, rng)
    times, joints = times[kept], _with_other_limbs(joints[kept], settings.limbs, rng)
    turn = rotation_about("z", np.radians(rng.normal(0, settings.roll)))
    joints = pelvis_centred(joints) @ turn.T
    return times, _with_errors(times, joints, rng.uniform(0, settings.track_noise), settings, rng)


def _with_errors(
    times: NDArray[np.float64],
    joints: Array,
    noise: float,
    settings: CameraSettings,
    rng: np.random.Generator,
) -> Array:
    """Add a pose estimator's errors, and mirror some dances."""
    joints = joints + mediapipe_noise().draw(times, noise, rng)
    # Some joints are thrown about in half of the frames, as hidden ones are.
    thrown = np.flatnonzero(rng.random(len(JOINTS)) < settings.thrown_share)
    bursts = rng.random((len(times), len(thrown), 1)) < 0.5
    error = rng.standard_normal((len(times), len(thrown), 3), np.float32)
    joints[:, thrown] += np.float32(settings.thrown) * bursts * error
    return mirrored(joints) if rng.random() < settings.mirror else joints


def _frames(
    times: NDArray[np.float64], settings: CameraSettings, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Indices of the frames that a camera of random frame rate takes and does not drop."""
    rate = rng.uniform(*settings.frame_rate)
    ticks = np.arange(times[0], times[-1], 1 / rate) + rng.uniform(0, 1 / rate)
    ticks += rng.normal(0, 0.1 / rate, len(ticks))
    ticks = ticks[rng.random(len(ticks)) >= rng.uniform(0, settings.dropped)]
    # The ends stay, so that the window has the length that was drawn.
    indices = np.searchsorted(times, ticks).clip(0, len(times) - 1)
    return np.unique(np.concatenate([[0], indices, [len(times) - 1]]))


def _with_other_limbs(joints: Array, spread: float, rng: np.random.Generator) -> Array:
    """Scale each limb, left and right alike, as if somebody else danced."""
    names = ("hip", *dict.fromkeys(child.split("_")[-1] for child, _ in _PARENTS))
    scales = dict(zip(names, np.exp(rng.normal(0, spread, len(names))), strict=True))
    # The place of each joint, as weights of the first dancer's joints.
    places = dict(zip(JOINTS, np.eye(len(JOINTS)), strict=True))
    middle = (places["left_hip"] + places["right_hip"]) / 2
    before = places | {"shoulders": (places["left_shoulder"] + places["right_shoulder"]) / 2}
    after = {
        hip: middle + scales["hip"] * (before[hip] - middle) for hip in ("left_hip", "right_hip")
    }
    for child, parent in _PARENTS:
        if parent == "shoulders":
            after[parent] = (after["left_shoulder"] + after["right_shoulder"]) / 2
        after[child] = after[parent] + scales[child.split("_")[-1]] * (
            before[child] - before[parent]
        )
    other: Array = np.stack([after[name] for name in JOINTS]).astype(np.float32) @ joints
    return other
