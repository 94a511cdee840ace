"""Synthetic motion capture, for tests."""

import numpy as np

from dancetype.engine.skeleton import JOINTS, Array


def swaying_joints(seconds: float, *, speed: float = 5.0) -> Array:
    """Return joints (T, 17, 3) in metres that sway at `speed` radians per second, at 60 fps."""
    times = np.arange(round(60 * seconds) + 1)[:, None, None] / 60
    rest_pose = np.random.default_rng(0).uniform(-0.8, 0.8, (len(JOINTS), 3))
    joints: Array = (rest_pose + 0.2 * np.sin(speed * times + 9 * rest_pose)).astype(np.float32)
    return joints


def rotation_about_y(angle: float) -> Array:
    """Return the matrix (3, 3) of a rotation about the vertical axis by `angle` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32)
