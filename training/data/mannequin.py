"""Body model that turns channels over time into joints of motion capture.

Inverse kinematics poses legs and arms. Speed and cadence determine the steps, so that a foot on the
floor does not slide; a foot whose target moves sideways is lifted. Lengths are those of the dancers
of AIST++ on average, so that a model cannot tell from the body whether a person dances.

In the channels of a limb, x points outward; in those of the whole body, x points to the left. In
both, y points up and z forward. Angles are in degrees.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS
from dancetype.training.data.aist import FRAMES_PER_SECOND

Floats = NDArray[np.float64]

NEUTRAL: Final[Mapping[str, tuple[float, ...]]] = {
    "speed": (0, 0),  # m/s, to the left and forward
    "turn": (0,),  # degrees per second
    "cadence": (0,),  # steps per second
    "lift": (0.08,),  # height of a foot in mid-step, in metres
    "kick": (0,),  # displacement of a foot in mid-step, forward, in metres
    "bounce": (0, 2),  # amplitude of the pelvis in leg lengths, and frequency in hertz
    "arm_swing": (0,),  # swing of the hands with the steps, in arm lengths
    "pelvis": (0, 0.985, 0),  # position relative to the feet, in leg lengths; y is 1 if upright
    "lean": (0, 0),  # angle of the whole trunk, forward and to the right
    "bend": (2, 0, 0),  # chest relative to pelvis: angle forward, to the right, twist to the left
    "head": (4, 0),  # head relative to chest: angle down, to the left
    "left_hand": (0.14, -0.96, 0.08),  # position relative to the shoulder, in arm lengths
    "right_hand": (0.14, -0.96, 0.08),
    "left_floor": (0, 0, 0, 0),  # hand relative to the feet, in leg lengths, and its weight, 0 or 1
    "right_floor": (0, 0, 0, 0),
    "left_foot": (0, 0, 0),  # offset from the neutral position, in leg lengths
    "right_foot": (0, 0, 0),
    "knees": (9, 9),  # angle of the left and of the right knee outward
}
"""Channels of a person who stands still."""

_RUN_CADENCE: Final = 2.35  # steps per second above which the gait is a run

_LENGTHS: Final = {
    "hip": 0.106,
    "thigh": 0.358,
    "shin": 0.355,
    "ankle": 0.085,
    "spine": 0.497,
    "shoulder": 0.164,
    "upper_arm": 0.246,
    "forearm": 0.214,
    "head": 1.0,
}
"""Mean lengths in metres; hip and shoulder are half widths, head is a factor for `_HEAD`."""

_HEAD: Final = {
    "nose": (0, 0.17, 0.13),
    "left_eye": (0.032, 0.2, 0.11),
    "right_eye": (-0.032, 0.2, 0.11),
    "left_ear": (0.078, 0.19, 0.015),
    "right_ear": (-0.078, 0.19, 0.015),
}
"""Positions relative to the midpoint of the shoulders, in metres."""

_HAND_HEIGHT: Final = 0.04  # minimum height of a wrist above the floor, in metres
_KNEE_HEIGHT: Final = 0.05  # minimum height of a knee, in metres

_REST_ARM: Final = np.array([0.303, -0.505, 0.808])
"""Unit vector along an arm in the middle of its range of motion."""
_REST_ELBOW: Final = np.array([0.611, -0.551, -0.573])
"""Unit vector in the direction that the elbow of that arm points to."""


def draw_lengths(rng: np.random.Generator) -> dict[str, float]:
    """Return random lengths of an adult in metres."""
    size = rng.normal(0.97, 0.06)
    return {name: size * value * np.exp(rng.normal(0, 0.05)) for name, value in _LENGTHS.items()}


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], seconds: float, sd: float
) -> Floats:
    """Return noise of `shape` (T, ...), smoothed over about `seconds`."""
    width = seconds * FRAMES_PER_SECOND / 2
    steps = np.arange(-round(3 * width), round(3 * width) + 1)
    kernel = np.exp(-0.5 * (steps / width) ** 2)
    kernel /= np.linalg.norm(kernel)
    white = rng.standard_normal((shape[0] + len(kernel) - 1, int(np.prod(shape[1:]))))
    smooth = [np.convolve(column, kernel, mode="valid") for column in white.T]
    return sd * np.stack(smooth, axis=1).reshape(shape)


def add_sway(channels: dict[str, Floats], rng: np.random.Generator) -> dict[str, Floats]:
    """Add posture, breathing, sway and small motions of the hands to channels (T, N) in place."""
    frames = len(channels["head"])
    for name, posture in (("lean", (1.5, 1.0)), ("bend", (2.5, 2.0, 3.0)), ("head", (4.0, 4.0))):
        channels[name] += rng.normal(0, posture)
    sway, hands = rng.uniform(0.2, 1.2, 2)
    for name, seconds, sd in (
        ("lean", 1.0, 0.5 * sway),
        ("bend", 1.5, 0.8 * sway),
        ("head", 0.8, 2.0 * sway),
        ("left_hand", 0.6, 0.015 * hands),
        ("right_hand", 0.6, 0.015 * hands),
    ):
        channels[name] += smooth_noise(rng, channels[name].shape, seconds, sd)
    channels["pelvis"][:, [0, 2]] += smooth_noise(rng, (frames, 2), 1.2, 0.006 * sway)
    breaths = rng.uniform(0.2, 0.4) * np.arange(frames) / FRAMES_PER_SECOND
    channels["bend"][:, 0] += rng.uniform(0.2, 0.8) * np.sin(2 * np.pi * breaths)
    return channels


def pose_joints(
    channels: dict[str, Floats], lengths: dict[str, float], rng: np.random.Generator
) -> Floats:
    """Return joints (T, 17, 3) in metres, Y up.

    Args:
        channels: Channels (T, N) by name, as in `NEUTRAL`. Hands and feet reach as far as they can
            towards targets out of reach.
        lengths: Result of `draw_lengths`.
        rng: Source of randomness, for the foot that takes the first step.
    """
    trunk = _pose_trunk(channels, lengths, rng)
    for _ in range(2):
        trunk = _raise_knees(trunk, channels, lengths)
    joints = {
        name: trunk.shoulders + _rotate(trunk.head, lengths["head"] * np.array(offset))
        for name, offset in _HEAD.items()
    }
    for side, name in ((1.0, "left"), (-1.0, "right")):
        leg = _pose_leg(trunk, channels, lengths, side)
        arm = _pose_arm(trunk, channels, lengths, side)
        joints |= {f"{name}_{joint}": position for joint, position in (leg | arm).items()}
    return np.stack([joints[name] for name in JOINTS], axis=1)


@dataclass(frozen=True, slots=True)
class _Trunk:
    """Position and orientation of the trunk over time.

    Attributes:
        path: (T, 3) metres, position on the floor.
        heading: (T, 3, 3) rotation about the vertical axis.
        cycles: (T,) number of gait cycles since the start.
        pelvis: (T, 3) metres.
        hips: (T, 3, 3) rotation of the pelvis.
        chest: (T, 3, 3) rotation.
        head: (T, 3, 3) rotation.
        shoulders: (T, 3) metres, midpoint of the shoulders.
    """

    path: Floats
    heading: Floats
    cycles: Floats
    pelvis: Floats
    hips: Floats
    chest: Floats
    head: Floats
    shoulders: Floats


def _pose_trunk(
    channels: dict[str, Floats], lengths: dict[str, float], rng: np.random.Generator
) -> _Trunk:
    seconds = 1 / FRAMES_PER_SECOND
    heading_angle = np.cumsum(np.radians(channels["turn"][:, 0])) * seconds
    heading = _rotations((1, heading_angle))
    sideways, forward = channels["speed"].T
    velocity = np.stack([sideways, 0 * forward, forward], axis=-1)
    path = np.cumsum(_rotate(heading, velocity) * seconds, axis=0)
    cadence = channels["cadence"][:, 0]
    # A gait cycle is two steps. Both feet are on the floor at 0.06 of it.
    cycles = np.cumsum(cadence) * seconds / 2 + 0.06 + rng.choice([0, 0.5])

    pelvis = path + _rotate(heading, _leg_length(lengths) * channels["pelvis"])
    pelvis[:, 1] += lengths["ankle"]
    # The pelvis is highest in a walker's mid-stance, over the standing foot, and in a runner's
    # flight phase.
    highest, bounce = (0.44, 0.04) if cadence.max() > _RUN_CADENCE else (0.31, 0.018)
    pelvis[:, 1] += bounce * cadence.clip(0, 1) * np.cos(4 * np.pi * (cycles - highest))
    amplitude, frequency = channels["bounce"].T
    phase = 2 * np.pi * np.cumsum(frequency) * seconds
    pelvis[:, 1] += _leg_length(lengths) * amplitude * (np.cos(phase) - 1)
    lateral = 0.02 * cadence.clip(0, 1) * np.cos(2 * np.pi * (cycles - highest))
    pelvis += _rotate(heading, lateral[:, None] * np.array([1, 0, 0]))

    hips = _rotations(
        (1, heading_angle),
        (0, np.radians(channels["lean"][:, 0])),
        (2, np.radians(-channels["lean"][:, 1])),
    )
    bend_forward, bend_right, twist = np.radians(channels["bend"]).T
    chest = hips @ _rotations((1, twist), (0, bend_forward), (2, -bend_right))
    nod, turn = np.radians(channels["head"]).T
    head = chest @ _rotations((1, turn), (0, nod))
    half_spine = np.array([0, lengths["spine"] / 2, 0])
    shoulders = pelvis + _rotate(hips, half_spine) + _rotate(chest, half_spine)
    return _Trunk(path, heading, cycles, pelvis, hips, chest, head, shoulders)


def _raise_knees(trunk: _Trunk, channels: dict[str, Floats], lengths: dict[str, float]) -> _Trunk:
    """Return the trunk, raised as far as the knees would be below the floor."""
    knees = [_pose_leg(trunk, channels, lengths, side)["knee"][:, 1] for side in (1.0, -1.0)]
    depth = (_KNEE_HEIGHT - np.min(knees, axis=0)).clip(0)
    if not depth.any():
        return trunk
    # The maximum nearby keeps the smoothed height from falling below the necessary one.
    half = 7
    nearby = np.pad(depth, 2 * half, mode="edge")
    highest = sliding_window_view(nearby, 2 * half + 1).max(axis=1)
    kernel = np.hanning(2 * half + 3)[1:-1]
    raised = np.convolve(highest, kernel / kernel.sum(), mode="valid")[:, None] * [0, 1, 0]
    return replace(trunk, pelvis=trunk.pelvis + raised, shoulders=trunk.shoulders + raised)


def _pose_leg(
    trunk: _Trunk, channels: dict[str, Floats], lengths: dict[str, float], side: float
) -> dict[str, Floats]:
    """Return hip, knee and ankle (T, 3); `side` is 1 for left and -1 for right."""
    name = "left" if side > 0 else "right"
    heading, outward = trunk.heading, np.array([side, 1, 1])
    hip = trunk.pelvis + _rotate(trunk.hips, np.array([side * lengths["hip"], 0, 0]))
    foot = _step_ankles(trunk, channels, lengths, side)
    offset = channels[f"{name}_foot"].copy()
    offset[:, 1] += _step_height(offset)
    foot = foot + _rotate(heading, _leg_length(lengths) * outward * offset)
    knee_out = np.radians(channels["knees"][:, 0 if side > 0 else 1])
    forward = np.stack([side * np.sin(knee_out), 0 * knee_out, np.cos(knee_out)], axis=-1)
    knee, ankle = _solve_limb(
        hip,
        foot,
        lengths["thigh"],
        lengths["shin"],
        _rotate(heading, np.array([0, -1.0, 0])),
        _rotate(heading, forward),
    )
    return {"hip": hip, "knee": knee, "ankle": ankle}


def _pose_arm(
    trunk: _Trunk, channels: dict[str, Floats], lengths: dict[str, float], side: float
) -> dict[str, Floats]:
    """Return shoulder, elbow and wrist (T, 3); `side` is 1 for left and -1 for right."""
    name = "left" if side > 0 else "right"
    chest, outward = trunk.chest, np.array([side, 1, 1])
    shoulder = trunk.shoulders + _rotate(chest, np.array([side * lengths["shoulder"], 0, 0]))
    cosine = np.cos(2 * np.pi * trunk.cycles)[:, None]
    swing = channels["arm_swing"] * np.array([0, 0.2, 1]) * cosine
    hand = channels[f"{name}_hand"] - side * swing
    # A hand that moves up or down passes in front of the shoulder, not through it.
    hand[:, 2] += 0.6 * np.exp(-((hand / 0.3) ** 2).sum(axis=1))
    length = lengths["upper_arm"] + lengths["forearm"]
    target = shoulder + length * _rotate(chest, outward * hand)
    position, weight = channels[f"{name}_floor"][:, :3], channels[f"{name}_floor"][:, 3:]
    floor = trunk.path + _rotate(trunk.heading, _leg_length(lengths) * outward * position)
    target += weight * (floor - target)
    target[:, 1] = target[:, 1].clip(_HAND_HEIGHT)
    elbow, wrist = _solve_limb(
        shoulder,
        target,
        lengths["upper_arm"],
        lengths["forearm"],
        _rotate(chest, outward * _REST_ARM),
        _rotate(chest, outward * _REST_ELBOW),
    )
    return {"shoulder": shoulder, "elbow": elbow, "wrist": wrist}


def _leg_length(lengths: dict[str, float]) -> float:
    return lengths["thigh"] + lengths["shin"]


def _step_height(offset: Floats) -> Floats:
    """Return the height (T,) in leg lengths of a foot at `offset` (T, 3) that moves in a step."""
    speed = np.linalg.norm(np.gradient(offset[:, [0, 2]], axis=0), axis=-1) * FRAMES_PER_SECOND
    height: Floats = 0.09 * (1 - np.exp(-(speed**2))) * np.exp(-10 * offset[:, 1].clip(0))
    return height


def _step_ankles(
    trunk: _Trunk, channels: dict[str, Floats], lengths: dict[str, float], side: float
) -> Floats:
    """Return ankle positions (T, 3): fixed beside the path in the stance phase, then moved on."""
    cadence = channels["cadence"][:, 0]
    swing_share = 0.62 if cadence.max() > _RUN_CADENCE else 0.38
    cycles = trunk.cycles + (0.5 if side < 0 else 0.0)
    number = np.floor(cycles)
    mid_stances = np.arange(number[0], number[-1] + 2) + (1 - swing_share) / 2
    frames = np.interp(mid_stances, cycles, np.arange(len(cycles))).round().astype(int)
    offset = np.array([1.1 * side * lengths["hip"], lengths["ankle"], 0])
    footprints = trunk.path[frames] + _rotate(trunk.heading[frames], offset)
    index = (number - number[0]).astype(int)
    swing = ((cycles - number - (1 - swing_share)) / swing_share).clip(0, 1)[:, None]
    start, end = footprints[index], footprints[index + 1]
    ankles: Floats = start + swing**2 * (3 - 2 * swing) * (end - start)
    # Scaling by the cadence puts the foot down if the walk stops in the middle of a step.
    lift = channels["lift"] * cadence[:, None].clip(0, 1) * np.sin(np.pi * swing)
    ankles[:, 1] += lift[:, 0]
    kick = channels["kick"] * cadence[:, None].clip(0, 1) * np.sin(np.pi * swing) ** 2
    ankles += _rotate(trunk.heading, kick * np.array([0, 0, 1]))
    return ankles


def _rotations(*turns: tuple[int, Floats]) -> Floats:
    """Return the product (T, 3, 3) of rotations about x, y or z (0, 1, 2) by (T,) radians."""
    product = np.eye(3)
    for axis, angle in turns:
        first, second = (axis + 1) % 3, (axis + 2) % 3
        matrix = np.zeros((len(angle), 3, 3))
        matrix[:, axis, axis] = 1
        matrix[:, first, first] = matrix[:, second, second] = np.cos(angle)
        matrix[:, second, first] = np.sin(angle)
        matrix[:, first, second] = -np.sin(angle)
        product = product @ matrix
    return product


def _rotate(rotations: Floats, vectors: Floats) -> Floats:
    """Return vectors (3,) or (T, 3), rotated by rotations (T, 3, 3)."""
    rotated: Floats = np.einsum(
        "tij,j->ti" if vectors.ndim == 1 else "tij,tj->ti", rotations, vectors
    )
    return rotated


def _solve_limb(
    root: Floats, target: Floats, upper: float, lower: float, rest: Floats, rest_bend: Floats
) -> tuple[Floats, Floats]:
    """Return middle and end joint (T, 3) of a limb of two bones by inverse kinematics.

    The bend direction turns with the limb along the shortest rotation from its rest direction.
    Elbows and knees therefore flip over only if the limb points opposite to its rest direction.

    Args:
        root: Position of the first joint (T, 3).
        target: Target of the end joint (T, 3).
        upper: Length of the first bone.
        lower: Length of the second bone.
        rest: Direction of the limb at rest, unit vectors (T, 3).
        rest_bend: Direction of the middle joint at rest, unit vectors (T, 3).
    """
    offset = target - root
    distance = np.linalg.norm(offset, axis=-1, keepdims=True)
    direction = offset / np.maximum(distance, 1e-6)
    # Near full reach the limb straightens slowly; otherwise knees and elbows would snap.
    length, margin = upper + lower, 0.05 * (upper + lower)
    soft = length - margin
    reach = np.minimum(distance, soft) + margin * (1 - np.exp(-(distance - soft).clip(0) / margin))
    reach = reach.clip(abs(upper - lower) + 0.05, 0.999 * length)
    along = (upper**2 - lower**2 + reach**2) / (2 * reach)
    factor = (direction * rest_bend).sum(-1, keepdims=True) / (
        1.001 + (direction * rest).sum(-1, keepdims=True)
    )
    bend = rest_bend - factor * (direction + rest)
    middle = root + along * direction + np.sqrt((upper**2 - along**2).clip(0)) * bend
    return middle, root + reach * direction
