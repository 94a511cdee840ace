"""Rotations of motion capture."""

from typing import Final, Literal

import numpy as np

from dancetype.engine.skeleton import LEFT_HIP, RIGHT_HIP, Array

Axis = Literal["x", "y", "z"]

ROTATION_PLANES: Final[dict[Axis, tuple[int, int]]] = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}
"""Indices of the coordinates that a rotation about each axis changes."""


def face_camera(joints: Array) -> Array:
    """Rotate a dance about the vertical axis, so that the dancer faces the camera on average."""
    hips = (joints[:, LEFT_HIP] - joints[:, RIGHT_HIP])[:, [0, 2]]
    length = np.linalg.norm(hips, axis=-1, keepdims=True)
    x, z = (hips / np.maximum(length, 1e-6)).mean(axis=0)
    return joints @ rotation_about("y", np.arctan2(z, x)).T


def rotation_about(axis: Axis, angle: float) -> Array:
    """Return the (3, 3) matrix of a counterclockwise rotation by `angle` radians."""
    first, second = ROTATION_PLANES[axis]
    matrix = np.eye(3, dtype=np.float32)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[second, first] = np.sin(angle)
    matrix[first, second] = -np.sin(angle)
    return matrix
