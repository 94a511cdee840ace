"""Puts a body into the poses of a dance, joint by joint, without searching.

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
from dancetype.training.synthetic.body import BONE, BONES, FACE, Body

_INDEX: Final = {name: index for index, name in enumerate(JOINTS)}
_SPINE: Final = ("spine05", "spine04", "spine03", "spine02", "spine01")
_STRAIGHT: Final = 0.15
"""Below about this sine of its angle a hinge's axis comes from the neighbour bone instead."""
_MOST_STRETCH: Final = 1.35


@dataclass(frozen=True, slots=True)
class Motion:
    """Where each bone is in each frame.

    Attributes:
        rotations: (T, B, 3, 3) from the rest pose, bone by bone as in `BONES`.
        heads: (T, B, 3) metres, where each bone begins.
        scales: (B,) size of each bone's flesh against the rest pose.
    """

    rotations: Array
    heads: Array
    scales: Array


def pose_body(body: Body, joints: Array, rate: float) -> Motion:
    """Finds all bones of all frames.

    Args:
        body: at rest.
        joints: (T, 17, 3) metres, Y up.
        rate: frames a second, for what is smoothed over time.
    """
    rest = _named(body.joints)
    at = _named(joints)
    size = float(np.median([_length(at, limb) / _length(rest, limb) for limb in _LIMBS]))
    motion = Motion(
        rotations=np.broadcast_to(
            np.eye(3, dtype=np.float32), (len(joints), len(BONES), 3, 3)
        ).copy(),
        heads=np.zeros((len(joints), len(BONES), 3), np.float32),
        scales=np.full(len(BONES), size, np.float32),
    )
    _pose_trunk(motion, body, at, rest)
    for side in ("left", "right"):
        _pose_arm(motion, body, at, rest, side, rate)
        _pose_leg(motion, body, at, rest, side, rate)
    _pose_head(motion, body, at, rest)
    return motion


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


def _named(joints: Array) -> dict[str, Array]:
    """Joints by name, and the middles of hips and shoulders."""
    named = {name: joints[..., index, :] for name, index in _INDEX.items()}
    for name in ("hip", "shoulder"):
        named[f"{name}s"] = (named[f"left_{name}"] + named[f"right_{name}"]) / np.float32(2)
    return named


def _length(joints: dict[str, Array], limb: tuple[str, str]) -> float:
    start, end = limb
    return float(np.median(np.linalg.norm(joints[end] - joints[start], axis=-1)))


def _ratio(at: dict[str, Array], rest: dict[str, Array], limb: tuple[str, str]) -> float:
    return _length(at, limb) / _length(rest, limb)


def _pose_trunk(motion: Motion, body: Body, at: dict[str, Array], rest: dict[str, Array]) -> None:
    up, rest_up = at["shoulders"] - at["hips"], rest["shoulders"] - rest["hips"]
    pelvis = _turn(
        at["left_hip"] - at["right_hip"], up, rest["left_hip"] - rest["right_hip"], rest_up
    )
    chest = _turn(
        at["left_shoulder"] - at["right_shoulder"],
        up,
        rest["left_shoulder"] - rest["right_shoulder"],
        rest_up,
    )
    scale = _ratio(at, rest, ("hips", "shoulders"))
    trunk = ("root", *_SPINE)
    motion.scales[[BONE[name] for name in trunk]] = scale
    turned = [_between(pelvis, chest, step / len(_SPINE)) for step in range(len(trunk))]
    # Bent evenly, the spine ends beside the shoulders; one more turn of it all brings it there.
    lay = np.zeros_like(at["hips"])
    points = [*(body.head(name) for name in trunk[1:]), rest["shoulders"]]
    for rotation, start, end in zip(turned, [rest["hips"], *points], points, strict=False):
        lay = lay + scale * _apply(rotation, end - start)
    swing = _swing(lay, up)
    head = at["hips"]
    before = rest["hips"]
    for step, (name, rotation) in enumerate(zip(trunk, turned, strict=True)):
        index = BONE[name]
        start = body.head(name)
        above = motion.rotations[:, BONE[trunk[max(step - 1, 0)]]] if step else rotation
        head = head + scale * _apply(above, start - before)
        # The root's head lies away from the hips' middle, and must turn with the pelvis.
        motion.rotations[:, index] = rotation if step == 0 else swing @ rotation
        motion.heads[:, index] = head
        before = start
    motion.rotations[:, BONE["root"]] = pelvis


def _pose_arm(
    motion: Motion,
    body: Body,
    at: dict[str, Array],
    rest: dict[str, Array],
    side: str,
    rate: float,
) -> None:
    mark = side[0].upper()
    shoulder, elbow, wrist = (f"{side}_{name}" for name in ("shoulder", "elbow", "wrist"))
    clavicle = f"clavicle.{mark}"
    base = _carried(motion, body, clavicle)
    chest = motion.rotations[:, BONE["spine01"]]
    rest_line = body.head(f"upperarm01.{mark}") - body.head(clavicle)
    swing = _swing(_apply(chest, rest_line), at[shoulder] - base, most=0.7)
    _set(motion, clavicle, swing @ chest, base, motion.scales[BONE["spine01"]])
    rest_axis = np.cross(rest[elbow] - rest[shoulder], rest[wrist] - rest[elbow])
    upper, lower = _hinged(
        at, rest, (shoulder, elbow, wrist), rest_axis, motion.rotations[:, BONE[clavicle]], rate
    )
    _set(motion, f"upperarm01.{mark}", upper, at[shoulder], _ratio(at, rest, (shoulder, elbow)))
    forearm = _ratio(at, rest, (elbow, wrist))
    _set(motion, f"lowerarm01.{mark}", lower, at[elbow], forearm)
    _set(motion, f"wrist.{mark}", lower, at[wrist], forearm)


def _pose_leg(
    motion: Motion,
    body: Body,
    at: dict[str, Array],
    rest: dict[str, Array],
    side: str,
    rate: float,
) -> None:
    mark = side[0].upper()
    hip, knee, ankle = (f"{side}_{name}" for name in ("hip", "knee", "ankle"))
    # A knee hinges about the line from hip to hip; at rest it is too straight to show it.
    rest_axis = np.array([1, 0, 0], np.float32)
    upper, lower = _hinged(
        at, rest, (hip, knee, ankle), rest_axis, motion.rotations[:, BONE["root"]], rate
    )
    _set(motion, f"upperleg01.{mark}", upper, at[hip], _ratio(at, rest, (hip, knee)))
    shank = _ratio(at, rest, (knee, ankle))
    _set(motion, f"lowerleg01.{mark}", lower, at[knee], shank)
    sole = float(rest[ankle][1] - body.vertices[:, 1].min()) * shank
    floor = np.percentile(np.minimum(at["left_ankle"], at["right_ankle"])[:, 1], 2) - sole
    height = at[ankle][:, 1] - floor - sole
    _set(motion, f"foot.{mark}", _foot(lower, height, rate), at[ankle], shank)


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
    return _rotation(mixed.astype(np.float32))


def _pose_head(motion: Motion, body: Body, at: dict[str, Array], rest: dict[str, Array]) -> None:
    target = np.stack([at[name] for name in FACE], axis=-2)
    face = np.stack([rest[name] for name in FACE])
    centre, rest_centre = target.mean(axis=-2), face.mean(axis=0)
    spread = np.swapaxes(target - centre[:, None], -1, -2) @ (face - rest_centre)
    turned = _rotation(spread)
    base = _carried(motion, body, "neck01")
    scale = float(motion.scales[BONE["head"]])
    top = centre - scale * _apply(turned, rest_centre - body.head("head"))
    chest = motion.rotations[:, BONE["spine01"]]
    neck = _between(chest, turned, 0.5)
    rest_line = body.head("head") - body.head("neck01")
    neck = _swing(_apply(neck, rest_line), top - base) @ neck
    length = np.median(np.linalg.norm(top - base, axis=-1)) / np.linalg.norm(rest_line)
    _set(motion, "neck01", neck, base, float(np.clip(length, 0.8 * scale, 1.2 * scale)))
    _set(motion, "head", turned, top, scale)


def _hinged(
    at: dict[str, Array],
    rest: dict[str, Array],
    limb: tuple[str, str, str],
    rest_axis: Array,
    parent: Array,
    rate: float,
) -> tuple[Array, Array]:
    """Rotations (T, 3, 3) of the two bones of a limb that bends about one axis in its middle."""
    start, middle, end = limb
    upper, lower = at[middle] - at[start], at[end] - at[middle]
    rest_upper, rest_lower = rest[middle] - rest[start], rest[end] - rest[middle]
    guess = _apply(_swing(_apply(parent, rest_upper), upper) @ parent, _unit(rest_axis))
    axis = np.cross(_unit(upper), _unit(lower)) + _STRAIGHT * guess
    axis = _smoothed(axis, 0.04 * rate)
    return (
        _turn(upper, axis, rest_upper, rest_axis),
        _turn(lower, axis, rest_lower, rest_axis),
    )


def _set(motion: Motion, bone: str, rotation: Array, head: Array, scale: float) -> None:
    index = BONE[bone]
    motion.rotations[:, index] = rotation
    motion.heads[:, index] = head
    size = float(motion.scales[BONE["head"]])
    motion.scales[index] = np.clip(scale, size / _MOST_STRETCH, size * _MOST_STRETCH)


def _carried(motion: Motion, body: Body, bone: str) -> Array:
    """(T, 3) where a bone begins if its parent alone decides."""
    parent = BONES[BONE[bone]][1]
    offset = body.head(bone) - body.head(parent)
    index = BONE[parent]
    head: Array = motion.heads[:, index] + motion.scales[index] * _apply(
        motion.rotations[:, index], offset
    )
    return head


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


def _rotation(matrices: Array) -> Array:
    """(..., 3, 3): the rotation nearest to each matrix."""
    u, _, vt = np.linalg.svd(matrices)
    u[..., :, 2] *= np.sign(np.linalg.det(u @ vt))[..., None]
    nearest: Array = u @ vt
    return nearest


def _between(start: Array, end: Array, share: float) -> Array:
    """The rotation a share of the way from one to the other."""
    return _rotation(start * (1 - share) + end * share)


def _smoothed(values: Array, sigma: float) -> Array:
    """(T, D) averaged over a bell of `sigma` frames."""
    reach = max(int(np.ceil(2 * sigma)), 1)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 0.1)) ** 2)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    smooth: Array = (windows @ (bell / bell.sum())).astype(np.float32)
    return smooth
