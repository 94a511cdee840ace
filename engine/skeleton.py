"""The 17 COCO joints and the pose that they form."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

JOINTS: Final[tuple[str, ...]] = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""Joints in COCO's order, which AIST++ and all arrays here use."""

LEFT_HIP: Final = JOINTS.index("left_hip")
RIGHT_HIP: Final = JOINTS.index("right_hip")

MIRRORED: Final[tuple[int, ...]] = tuple(
    JOINTS.index(
        name.replace("left", "right") if name.startswith("left") else name.replace("right", "left")
    )
    for name in JOINTS
)
"""Index of the mirror image of each joint."""


@dataclass(frozen=True, slots=True)
class Pose:
    """One person at one instant.

    Attributes:
        joints: (17, 3) metres; x to the image's right, y up, z towards the camera. The origin is at
            the centre of the image, in the depth of the pelvis.
        visibility: (17,) from 0 (guessed) to 1 (visible).
    """

    joints: Array
    visibility: Array


def pelvis(joints: Array) -> Array:
    """Return the pelvis (..., D), the middle of the hips, of joints (..., 17, D)."""
    middle: Array = (joints[..., LEFT_HIP, :] + joints[..., RIGHT_HIP, :]) / np.float32(2)
    return middle


def pelvis_centred(joints: Array) -> Array:
    """Return joints (..., 17, D) with the pelvis at the origin in each frame."""
    centred: Array = joints - pelvis(joints)[..., None, :]
    return centred


def mirrored(joints: Array) -> Array:
    """Return the mirror image of joints (..., 17, D) whose first axis points to the right."""
    flipped: Array = joints[..., MIRRORED, :].copy()
    flipped[..., 0] *= -1
    return flipped
