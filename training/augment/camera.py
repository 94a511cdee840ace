"""Simulated camera and pose estimator for motion capture, with the errors of real ones.

Joints are (T, 17, 3) metres, Y up. In camera axes x points to the right of the image and z towards
the camera, as in a `Pose`.
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
"""Each joint and its parent, parents before children; the parent of the hips is the pelvis."""


def face_camera(joints: Array) -> Array:
    """Rotate a dance about the vertical axis, so that the dancer faces the camera on average."""
    hips = (joints[:, LEFT_HIP] - joints[:, RIGHT_HIP])[:, [0, 2]]
    length = np.linalg.norm(hips, axis=-1, keepdims=True)
    x, z = (hips / np.maximum(length, 1e-6)).mean(axis=0)
    return joints @ rotation_about("y", np.arctan2(z, x)).T


def rotation_about(axis: Literal["x", "y", "z"], angle: float) -> Array:
    """Return the (3, 3) matrix of a counterclockwise rotation by `angle` radians."""
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
    """Return motion capture as a camera and a pose estimator might record it.

    Args:
        times: (T,) seconds.
        joints: (T, 17, 3) metres in the axes of the motion capture.
        settings: Strength of each error.
        rng: Source of randomness.

    Returns:
        Times and joints of the frames that are not dropped; joints in camera axes, hip-centred.
    """
    frames = _sample_frames(times, settings, rng)
    times, joints = times[frames], face_camera(joints[frames])
    rotation = rotation_about("x", np.radians(rng.normal(0, settings.pitch)))
    rotation = rotation @ rotation_about("y", np.radians(rng.normal(0, settings.heading)))
    rotation = rotation_about("z", np.radians(rng.normal(0, settings.roll))) @ rotation
    joints = pelvis_centred(_scale_limbs(joints, settings.limbs, rng)) @ rotation.T
    return times, _add_errors(times, joints, rng.uniform(*settings.noise), settings, rng)


def augment_track(
    times: NDArray[np.float64],
    joints: Array,
    settings: CameraSettings,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], Array]:
    """Vary times and joints of a track, which already has a heading and most errors.

    Args:
        times: (T,) seconds.
        joints: (T, 17, 3) metres as in a `Pose`; NaN if no person was detected.
        settings: Strength of each error.
        rng: Source of randomness.

    Returns:
        Times and joints of the frames that are not dropped; joints hip-centred.
    """
    frames = _sample_frames(times, settings, rng)
    times, joints = times[frames], _scale_limbs(joints[frames], settings.limbs, rng)
    rotation = rotation_about("z", np.radians(rng.normal(0, settings.roll)))
    joints = pelvis_centred(joints) @ rotation.T
    return times, _add_errors(times, joints, rng.uniform(0, settings.track_noise), settings, rng)


def _add_errors(
    times: NDArray[np.float64],
    joints: Array,
    noise: float,
    settings: CameraSettings,
    rng: np.random.Generator,
) -> Array:
    """Return joints with a pose estimator's errors, mirrored at random."""
    joints = joints + mediapipe_noise().draw(times, noise, rng)
    # Some joints get large errors in half of the frames, as hidden joints do.
    displaced = np.flatnonzero(rng.random(len(JOINTS)) < settings.thrown_share)
    affected = rng.random((len(times), len(displaced), 1)) < 0.5
    error = rng.standard_normal((len(times), len(displaced), 3), np.float32)
    joints[:, displaced] += np.float32(settings.thrown) * affected * error
    return mirrored(joints) if rng.random() < settings.mirror else joints


def _sample_frames(
    times: NDArray[np.float64], settings: CameraSettings, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return the indices of the frames that a camera with a random frame rate delivers."""
    rate = rng.uniform(*settings.frame_rate)
    exposures = np.arange(times[0], times[-1], 1 / rate) + rng.uniform(0, 1 / rate)
    exposures += rng.normal(0, 0.1 / rate, len(exposures))
    exposures = exposures[rng.random(len(exposures)) >= rng.uniform(0, settings.dropped)]
    # First and last frame are kept, so that the window has the sampled length.
    indices = np.searchsorted(times, exposures).clip(0, len(times) - 1)
    return np.unique(np.concatenate([[0], indices, [len(times) - 1]]))


def _scale_limbs(joints: Array, sd: float, rng: np.random.Generator) -> Array:
    """Scale each pair of limbs by a random factor, to simulate another body."""
    names = ("hip", *dict.fromkeys(child.split("_")[-1] for child, _ in _PARENTS))
    scales = dict(zip(names, np.exp(rng.normal(0, sd, len(names))), strict=True))
    # Each scaled joint is a linear combination of the original joints. Compute its weights.
    before = dict(zip(JOINTS, np.eye(len(JOINTS)), strict=True))
    pelvis = (before["left_hip"] + before["right_hip"]) / 2
    before["shoulders"] = (before["left_shoulder"] + before["right_shoulder"]) / 2
    after = {
        hip: pelvis + scales["hip"] * (before[hip] - pelvis) for hip in ("left_hip", "right_hip")
    }
    for child, parent in _PARENTS:
        if parent == "shoulders":
            after[parent] = (after["left_shoulder"] + after["right_shoulder"]) / 2
        after[child] = after[parent] + scales[child.split("_")[-1]] * (
            before[child] - before[parent]
        )
    scaled: Array = np.stack([after[name] for name in JOINTS]).astype(np.float32) @ joints
    return scaled
