"""Bones: each joint relative to its parent."""

from typing import Final

import torch
from torch import Tensor

from dancetype.engine.skeleton import JOINTS

PARENTS: Final[tuple[tuple[str, str], ...]] = (
    ("left_hip", "pelvis"),
    ("right_hip", "pelvis"),
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
"""Each joint and its parent, parents before children."""


def bone_matrix() -> Tensor:
    """Return the matrix (17, 17) from pelvis-centred joints to the bones that end there."""
    joints = dict(zip(JOINTS, torch.eye(len(JOINTS)), strict=True))
    # The pelvis is at the origin.
    joints["pelvis"] = torch.zeros(len(JOINTS))
    joints["shoulders"] = (joints["left_shoulder"] + joints["right_shoulder"]) / 2
    bones = {child: joints[child] - joints[parent] for child, parent in PARENTS}
    return torch.stack([bones[name] for name in JOINTS])
