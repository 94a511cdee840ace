"""Bones: each joint relative to its parent."""

from typing import Final

import torch
from torch import Tensor

from dancetype.engine.skeleton import JOINTS

PARENTS: Final[tuple[tuple[str, str], ...]] = (
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


def bone_matrix() -> Tensor:
    """Return the matrix (17, 17) from joints to the bones that end there.

    The pelvis, the parent of the hips, is at the origin in pelvis-centred joints.
    """
    joints = dict(zip(JOINTS, torch.eye(len(JOINTS)), strict=True))
    joints["shoulders"] = (joints["left_shoulder"] + joints["right_shoulder"]) / 2
    parents = dict(PARENTS)
    origin = torch.zeros(len(JOINTS))
    return torch.stack(
        [joints[name] - (joints[parents[name]] if name in parents else origin) for name in JOINTS]
    )
