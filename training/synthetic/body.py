"""Bodies at rest: the parametric body `anny`, reduced to the bones that are posed.

Axes are those of a `Pose`: x to the body's left, y up, z to its front; metres.

Source: Brégier et al., "Human Mesh Modeling for Anny Body", 2025; code Apache-2.0, body data
MakeHuman's, CC0. Its `smplx` topology and its `smpl` extra are not free and not used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, Array
from dancetype.training.augment.camera import rotation_about

BONES: Final[tuple[tuple[str, str], ...]] = (
    ("root", ""),
    ("spine05", "root"),
    ("spine04", "spine05"),
    ("spine03", "spine04"),
    ("spine02", "spine03"),
    ("spine01", "spine02"),
    ("neck01", "spine01"),
    ("head", "neck01"),
    ("clavicle.L", "spine01"),
    ("upperarm01.L", "clavicle.L"),
    ("lowerarm01.L", "upperarm01.L"),
    ("wrist.L", "lowerarm01.L"),
    ("clavicle.R", "spine01"),
    ("upperarm01.R", "clavicle.R"),
    ("lowerarm01.R", "upperarm01.R"),
    ("wrist.R", "lowerarm01.R"),
    ("upperleg01.L", "root"),
    ("lowerleg01.L", "upperleg01.L"),
    ("foot.L", "lowerleg01.L"),
    ("upperleg01.R", "root"),
    ("lowerleg01.R", "upperleg01.R"),
    ("foot.R", "lowerleg01.R"),
)
"""Bone and its parent, parents before children, by anny's names."""

BONE: Final = {name: index for index, (name, _) in enumerate(BONES)}

FACE: Final = JOINTS[:5]

_HEADS: Final = {
    "shoulder": "upperarm01",
    "elbow": "lowerarm01",
    "wrist": "wrist",
    "hip": "upperleg01",
    "knee": "lowerleg01",
    "ankle": "foot",
}
"""Bone that begins at each joint of a limb."""

# From anny's axes, Z up and the face to -Y, to ours.
_TURN: Final = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)


def bone_of(joint: str) -> str:
    """Return the bone that begins at a joint such as `left_knee`."""
    side, limb = joint.split("_")
    return f"{_HEADS[limb]}.{side[0].upper()}"


@dataclass(frozen=True, slots=True)
class Body:
    """A body in its rest pose.

    Attributes:
        vertices: (V, 3) metres.
        normals: (V, 3) unit vectors.
        faces: (F, 3) indices of vertices.
        heads: (B, 3) metres, where each of `BONES` begins; those of limbs in their COCO joints.
        weights: (V, B) skinning weights; rows add up to 1.
        joints: (17, 3) metres, COCO joints.
    """

    vertices: Array
    normals: Array
    faces: NDArray[np.uint32]
    heads: Array
    weights: Array
    joints: Array

    def head(self, bone: str) -> Array:
        """Return where a bone begins, (3,) metres."""
        start: Array = self.heads[BONE[bone]]
        return start


class Bodies:
    """Factory of bodies of any build; loading takes seconds, the first time minutes.

    Raises:
        ModuleNotFoundError: The extra `synth` is not installed.
    """

    def __init__(self) -> None:
        import anny
        import torch

        self._torch = torch
        self._model: Any = anny.Anny().to(dtype=torch.float32)
        self._keypoints: Any = anny.KeypointsRegressor.coco(self._model, labels=list(JOINTS))
        self._faces = self._model.faces.numpy().astype(np.uint32)
        self._bones = [self._model.bone_labels.index(name) for name, _ in BONES]
        self._owner = _owners(self._model.bone_labels, self._model.bone_parents)

    def body(self, build: Mapping[str, float], *, curl: float = 0.0) -> Body:
        """Return a body.

        Args:
            build: anny's phenotypes (gender, age, muscle, weight, height, proportions), 0 to 1.
            curl: Bend of each finger joint in radians.
        """
        torch = self._torch
        pose = torch.eye(4)[None, None].repeat(1, self._model.bone_count, 1, 1)
        for index, name in enumerate(self._model.bone_labels):
            if name.startswith("finger") and not name.startswith("finger1"):
                pose[0, index, :3, :3] = torch.tensor(rotation_about("x", curl))
        with torch.inference_mode():
            out = self._model(pose_parameters=pose, phenotype_kwargs=dict(build))
            joints = self._keypoints(out)[0].numpy().astype(np.float32) @ _TURN.T
        vertices = out["vertices"][0].numpy().astype(np.float32) @ _TURN.T
        heads = out["bone_poses"][0, self._bones, :3, 3].numpy().astype(np.float32) @ _TURN.T
        # The hip of COCO, and so of AIST++ and MediaPipe, is 3 cm away from the bone's head.
        for joint, position in zip(JOINTS, joints, strict=True):
            if joint not in FACE:
                heads[BONE[bone_of(joint)]] = position
        return Body(
            vertices=vertices,
            normals=vertex_normals(vertices, self._faces),
            faces=self._faces,
            heads=heads,
            weights=self._weights(len(vertices)),
            joints=joints,
        )

    def _weights(self, count: int) -> Array:
        indices = self._owner[self._model.vertex_bone_indices.numpy()]
        weights = np.zeros((count, len(BONES)), np.float32)
        rows = np.broadcast_to(np.arange(count)[:, None], indices.shape)
        np.add.at(weights, (rows, indices), self._model.vertex_bone_weights.numpy())
        whole: Array = weights / weights.sum(axis=1, keepdims=True)
        return whole


def _owners(labels: list[str], parents: list[int]) -> NDArray[np.intp]:
    """Return for each of anny's bones the one of `BONES` that carries it: itself or an ancestor."""

    def owner(bone: int) -> int:
        while labels[bone] not in BONE:
            bone = int(parents[bone])
        return BONE[labels[bone]]

    return np.array([owner(bone) for bone in range(len(labels))])


def vertex_normals(vertices: Array, faces: NDArray[np.uint32]) -> Array:
    """Return (V, 3) unit vectors, the mean over the faces around by their area.

    Args:
        vertices: (V, 3).
        faces: (F, 3) indices, counterclockwise from outside.
    """
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], np.cross(b - a, c - a))
    unit: Array = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return unit
