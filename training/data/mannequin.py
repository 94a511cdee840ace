"""Body model whose channels over time become joints of motion capture.

Legs and arms follow by inverse kinematics; steps follow from speed and cadence, so that a foot on
the floor stays in place. Lengths are typical of adults; nothing is measured from one person.

x points outward (to the left in a channel of the whole body), y up and z forward; angles are
degrees.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS
from dancetype.training.data.aist import FRAMES_PER_SECOND

Floats = NDArray[np.float64]

NEUTRAL: Final[Mapping[str, tuple[float, ...]]] = {
    "speed": (0, 0),  # m/s to the left and forward
    "turn": (0,),  # degrees a second
    "cadence": (0,),  # steps a second
    "lift": (0.08,),  # metres that a foot is lifted in a step
    "arm_swing": (0,),  # arm lengths that hands swing with the steps
    "pelvis": (0, 0.985, 0),  # leg lengths away from between the feet; 1 is legs straight
    "lean": (0, 0),  # degrees of the whole trunk, forward and to the right
    "bend": (2, 0, 0),  # degrees of the chest to the pelvis: forward, to the right, to the left
    "head": (4, 0),  # degrees of the head to the chest: down, to the left
    "left_hand": (0.14, -0.96, 0.08),  # arm lengths from the shoulder, in the chest's axes
    "right_hand": (0.14, -0.96, 0.08),
    "left_foot": (0, 0, 0),  # leg lengths from where the foot would stand
    "right_foot": (0, 0, 0),
}
"""Channels of somebody who stands."""

_RUNS: Final = 2.35  # steps per second from which the gait is a run

_LENGTHS: Final = {
    "hip": 0.11,
    "thigh": 0.385,
    "shin": 0.385,
    "ankle": 0.085,
    "spine": 0.5,
    "shoulder": 0.17,
    "upper_arm": 0.265,
    "forearm": 0.235,
    "head": 1.0,
}
"""Metres in an adult; hips and shoulders are half their width, the head is a scale."""

_HEAD: Final = {
    "nose": (0, 0.17, 0.13),
    "left_eye": (0.032, 0.2, 0.11),
    "right_eye": (-0.032, 0.2, 0.11),
    "left_ear": (0.078, 0.19, 0.015),
    "right_ear": (-0.078, 0.19, 0.015),
}
"""Metres from the middle of the shoulders."""

_ARM: Final = np.array([0.303, -0.505, 0.808])
_ELBOW: Final = np.array([0.611, -0.551, -0.573])
"""Unit vectors along an arm in its middle position, and of the direction of its elbow then."""


def draw_lengths(rng: np.random.Generator) -> dict[str, float]:
    """Draw an adult's lengths in metres."""
    size = rng.normal(0.97, 0.06)
    return {name: size * value * np.exp(rng.normal(0, 0.05)) for name, value in _LENGTHS.items()}


def wander(rng: np.random.Generator, shape: tuple[int, ...], seconds: float, sd: float) -> Floats:
    """Return smooth noise of `shape` (T, ...) that changes over about `seconds`."""
    width = seconds * FRAMES_PER_SECOND / 2
    steps = np.arange(-round(3 * width), round(3 * width) + 1)
    kernel = np.exp(-0.5 * (steps / width) ** 2)
    kernel /= np.linalg.norm(kernel)
    white = rng.standard_normal((shape[0] + len(kernel) - 1, int(np.prod(shape[1:]))))
    smooth = [np.convolve(column, kernel, mode="valid") for column in white.T]
    return sd * np.stack(smooth, axis=1).reshape(shape)


def alive(channels: dict[str, Floats], rng: np.random.Generator) -> dict[str, Floats]:
    """Add breath, sway and small motions of the hands to channels (T, N)."""
    frames = len(channels["head"])
    sway, hands = rng.uniform(0.2, 1.2, 2)
    for name, seconds, sd in (
        ("lean", 1.0, 0.5 * sway),
        ("bend", 1.5, 0.8 * sway),
        ("head", 0.8, 2.0 * sway),
        ("left_hand", 0.6, 0.015 * hands),
        ("right_hand", 0.6, 0.015 * hands),
    ):
        channels[name] += wander(rng, channels[name].shape, seconds, sd)
    channels["pelvis"][:, [0, 2]] += wander(rng, (frames, 2), 1.2, 0.006 * sway)
    breaths = rng.uniform(0.2, 0.4) * np.arange(frames) / FRAMES_PER_SECOND
    channels["bend"][:, 0] += rng.uniform(0.2, 0.8) * np.sin(2 * np.pi * breaths)
    return channels


def posed(
    channels: dict[str, Floats], lengths: dict[str, float], rng: np.random.Generator
) -> Floats:
    """Return joints (T, 17, 3) in metres, Y up.

    Args:
        channels: (T, N) by name, as in `NEUTRAL`; targets out of reach are reached for.
        lengths: Result of `draw_lengths`.
        rng: Source of randomness, for the foot that goes first.
    """
    step = 1 / FRAMES_PER_SECOND
    leg = lengths["thigh"] + lengths["shin"]
    arm = lengths["upper_arm"] + lengths["forearm"]
    heading = np.cumsum(np.radians(channels["turn"][:, 0])) * step
    facing = _rotations((1, heading))
    sideways, forward = channels["speed"].T
    velocity = np.stack([sideways, 0 * forward, forward], axis=-1)
    path = np.cumsum(_apply(facing, velocity) * step, axis=0)
    cadence = channels["cadence"][:, 0]
    # Both feet are down at 0.06 of a cycle, which is two steps.
    cycles = np.cumsum(cadence) * step / 2 + 0.06 + rng.choice([0, 0.5])

    pelvis = path + _apply(facing, leg * channels["pelvis"])
    pelvis[:, 1] += lengths["ankle"]
    # Highest in the middle of a walker's stance, over that foot, and in a runner's flight.
    runs = cadence.max() > _RUNS
    highest, bounce = (0.44, 0.04) if runs else (0.31, 0.018)
    pelvis[:, 1] += bounce * cadence.clip(0, 1) * np.cos(4 * np.pi * (cycles - highest))
    over = 0.02 * cadence.clip(0, 1) * np.cos(2 * np.pi * (cycles - highest))
    pelvis += _apply(facing, over[:, None] * np.array([1, 0, 0]))
    hips = _rotations(
        (1, heading),
        (0, np.radians(channels["lean"][:, 0])),
        (2, np.radians(-channels["lean"][:, 1])),
    )
    forwards, rightwards, twist = np.radians(channels["bend"]).T
    chest = hips @ _rotations((1, twist), (0, forwards), (2, -rightwards))
    nod, look = np.radians(channels["head"]).T
    head = chest @ _rotations((1, look), (0, nod))
    half = np.array([0, lengths["spine"] / 2, 0])
    shoulders = pelvis + _apply(hips, half) + _apply(chest, half)

    joints = {
        name: shoulders + _apply(head, lengths["head"] * np.array(at)) for name, at in _HEAD.items()
    }
    for side, name in ((1.0, "left"), (-1.0, "right")):
        out = np.array([side, 1, 1])
        hip = pelvis + _apply(hips, np.array([side * lengths["hip"], 0, 0]))
        foot = _steps(path, facing, cycles, channels, lengths, side)
        foot = foot + _apply(facing, leg * out * channels[f"{name}_foot"])
        knee, ankle = _two_bones(
            hip,
            foot,
            lengths["thigh"],
            lengths["shin"],
            _apply(facing, np.array([0, -1.0, 0])),
            _apply(facing, np.array([0.15 * side, 0, 0.989])),
        )
        shoulder = shoulders + _apply(chest, np.array([side * lengths["shoulder"], 0, 0]))
        swing = channels["arm_swing"] * np.array([0, 0.2, 1]) * np.cos(2 * np.pi * cycles)[:, None]
        reach = channels[f"{name}_hand"] - side * swing
        # Between high and low a hand passes before the shoulder, not through it.
        reach[:, 2] += 0.6 * np.exp(-((reach / 0.3) ** 2).sum(axis=1))
        elbow, wrist = _two_bones(
            shoulder,
            shoulder + arm * _apply(chest, out * reach),
            lengths["upper_arm"],
            lengths["forearm"],
            _apply(chest, out * _ARM),
            _apply(chest, out * _ELBOW),
        )
        joints |= {
            f"{name}_hip": hip,
            f"{name}_knee": knee,
            f"{name}_ankle": ankle,
            f"{name}_shoulder": shoulder,
            f"{name}_elbow": elbow,
            f"{name}_wrist": wrist,
        }
    return np.stack([joints[name] for name in JOINTS], axis=1)


def _steps(
    path: Floats,
    facing: Floats,
    cycles: Floats,
    channels: dict[str, Floats],
    lengths: dict[str, float],
    side: float,
) -> Floats:
    """(T, 3) ankles: each stands still beside the path for a stance, then moves on."""
    cadence = channels["cadence"][:, 0]
    swings = 0.62 if cadence.max() > _RUNS else 0.38
    cycles = cycles + (0.5 if side < 0 else 0.0)
    number = np.floor(cycles)
    middles = np.arange(number[0], number[-1] + 2) + (1 - swings) / 2
    frames = np.interp(middles, cycles, np.arange(len(cycles))).round().astype(int)
    beside = np.array([1.1 * side * lengths["hip"], lengths["ankle"], 0])
    prints = path[frames] + _apply(facing[frames], beside)
    index = (number - number[0]).astype(int)
    part = ((cycles - number - (1 - swings)) / swings).clip(0, 1)[:, None]
    ankles = prints[index] + part**2 * (3 - 2 * part) * (prints[index + 1] - prints[index])
    # A foot is put down if the walk stops in the middle of a step.
    lifted = channels["lift"] * cadence[:, None].clip(0, 1) * np.sin(np.pi * part)
    ankles[:, 1] += lifted[:, 0]
    result: Floats = ankles
    return result


def _rotations(*turns: tuple[int, Floats]) -> Floats:
    """(T, 3, 3) of one turn after the other, each about x, y or z (0, 1, 2) by (T,) radians."""
    result = np.eye(3)
    for axis, angle in turns:
        one, other = (axis + 1) % 3, (axis + 2) % 3
        matrix = np.zeros((len(angle), 3, 3))
        matrix[:, axis, axis] = 1
        matrix[:, one, one] = matrix[:, other, other] = np.cos(angle)
        matrix[:, other, one] = np.sin(angle)
        matrix[:, one, other] = -np.sin(angle)
        result = result @ matrix
    return result


def _apply(rotations: Floats, vectors: Floats) -> Floats:
    """(T, 3): vectors (3,) or (T, 3), rotated."""
    turned: Floats = np.einsum(
        "tij,j->ti" if vectors.ndim == 1 else "tij,tj->ti", rotations, vectors
    )
    return turned


def _two_bones(
    root: Floats, goal: Floats, upper: float, lower: float, rest: Floats, bent: Floats
) -> tuple[Floats, Floats]:
    """(T, 3) middle and end of a limb that reaches from `root` for `goal`, as far as it can.

    The direction in which it bends, at rest the unit vectors `bent` (T, 3), turns with the limb on
    the shortest way from its direction at rest, the unit vectors `rest` (T, 3): elbows and knees
    then turn over only opposite of that. `upper` and `lower` are the lengths of its bones.
    """
    away = goal - root
    distance = np.linalg.norm(away, axis=-1, keepdims=True)
    along = away / np.maximum(distance, 1e-6)
    # Near full reach the limb straightens slowly, or knees would snap.
    length, give = upper + lower, 0.05 * (upper + lower)
    near = length - give
    reach = np.minimum(distance, near) + give * (1 - np.exp(-(distance - near).clip(0) / give))
    reach = reach.clip(abs(upper - lower) + 0.05, 0.999 * length)
    part = (upper**2 - lower**2 + reach**2) / (2 * reach)
    turned = (along * bent).sum(-1, keepdims=True) / (1.001 + (along * rest).sum(-1, keepdims=True))
    aside = bent - turned * (along + rest)
    middle = root + part * along + np.sqrt((upper**2 - part**2).clip(0)) * aside
    return middle, root + reach * along
