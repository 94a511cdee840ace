"""Pose a body like the dancer in motion capture, in closed form.

Limb joints match the motion capture exactly: each limb is scaled to the dancer's median length, and
the remaining length error of a frame, about a centimetre, stretches the skin. Degrees of freedom
that 17 joints do not determine follow from anatomy: knees and elbows are hinges, the spine bends
evenly between hips and shoulders, and a foot is flat if its ankle is low and on its toes if it is
higher.

Joints are (T, 17, 3) metres, Y up. Rotations are (..., 3, 3), relative to the rest pose.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from dancetype.engine.skeleton import JOINTS, Array
from dancetype.training.geometry import rotation_about
from dancetype.training.synthetic.body import BONE_INDEX, BONES, FACE_JOINTS, Body, bone_starting_at

_SPINE: Final = ("spine05", "spine04", "spine03", "spine02", "spine01")
_STRAIGHT_SINE: Final = 0.15
"""Sine of a hinge's angle below which its axis is mostly taken from the parent bone."""
_MAX_STRETCH: Final = 1.35


@dataclass(frozen=True, slots=True)
class SkeletonMotion:
    """Position, rotation and scale of each bone over time.

    Attributes:
        rotations: (T, B, 3, 3) relative to the rest pose, in the order of `BONES`.
        heads: (T, B, 3) metres, start of each bone.
        scales: (B,) size of each bone relative to the rest pose.
    """

    rotations: Array
    heads: Array
    scales: Array


def pose_body(body: Body, joints: Array, rate: float) -> SkeletonMotion:
    """Return the pose of all bones in all frames.

    Args:
        body: Body at rest.
        joints: Joints (T, 17, 3) of the motion capture in metres, Y up.
        rate: Frames per second, for smoothing over time.
    """
    poser = _Poser(body, joints, rate)
    poser.pose_trunk()
    for side in ("left", "right"):
        poser.pose_arm(side)
        poser.pose_leg(side)
    poser.pose_head()
    return poser.motion


LIMBS: Final = tuple(
    (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for start, end in (
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("hip", "knee"),
        ("knee", "ankle"),
    )
)
"""Start and end of each bone of the arms and legs, parents before children."""


class _Poser:
    """Computation of a motion bone by bone, each after its parent."""

    def __init__(self, body: Body, joints: Array, rate: float) -> None:
        self._body = body
        self._rate = rate
        self._joints = _named_joints(joints)
        self._rest = _named_joints(body.joints)
        shape = (len(joints), len(BONES))
        size = float(np.median([self._length_ratio(*limb) for limb in LIMBS]))
        self.motion = SkeletonMotion(
            rotations=np.broadcast_to(np.eye(3, dtype=np.float32), (*shape, 3, 3)).copy(),
            heads=np.zeros((*shape, 3), np.float32),
            scales=np.full(len(BONES), size, np.float32),
        )

    def pose_trunk(self) -> None:
        joints, rest, motion = self._joints, self._rest, self.motion
        up, rest_up = joints["shoulders"] - joints["hips"], rest["shoulders"] - rest["hips"]
        pelvis, chest = (
            _align_axes(
                joints[f"left_{name}"] - joints[f"right_{name}"],
                up,
                rest[f"left_{name}"] - rest[f"right_{name}"],
                rest_up,
            )
            for name in ("hip", "shoulder")
        )
        scale = self._length_ratio("hips", "shoulders")
        trunk = ("root", *_SPINE)
        motion.scales[[BONE_INDEX[name] for name in trunk]] = scale
        rotations = [_interpolate(pelvis, chest, i / len(_SPINE)) for i in range(len(trunk))]
        # An evenly bent spine does not end at the shoulders. Compute its end, and the rotation of
        # the whole spine that brings it there.
        end = np.zeros_like(joints["hips"])
        points = [*(self._body.head(name) for name in _SPINE), rest["shoulders"]]
        for rotation, lower, upper in zip(rotations, [rest["hips"], *points], points, strict=False):
            end = end + scale * _rotate(rotation, upper - lower)
        correction = _shortest_rotation(end, up)
        head, previous_rotation, previous_start = joints["hips"], rotations[0], rest["hips"]
        for name, rotation in zip(trunk, rotations, strict=True):
            start = self._body.head(name)
            head = head + scale * _rotate(previous_rotation, start - previous_start)
            # The start of the root is not the midpoint of the hips, and turns with the pelvis.
            previous_rotation = rotation if name == "root" else correction @ rotation
            previous_start = start
            motion.rotations[:, BONE_INDEX[name]] = previous_rotation
            motion.heads[:, BONE_INDEX[name]] = head
        motion.rotations[:, BONE_INDEX["root"]] = pelvis

    def pose_arm(self, side: str) -> None:
        joints, rest = self._joints, self._rest
        shoulder, elbow, wrist = (f"{side}_{name}" for name in ("shoulder", "elbow", "wrist"))
        clavicle = f"clavicle.{side[0].upper()}"
        start = self._attached_head(clavicle)
        chest = self._rotation("spine01")
        rest_direction = self._body.head(bone_starting_at(shoulder)) - self._body.head(clavicle)
        rotation = _shortest_rotation(
            _rotate(chest, rest_direction), joints[shoulder] - start, max_angle=0.7
        )
        self._set_bone(clavicle, rotation @ chest, start, self.motion.scales[BONE_INDEX["spine01"]])
        axis = np.cross(rest[elbow] - rest[shoulder], rest[wrist] - rest[elbow])
        forearm, scale = self._pose_hinge((shoulder, elbow, wrist), axis, clavicle)
        self._set_bone(bone_starting_at(wrist), forearm, joints[wrist], scale)

    def pose_leg(self, side: str) -> None:
        joints = self._joints
        hip, knee, ankle = (f"{side}_{name}" for name in ("hip", "knee", "ankle"))
        # A knee bends about the line between the hips. At rest the leg is too straight to tell.
        axis = np.array([1, 0, 0], np.float32)
        shank, scale = self._pose_hinge((hip, knee, ankle), axis, "root")
        sole = float(self._rest[ankle][1] - self._body.vertices[:, 1].min()) * scale
        lower_ankle = np.minimum(joints["left_ankle"], joints["right_ankle"])[:, 1]
        floor = np.percentile(lower_ankle, 2) - sole
        height = joints[ankle][:, 1] - floor - sole
        foot = _foot_rotation(shank, height, self._rate)
        self._set_bone(bone_starting_at(ankle), foot, joints[ankle], scale)

    def pose_head(self) -> None:
        face = np.stack([self._joints[name] for name in FACE_JOINTS], axis=-2)
        rest_face = np.stack([self._rest[name] for name in FACE_JOINTS])
        centre, rest_centre = face.mean(axis=-2), rest_face.mean(axis=0)
        covariance = np.swapaxes(face - centre[:, None], -1, -2) @ (rest_face - rest_centre)
        rotation = _nearest_rotation(covariance)
        start = self._attached_head("neck01")
        scale = float(self.motion.scales[BONE_INDEX["head"]])
        end = centre - scale * _rotate(rotation, rest_centre - self._body.head("head"))
        neck = _interpolate(self._rotation("spine01"), rotation, 0.5)
        rest_direction = self._body.head("head") - self._body.head("neck01")
        neck = _shortest_rotation(_rotate(neck, rest_direction), end - start) @ neck
        length = np.median(np.linalg.norm(end - start, axis=-1)) / np.linalg.norm(rest_direction)
        self._set_bone("neck01", neck, start, float(np.clip(length, 0.8 * scale, 1.2 * scale)))
        self._set_bone("head", rotation, end, scale)

    def _pose_hinge(
        self, limb: tuple[str, str, str], rest_axis: Array, parent: str
    ) -> tuple[Array, float]:
        """Pose the two bones of a limb with a hinge joint between them.

        Returns:
            Rotation (T, 3, 3) and scale of the lower bone.
        """
        joints, rest = self._joints, self._rest
        start, middle, end = limb
        upper, lower = joints[middle] - joints[start], joints[end] - joints[middle]
        rest_upper, rest_lower = rest[middle] - rest[start], rest[end] - rest[middle]
        parent_rotation = self._rotation(parent)
        from_rest = _shortest_rotation(_rotate(parent_rotation, rest_upper), upper)
        parent_axis = _rotate(from_rest @ parent_rotation, _unit(rest_axis))
        axis = np.cross(_unit(upper), _unit(lower)) + _STRAIGHT_SINE * parent_axis
        axis = _smooth(axis, 0.04 * self._rate)
        upper_rotation = _align_axes(upper, axis, rest_upper, rest_axis)
        lower_rotation = _align_axes(lower, axis, rest_lower, rest_axis)
        upper_scale = self._length_ratio(start, middle)
        lower_scale = self._length_ratio(middle, end)
        self._set_bone(bone_starting_at(start), upper_rotation, joints[start], upper_scale)
        self._set_bone(bone_starting_at(middle), lower_rotation, joints[middle], lower_scale)
        return lower_rotation, lower_scale

    def _length_ratio(self, start: str, end: str) -> float:
        """Return the dancer's median distance between two joints, relative to the body's."""
        dancer, body = (
            float(np.median(np.linalg.norm(joints[end] - joints[start], axis=-1)))
            for joints in (self._joints, self._rest)
        )
        return dancer / body

    def _rotation(self, bone: str) -> Array:
        rotation: Array = self.motion.rotations[:, BONE_INDEX[bone]]
        return rotation

    def _set_bone(self, bone: str, rotation: Array, head: Array, scale: float) -> None:
        index = BONE_INDEX[bone]
        self.motion.rotations[:, index] = rotation
        self.motion.heads[:, index] = head
        size = float(self.motion.scales[BONE_INDEX["head"]])
        self.motion.scales[index] = np.clip(scale, size / _MAX_STRETCH, size * _MAX_STRETCH)

    def _attached_head(self, bone: str) -> Array:
        """Return the start (T, 3) of a bone that is rigidly attached to its parent."""
        parent = BONES[BONE_INDEX[bone]][1]
        offset = _rotate(self._rotation(parent), self._body.head(bone) - self._body.head(parent))
        head: Array = (
            self.motion.heads[:, BONE_INDEX[parent]]
            + self.motion.scales[BONE_INDEX[parent]] * offset
        )
        return head


def _named_joints(joints: Array) -> dict[str, Array]:
    """Return joints by name, and the midpoints `hips` and `shoulders`."""
    named = {name: joints[..., index, :] for index, name in enumerate(JOINTS)}
    for name in ("hip", "shoulder"):
        named[f"{name}s"] = (named[f"left_{name}"] + named[f"right_{name}"]) / np.float32(2)
    return named


def _foot_rotation(shank: Array, height: Array, rate: float) -> Array:
    """Return the rotation (T, 3, 3) of a foot: flat on the floor, on its toes, or hanging.

    Args:
        shank: Rotation (T, 3, 3) of the shank.
        height: Height (T,) of the ankle above its height when standing, in metres.
        rate: Frames per second.
    """
    forward = shank[:, :, 2] * np.array([1, 0, 1], np.float32)
    horizontal = np.linalg.norm(forward, axis=-1)
    pitch = np.arcsin(np.clip(height / 0.17, 0, 0.85))
    toes = _unit(forward) * np.cos(pitch)[:, None] - np.array([0, 1, 0]) * np.sin(pitch)[:, None]
    across = np.cross(np.array([0, 1, 0], np.float32), _unit(forward))
    grounded = np.stack([across, np.cross(toes, across), toes], axis=-1)
    hanging = shank @ rotation_about("x", 0.4)
    share = np.clip((0.22 - height) / 0.08, 0, 1) * np.clip(horizontal * 2 - 0.4, 0, 1)
    share = _smooth(share[:, None], 0.05 * rate)[:, 0]
    blended = hanging * (1 - share)[:, None, None] + grounded * share[:, None, None]
    return _nearest_rotation(blended.astype(np.float32))


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit


def _rotate(rotations: Array, vectors: Array) -> Array:
    rotated: Array = np.einsum("...ij,...j->...i", rotations, vectors)
    return rotated


def _orthonormal_frame(first: Array, second: Array) -> Array:
    """Return orthonormal columns (..., 3, 3): along `first`, across, and closest to `second`."""
    along = _unit(first)
    across = _unit(np.cross(along, second))
    return np.stack([along, across, np.cross(across, along)], axis=-1)


def _align_axes(first: Array, second: Array, rest_first: Array, rest_second: Array) -> Array:
    """Return the rotation of `rest_first` to `first` that brings `rest_second` near `second`."""
    rest_frame = _orthonormal_frame(rest_first, rest_second)
    rotation: Array = _orthonormal_frame(first, second) @ np.swapaxes(rest_frame, -1, -2)
    return rotation


def _shortest_rotation(start: Array, end: Array, *, max_angle: float = np.pi) -> Array:
    """Return the shortest rotation (T, 3, 3) from `start` to `end`, by at most `max_angle`."""
    a, b = _unit(start), _unit(end)
    axis = np.cross(a, b)
    sin = np.linalg.norm(axis, axis=-1)
    angle = np.minimum(np.arctan2(sin, np.sum(a * b, axis=-1)), max_angle)
    axis = axis / np.maximum(sin, 1e-9)[..., None]
    cross = np.zeros((*axis.shape[:-1], 3, 3), np.float32)
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = (
        -axis[..., 2],
        axis[..., 1],
        -axis[..., 0],
    )
    cross -= np.swapaxes(cross, -1, -2)
    sine, versine = np.sin(angle)[..., None, None], (1 - np.cos(angle))[..., None, None]
    rotation: Array = np.eye(3, dtype=np.float32) + sine * cross + versine * cross @ cross
    return rotation


def _nearest_rotation(matrices: Array) -> Array:
    """Return the rotation nearest to each matrix (..., 3, 3)."""
    u, _, vt = np.linalg.svd(matrices)
    u[..., :, 2] *= np.sign(np.linalg.det(u @ vt))[..., None]
    nearest: Array = u @ vt
    return nearest


def _interpolate(start: Array, end: Array, share: float) -> Array:
    """Return the rotation a share of the way from `start` to `end`."""
    return _nearest_rotation(start * (1 - share) + end * share)


def _smooth(values: Array, sigma: float) -> Array:
    """Smooth values (T, D) with a Gaussian of `sigma` frames."""
    radius = max(int(np.ceil(2 * sigma)), 1)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(sigma, 0.1)) ** 2)
    padded = np.pad(values, ((radius, radius), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis=0)
    smoothed: Array = (windows @ (kernel / kernel.sum())).astype(np.float32)
    return smoothed
