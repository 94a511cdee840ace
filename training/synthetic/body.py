"""Body in its rest pose, from the parametric body model `anny`, reduced to the posed bones.

Axes are those of a `Pose`: x to the body's left, y up, z to its front. Lengths are in metres.

Source: Brégier et al., "Human Mesh Modeling for Anny Body", 2025; code Apache-2.0, body data
MakeHuman's, CC0. The `smplx` topology and the `smpl` extra are not free and not used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, Array
from dancetype.training.geometry import rotation_about

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
"""Each bone and its parent, parents before children, by anny's names."""

BONE_INDEX: Final = {name: index for index, (name, _) in enumerate(BONES)}
"""Index in `BONES` by name."""

FACE_JOINTS: Final = JOINTS[:5]
"""Nose, eyes and ears."""

_LIMB_BONES: Final = {
    "shoulder": "upperarm01",
    "elbow": "lowerarm01",
    "wrist": "wrist",
    "hip": "upperleg01",
    "knee": "lowerleg01",
    "ankle": "foot",
}
"""Bone that starts at each joint of a limb."""

_FROM_ANNY: Final = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)
"""Rotation from anny's axes (Z up, the face towards -Y) to those of a `Pose`."""


def bone_starting_at(joint: str) -> str:
    """Return the bone that starts at a joint such as `left_knee`."""
    side, name = joint.split("_")
    return f"{_LIMB_BONES[name]}.{side[0].upper()}"


@dataclass(frozen=True, slots=True)
class Body:
    """Body in its rest pose.

    Attributes:
        vertices: (V, 3) metres.
        normals: (V, 3) unit vectors.
        faces: (F, 3) indices of vertices.
        heads: (B, 3) metres, start of each of `BONES`; those of limb bones are COCO joints.
        weights: (V, B) skinning weights; each row sums to 1.
        joints: (17, 3) metres, COCO joints.
    """

    vertices: Array
    normals: Array
    faces: NDArray[np.uint32]
    heads: Array
    weights: Array
    joints: Array

    def head(self, bone: str) -> Array:
        """Return the start of a bone, (3,) metres."""
        start: Array = self.heads[BONE_INDEX[bone]]
        return start


class BodyFactory:
    """Factory of bodies of any build; creating it takes seconds, and minutes the first time.

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
        self._posed_bones = _map_to_posed_bones(self._model.bone_labels, self._model.bone_parents)

    def create(self, build: Mapping[str, float], *, curl: float = 0.0) -> Body:
        """Return a body.

        Args:
            build: anny's phenotype values from 0 to 1: gender, age, muscle, weight, height and
                proportions.
            curl: Bend of each finger joint in radians.
        """
        torch = self._torch
        pose = torch.eye(4)[None, None].repeat(1, self._model.bone_count, 1, 1)
        for index, name in enumerate(self._model.bone_labels):
            if name.startswith("finger") and not name.startswith("finger1"):
                pose[0, index, :3, :3] = torch.tensor(rotation_about("x", curl))
        with torch.inference_mode():
            out = self._model(pose_parameters=pose, phenotype_kwargs=dict(build))
            joints = self._keypoints(out)[0].numpy().astype(np.float32) @ _FROM_ANNY.T
        vertices = out["vertices"][0].numpy().astype(np.float32) @ _FROM_ANNY.T
        heads = out["bone_poses"][0, self._bones, :3, 3].numpy().astype(np.float32) @ _FROM_ANNY.T
        # The hip of COCO (and of AIST++ and MediaPipe) is 3 cm away from the start of the bone.
        for joint, position in zip(JOINTS, joints, strict=True):
            if joint not in FACE_JOINTS:
                heads[BONE_INDEX[bone_starting_at(joint)]] = position
        return Body(
            vertices=vertices,
            normals=vertex_normals(vertices, self._faces),
            faces=self._faces,
            heads=heads,
            weights=self._weights(len(vertices)),
            joints=joints,
        )

    def _weights(self, count: int) -> Array:
        """Return skinning weights (V, B) for the posed bones, from anny's weights."""
        indices = self._posed_bones[self._model.vertex_bone_indices.numpy()]
        weights = np.zeros((count, len(BONES)), np.float32)
        rows = np.broadcast_to(np.arange(count)[:, None], indices.shape)
        np.add.at(weights, (rows, indices), self._model.vertex_bone_weights.numpy())
        normalised: Array = weights / weights.sum(axis=1, keepdims=True)
        return normalised


def _map_to_posed_bones(labels: list[str], parents: list[int]) -> NDArray[np.intp]:
    """Return, for each of anny's bones, the index in `BONES` of itself or its nearest ancestor."""

    def posed_bone(bone: int) -> int:
        while labels[bone] not in BONE_INDEX:
            bone = int(parents[bone])
        return BONE_INDEX[labels[bone]]

    return np.array([posed_bone(bone) for bone in range(len(labels))])


def vertex_normals(vertices: Array, faces: NDArray[np.uint32]) -> Array:
    """Return unit vectors (V, 3), each the area-weighted mean of the adjacent faces' normals.

    Args:
        vertices: Positions (V, 3).
        faces: Indices (F, 3) of vertices, counterclockwise from outside.
    """
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], np.cross(b - a, c - a))
    unit: Array = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return unit


def subdivide(body: Body) -> Body:
    """Return a body of the same shape whose triangles are divided into four."""
    triangles = body.faces.astype(np.intp)
    corners = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=-1)  # (F, 3, 2)
    edges, indices = np.unique(np.sort(corners.reshape(-1, 2), axis=1), axis=0, return_inverse=True)
    a, b, c = triangles.T
    ab, bc, ca = (indices.reshape(-1, 3) + len(body.vertices)).T
    parts = ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
    faces = np.concatenate([np.stack(part, axis=1) for part in parts]).astype(np.uint32)

    def with_midpoints(values: Array) -> Array:
        midpoints: Array = values[edges].mean(axis=1)
        return np.concatenate([values, midpoints])

    vertices = with_midpoints(body.vertices)
    return replace(
        body,
        vertices=vertices,
        normals=vertex_normals(vertices, faces),
        faces=faces,
        weights=with_midpoints(body.weights),
    )
