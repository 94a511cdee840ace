"""Simple body in place of anny's, which takes minutes to load the first time."""

import numpy as np
import pytest

from dancetype.engine.skeleton import JOINTS, Array
from dancetype.training.synthetic.body import (
    BONES,
    FACE_JOINTS,
    Body,
    bone_starting_at,
    vertex_normals,
)

REST_POSITIONS = {
    "nose": (0.0, 1.58, 0.12),
    "left_eye": (0.03, 1.61, 0.1),
    "left_ear": (0.07, 1.6, 0.02),
    "left_shoulder": (0.16, 1.4, 0.0),
    "left_elbow": (0.32, 1.2, 0.0),
    "left_wrist": (0.44, 1.06, 0.1),
    "left_hip": (0.09, 0.92, 0.0),
    "left_knee": (0.11, 0.5, 0.02),
    "left_ankle": (0.13, 0.09, 0.0),
}
TRUNK_STARTS = {
    "root": (0, 0.95, 0),
    "spine05": (0, 1.0, 0),
    "spine04": (0, 1.08, 0),
    "spine03": (0, 1.16, 0),
    "spine02": (0, 1.24, 0),
    "spine01": (0, 1.32, 0),
    "neck01": (0, 1.45, 0),
    "head": (0, 1.54, 0),
    "clavicle.L": (0.03, 1.4, 0),
    "clavicle.R": (-0.03, 1.4, 0),
}
_CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32) * 0.03
_SIDES = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], np.uint32)


def rest_joints() -> Array:
    """Return joints (17, 3) of a person who stands."""
    mirror = np.array([-1, 1, 1])
    positions = {
        name: np.array(REST_POSITIONS[name])
        if name in REST_POSITIONS
        else REST_POSITIONS[name.replace("right", "left")] * mirror
        for name in JOINTS
    }
    return np.array([positions[name] for name in JOINTS], np.float32)


@pytest.fixture(scope="session")
def body() -> Body:
    """Body with a tetrahedron around the start of each bone, which moves with that bone only."""
    joints = rest_joints()
    limbs = {bone_starting_at(n): joints[i] for i, n in enumerate(JOINTS) if n not in FACE_JOINTS}
    heads = np.array([limbs.get(name, TRUNK_STARTS.get(name)) for name, _ in BONES], np.float32)
    vertices = (heads[:, None] + _CORNERS).reshape(-1, 3)
    faces = np.concatenate([_SIDES + 4 * number for number in range(len(BONES))]).astype(np.uint32)
    weights = np.repeat(np.eye(len(BONES), dtype=np.float32), 4, axis=0)
    return Body(vertices, vertex_normals(vertices, faces), faces, heads, weights, joints)


@pytest.fixture
def dance() -> Array:
    """Joints (60, 17, 3) of a person who sways and swings both arms; 60 frames per second."""
    joints = np.repeat(rest_joints()[None], 60, axis=0)
    phase = np.linspace(0, 2 * np.pi, 60, dtype=np.float32)
    for side in ("left", "right"):
        for name, reach in (("elbow", 0.1), ("wrist", 0.2)):
            joints[:, JOINTS.index(f"{side}_{name}"), 2] += reach * np.sin(phase)
    joints[..., 0] += 0.1 * np.sin(phase)[:, None]
    return joints
