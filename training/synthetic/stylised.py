"""Stylised look of the dancer in the demo: loose clothes, cap and visor, and no facial features."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, Array
from dancetype.training.synthetic.appearance import Outfit, limb_positions
from dancetype.training.synthetic.body import BONE_INDEX, BONES, Body, subdivide, vertex_normals
from dancetype.training.synthetic.camera import Floats

Mask = NDArray[np.bool_]

BUILD: Final = {
    "gender": 0.0,
    "age": 0.65,
    "muscle": 0.5,
    "weight": 0.42,
    "height": 0.5,
    "proportions": 0.45,
}
"""Build of the dancer for `BodyFactory.create`."""

_SKIN: Final = (224, 169, 135)
_CAP: Final = (52, 58, 88)
_VISOR: Final = (38, 44, 62)
_SHIRT: Final = (239, 91, 60)
_TROUSERS: Final = (58, 66, 99)
_SHOES: Final = (251, 250, 247)

_HEAD_SIZE: Final = 1.1  # a large head looks friendly


class _Regions:
    """Regions of a body as masks (V,) of its vertices, and positions on it."""

    def __init__(self, body: Body) -> None:
        bone = np.array([name for name, _ in BONES])[body.weights.argmax(axis=1)]

        def on(*prefixes: str) -> Mask:
            starts = [np.char.startswith(bone, prefix) for prefix in prefixes]
            mask: Mask = np.any(starts, axis=0)
            return mask

        joints = dict(zip(JOINTS, body.joints.astype(float), strict=True))
        x, y, z = body.vertices.astype(float).T
        eyes = (joints["left_eye"] + joints["right_eye"]) / 2
        ears = (joints["left_ear"] + joints["right_ear"]) / 2
        self.limb_positions = limb_positions(body)
        self.head, self.foot, self.arm = on("head"), on("foot"), on("upperarm", "lowerarm")
        self.legs = on("upperleg", "lowerleg", "foot", "root", "spine05")
        self.torso = on("spine", "clavicle", "root", "neck", "upperleg")
        # Signed distances in metres, positive inside the garment.
        self.above_cuff = y - joints["left_ankle"][1] - 0.015
        self.above_hem = y - joints["left_hip"][1] - 0.02
        # The collar is higher at the back.
        self.below_collar = joints["left_shoulder"][1] + 0.065 + 0.35 * (-z).clip(0, 0.1) - y
        self.above_cap_edge = y - eyes[1] - 0.020 + 0.35 * (ears[2] - z - 0.01).clip(0, 0.25)
        height = 0.017 * (1 - (np.abs(x) / 0.082) ** 4).clip(0, 1)
        self.in_visor = np.where(z > ears[2] + 0.012, height - np.abs(y - eyes[1] - 0.002), -1)
        self.shirt = (self.torso & (self.above_hem > -0.02) & (self.below_collar > -0.02)) | (
            self.arm & (self.limb_positions < 0.75)
        )
        self.trousers = self.legs & (self.above_cuff > -0.02) & ~self.shirt
        self.shoes = self.foot & ~self.trousers


def dress(body: Body) -> tuple[Body, Outfit]:
    """Return a body with a finer mesh, and its stylised outfit."""
    fine = subdivide(body)
    regions = _Regions(fine)
    vertices = _shape(fine, regions)
    colours = _paint(regions)
    normals = vertex_normals(vertices.astype(np.float32), fine.faces)
    return replace(fine, normals=normals), Outfit(
        vertices.astype(np.float32), colours.astype(np.float32)
    )


def _shape(body: Body, regions: _Regions) -> Floats:
    """Return vertices (V, 3) of the dressed body, smooth like cloth."""
    smooth = _Smoother(body)
    cloth = regions.shirt | regions.trousers
    amount = np.where(cloth, 0.5, np.where(regions.head, 0.15, 0))
    amount = smooth(amount[:, None], 0.5, times=4)[:, 0]
    vertices = smooth(body.vertices.astype(float), amount * (cloth | regions.head), times=60)
    thickness = np.zeros(len(vertices))
    thickness[regions.shirt] = 0.026
    looseness = 0.02 + 0.012 * regions.limb_positions.clip(0, 1.5)
    thickness[regions.trousers] = looseness[regions.trousers]
    thickness[regions.head & (regions.above_cap_edge > 0)] = 0.014
    thickness = smooth(thickness[:, None], 0.5, times=3)
    vertices = vertices + vertex_normals(vertices.astype(np.float32), body.faces) * thickness
    for side in (-1, 1):
        on_side = regions.foot & (body.vertices[:, 0] * side > 0)
        vertices[on_side] = _shoe(body.vertices[on_side].astype(float), vertices[on_side])
    vertices = smooth(vertices, np.where(regions.shoes, 0.5, 0), times=6)
    head = body.weights[:, BONE_INDEX["head"], None] * (_HEAD_SIZE - 1)
    grown: Floats = vertices + head * (vertices - body.head("head"))
    return grown


def _shoe(foot: Floats, dressed: Floats) -> Floats:
    """Return the vertices (N, 3) of a foot, moved onto the surface of a shoe.

    Args:
        foot: Vertices (N, 3) of the bare foot in metres.
        dressed: The same vertices with trousers, which cover the ankle.
    """
    x, y, z = foot.T
    sole = y.min()
    length = (z - z.min() + 0.012) / (np.ptp(z) + 0.03)  # from 0 at the heel to 1 at the toes
    low = y < sole + 0.03
    middle = np.polyval(np.polyfit(length[low], x[low], 2), length)
    roundness = (1 - np.abs(2 * length - 1) ** 5).clip(1e-4, 1) ** (1 / 2.6)
    width = (0.04 + 0.01 * np.sin(((length - 0.15) / 0.85).clip(0, 1) * np.pi)) * roundness
    height = (0.098 - 0.05 * ((length - 0.3) / 0.4).clip(0, 1)) * (0.35 + 0.65 * roundness)
    # A cross-section is a superellipse.
    centre, half_height = sole + 0.45 * height, 0.55 * height
    angle = np.arctan2((y - centre) / half_height, (x - middle) / width)
    across, up = (np.sign(v) * np.abs(v) ** (2 / 2.8) for v in (np.cos(angle), np.sin(angle)))
    floor = sole - 0.006
    shoe = np.stack(
        [middle + width * across, np.maximum(centre + half_height * up, floor), z], axis=1
    )
    weight = ((sole + 0.105 - y) / 0.03).clip(0, 1)[:, None]
    result: Floats = dressed * (1 - weight) + shoe * weight
    return result


def _paint(regions: _Regions) -> Floats:
    """Return colours (V, 3) from 0 to 1, with soft edges."""
    colours = np.tile(np.array(_SKIN) / 255, (len(regions.head), 1))

    def paint(
        colour: tuple[int, int, int], region: Mask, inside: Floats | Array, softness: float
    ) -> None:
        weight = (region * (inside / softness / 2 + 0.5).clip(0, 1))[:, None]
        colours[:] = colours * (1 - weight) + np.array(colour) / 255 * weight

    paint(_SHOES, regions.foot, -regions.above_cuff, 0.01)
    paint(_TROUSERS, regions.legs, regions.above_cuff, 0.01)
    paint(_SHIRT, regions.torso, np.minimum(regions.above_hem, regions.below_collar), 0.004)
    sleeve = (0.7 - regions.limb_positions) * 0.25  # metres, since an upper arm has about 0.25
    paint(_SHIRT, regions.arm, sleeve, 0.004)
    paint(_VISOR, regions.head, regions.in_visor, 0.004)
    paint(_CAP, regions.head, regions.above_cap_edge, 0.006)
    return colours


class _Smoother:
    """Laplacian smoothing: vertices move towards the mean of their neighbours.

    Args:
        body: Body with the mesh.
    """

    def __init__(self, body: Body) -> None:
        triangles = body.faces.astype(np.intp)
        pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
        edges = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
        # Sorted by the first vertex, so that sums over neighbours are sums over ranges.
        self._neighbours = edges[:, 1]
        count = np.bincount(edges[:, 0], minlength=len(body.vertices))
        self._starts = np.concatenate([[0], np.cumsum(count)[:-1]])
        self._count = count[:, None]

    def __call__(self, values: Floats, amount: Floats | float, *, times: int) -> Floats:
        """Return smoothed values (V, D) of the vertices.

        Args:
            values: Values (V, D).
            amount: Step (V,) towards the mean, from 0 to 1; the same for all if one number.
            times: Number of steps.
        """
        step = np.broadcast_to(amount, len(values))[:, None]
        for _ in range(times):
            means = np.add.reduceat(values[self._neighbours], self._starts) / self._count
            values = values + step * (means - values)
        return values
