"""Pose a body as motion capture shows a dancer, joint by joint and without a search.

Limb joints come to lie exactly where motion capture has them: each limb is scaled to the dancer's
median length and what is left of a frame's length error, about a centimetre, stretches the skin.
What 17 joints leave open is set by anatomy: knees and elbows are hinges, the spine bends evenly
between hips and shoulders, a foot is flat where its ankle is low and on its toes where it is
higher.

Joints are (T, 17, 3) metres, Y up. A rotation is (..., 3, 3) and turns from the rest pose.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from dancetype.engine.skeleton import JOINTS, Array
from dancetype.training.augment.camera import rotation_about
from dancetype.training.synthetic.body import BONE, BONES, FACE, Body, bone_of

_SPINE: Final = ("spine05", "spine04", "spine03", "spine02", "spine01")
_STRAIGHT: Final = 0.15
"""Below about this sine of its angle a hinge's axis comes from the neighbour bone instead."""
_MOST_STRETCH: Final = 1.35


@dataclass(frozen=True, slots=True)
class Motion:
    """Place of each bone in each frame.

    Attributes:
        rotations: (T, B, 3, 3) from the rest pose, bone by bone as in `BONES`.
        heads: (T, B, 3) metres, where each bone begins.
        scales: (B,) size of each bone's flesh relative to the rest pose.
    """

    rotations: Array
    heads: Array
    scales: Array


def pose_body(body: Body, joints: Array, rate: float) -> Motion:
    """Return the pose of all bones in all frames.

    Args:
        body: Body at rest.
        joints: (T, 17, 3) metres, Y up.
        rate: Frames per second, for what is smoothed over time.
    """
    poser = _Poser(body, joints, rate)
    poser.pose_trunk()
    for side in ("left", "right"):
        poser.pose_arm(side)
        poser.pose_leg(side)
    poser.pose_head()
    return poser.motion


_LIMBS: Final = tuple(
    (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for start, end in (
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("hip", "knee"),
        ("knee", "ankle"),
    )
)


class _Poser:
    """Fills a motion bone by bone, each after its parent."""

    def __init__(self, body: Body, joints: Array, rate: float) -> None:
        self._body = body
        self._rate = rate
        self._at = _named(joints)
        self._rest = _named(body.joints)
        bones = (len(joints), len(BONES))
        size = float(np.median([self._ratio(*limb) for limb in _LIMBS]))
        self.motion = Motion(
            rotations=np.broadcast_to(np.eye(3, dtype=np.float32), (*bones, 3, 3)).copy(),
            heads=np.zeros((*bones, 3), np.float32),
            scales=np.full(len(BONES), size, np.float32),
        )

    def pose_trunk(self) -> None:
        at, rest, motion = self._at, self._rest, self.motion
        up, rest_up = at["shoulders"] - at["hips"], rest["shoulders"] - rest["hips"]
        pelvis, chest = (
            _turn(
                at[f"left_{name}"] - at[f"right_{name}"],
                up,
                rest[f"left_{name}"] - rest[f"right_{name}"],
                rest_up,
            )
            for name in ("hip", "shoulder")
        )
        scale = self._ratio("hips", "shoulders")
        trunk = ("root", *_SPINE)
        motion.scales[[BONE[name] for name in trunk]] = scale
        turned = [_between(pelvis, chest, step / len(_SPINE)) for step in range(len(trunk))]
        # Bent evenly, the spine ends beside the shoulders; one more turn of it all brings it there.
        lay = np.zeros_like(at["hips"])
        points = [*(self._body.head(name) for name in _SPINE), rest["shoulders"]]
        for rotation, start, end in zip(turned, [rest["hips"], *points], points, strict=False):
            lay = lay + scale * _apply(rotation, end - start)
        swing = _swing(lay, up)
        head, above, before = at["hips"], turned[0], rest["hips"]
        for name, rotation in zip(trunk, turned, strict=True):
            start = self._body.head(name)
            head = head + scale * _apply(above, start - before)
            # The root's head lies away from the hips' middle, and must turn with the pelvis.
            above = rotation if name == "root" else swing @ rotation
            before = start
            motion.rotations[:, BONE[name]] = above
            motion.heads[:, BONE[name]] = head
        motion.rotations[:, BONE["root"]] = pelvis

    def pose_arm(self, side: str) -> None:
        at, rest = self._at, self._rest
        shoulder, elbow, wrist = (f"{side}_{name}" for name in ("shoulder", "elbow", "wrist"))
        clavicle = f"clavicle.{side[0].upper()}"
        base = self._carried(clavicle)
        chest = self._rotation("spine01")
        rest_line = self._body.head(bone_of(shoulder)) - self._body.head(clavicle)
        swing = _swing(_apply(chest, rest_line), at[shoulder] - base, most=0.7)
        self._set(clavicle, swing @ chest, base, self.motion.scales[BONE["spine01"]])
        axis = np.cross(rest[elbow] - rest[shoulder], rest[wrist] - rest[elbow])
        forearm, size = self._pose_hinge((shoulder, elbow, wrist), axis, clavicle)
        self._set(bone_of(wrist), forearm, at[wrist], size)

    def pose_leg(self, side: str) -> None:
        at = self._at
        hip, knee, ankle = (f"{side}_{name}" for name in ("hip", "knee", "ankle"))
        # A knee hinges about the line from hip to hip; at rest it is too straight to show it.
        axis = np.array([1, 0, 0], np.float32)
        shank, size = self._pose_hinge((hip, knee, ankle), axis, "root")
        sole = float(self._rest[ankle][1] - self._body.vertices[:, 1].min()) * size
        floor = np.percentile(np.minimum(at["left_ankle"], at["right_ankle"])[:, 1], 2) - sole
        height = at[ankle][:, 1] - floor - sole
        self._set(bone_of(ankle), _foot(shank, height, self._rate), at[ankle], size)

    def pose_head(self) -> None:
        target = np.stack([self._at[name] for name in FACE], axis=-2)
        face = np.stack([self._rest[name] for name in FACE])
        centre, rest_centre = target.mean(axis=-2), face.mean(axis=0)
        spread = np.swapaxes(target - centre[:, None], -1, -2) @ (face - rest_centre)
        turned = _nearest_rotation(spread)
        base = self._carried("neck01")
        scale = float(self.motion.scales[BONE["head"]])
        top = centre - scale * _apply(turned, rest_centre - self._body.head("head"))
        neck = _between(self._rotation("spine01"), turned, 0.5)
        rest_line = self._body.head("head") - self._body.head("neck01")
        neck = _swing(_apply(neck, rest_line), top - base) @ neck
        length = np.median(np.linalg.norm(top - base, axis=-1)) / np.linalg.norm(rest_line)
        self._set("neck01", neck, base, float(np.clip(length, 0.8 * scale, 1.2 * scale)))
        self._set("head", turned, top, scale)

    def _pose_hinge(
        self, limb: tuple[str, str, str], rest_axis: Array, parent: str
    ) -> tuple[Array, float]:
        """Pose a limb that bends about one axis in its middle.

        Returns:
            Rotation (T, 3, 3) and size of its lower bone.
        """
        at, rest = self._at, self._rest
        start, middle, end = limb
        upper, lower = at[middle] - at[start], at[end] - at[middle]
        rest_upper, rest_lower = rest[middle] - rest[start], rest[end] - rest[middle]
        above = self._rotation(parent)
        guess = _apply(_swing(_apply(above, rest_upper), upper) @ above, _unit(rest_axis))
        axis = np.cross(_unit(upper), _unit(lower)) + _STRAIGHT * guess
        axis = _smoothed(axis, 0.04 * self._rate)
        turned = _turn(lower, axis, rest_lower, rest_axis)
        size = self._ratio(middle, end)
        self._set(
            bone_of(start),
            _turn(upper, axis, rest_upper, rest_axis),
            at[start],
            self._ratio(start, middle),
        )
        self._set(bone_of(middle), turned, at[middle], size)
        return turned, size

    def _ratio(self, start: str, end: str) -> float:
        """Return the dancer's median length between two joints relative to the body's."""
        lengths = [
            float(np.median(np.linalg.norm(joints[end] - joints[start], axis=-1)))
            for joints in (self._at, self._rest)
        ]
        return lengths[0] / lengths[1]

    def _rotation(self, bone: str) -> Array:
        rotation: Array = self.motion.rotations[:, BONE[bone]]
        return rotation

    def _set(self, bone: str, rotation: Array, head: Array, scale: float) -> None:
        index = BONE[bone]
        self.motion.rotations[:, index] = rotation
        self.motion.heads[:, index] = head
        size = float(self.motion.scales[BONE["head"]])
        self.motion.scales[index] = np.clip(scale, size / _MOST_STRETCH, size * _MOST_STRETCH)

    def _carried(self, bone: str) -> Array:
        """(T, 3) where a bone begins if its parent alone decides."""
        parent = BONES[BONE[bone]][1]
        offset = self._body.head(bone) - self._body.head(parent)
        turned = _apply(self._rotation(parent), offset)
        head: Array = self.motion.heads[:, BONE[parent]] + self.motion.scales[BONE[parent]] * turned
        return head


def _named(joints: Array) -> dict[str, Array]:
    """Joints by name, and the middles of hips and shoulders."""
    named = {name: joints[..., index, :] for index, name in enumerate(JOINTS)}
    for name in ("hip", "shoulder"):
        named[f"{name}s"] = (named[f"left_{name}"] + named[f"right_{name}"]) / np.float32(2)
    return named


def _foot(shank: Array, height: Array, rate: float) -> Array:
    """(T, 3, 3): flat on the floor, on its toes, or hanging; `height` over standing, metres."""
    forward = shank[:, :, 2] * np.array([1, 0, 1], np.float32)
    flatness = np.linalg.norm(forward, axis=-1)
    raised = np.arcsin(np.clip(height / 0.17, 0, 0.85))
    tip = _unit(forward) * np.cos(raised)[:, None] - np.array([0, 1, 0]) * np.sin(raised)[:, None]
    across = np.cross(np.array([0, 1, 0], np.float32), _unit(forward))
    grounded = np.stack([across, np.cross(tip, across), tip], axis=-1)
    hanging = shank @ rotation_about("x", 0.4)
    share = np.clip((0.22 - height) / 0.08, 0, 1) * np.clip(flatness * 2 - 0.4, 0, 1)
    share = _smoothed(share[:, None], 0.05 * rate)[:, 0]
    mixed = hanging * (1 - share)[:, None, None] + grounded * share[:, None, None]
    return _nearest_rotation(mixed.astype(np.float32))


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit


def _apply(rotations: Array, vector: Array) -> Array:
    turned: Array = np.einsum("...ij,...j->...i", rotations, vector)
    return turned


def _frame(first: Array, second: Array) -> Array:
    """(..., 3, 3) of columns: along `first`, across, and as near to `second` as may be."""
    along = _unit(first)
    across = _unit(np.cross(along, second))
    return np.stack([along, across, np.cross(across, along)], axis=-1)


def _turn(first: Array, second: Array, rest_first: Array, rest_second: Array) -> Array:
    """The rotation that brings `rest_first` to `first` and `rest_second` near to `second`."""
    turn: Array = _frame(first, second) @ np.swapaxes(_frame(rest_first, rest_second), -1, -2)
    return turn


def _swing(start: Array, end: Array, *, most: float = np.pi) -> Array:
    """(T, 3, 3): the shortest rotation from one direction to another, of `most` radians."""
    a, b = _unit(start), _unit(end)
    axis = np.cross(a, b)
    sin = np.linalg.norm(axis, axis=-1)
    angle = np.minimum(np.arctan2(sin, np.sum(a * b, axis=-1)), most)
    axis = axis / np.maximum(sin, 1e-9)[..., None]
    cross = np.zeros((*axis.shape[:-1], 3, 3), np.float32)
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = (
        -axis[..., 2],
        axis[..., 1],
        -axis[..., 0],
    )
    cross -= np.swapaxes(cross, -1, -2)
    sine, versine = np.sin(angle)[..., None, None], (1 - np.cos(angle))[..., None, None]
    turn: Array = np.eye(3, dtype=np.float32) + sine * cross + versine * cross @ cross
    return turn


def _nearest_rotation(matrices: Array) -> Array:
    """(..., 3, 3): the rotation nearest to each matrix."""
    u, _, vt = np.linalg.svd(matrices)
    u[..., :, 2] *= np.sign(np.linalg.det(u @ vt))[..., None]
    nearest: Array = u @ vt
    return nearest


def _between(start: Array, end: Array, share: float) -> Array:
    """The rotation a share of the way from one to the other."""
    return _nearest_rotation(start * (1 - share) + end * share)


def _smoothed(values: Array, sigma: float) -> Array:
    """(T, D) averaged over a bell of `sigma` frames."""
    reach = max(int(np.ceil(2 * sigma)), 1)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 0.1)) ** 2)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    smooth: Array = (windows @ (bell / bell.sum())).astype(np.float32)
    return smooth
