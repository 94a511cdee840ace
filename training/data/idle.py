"""Synthetic motion capture of people who do not dance."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from dancetype.engine.skeleton import Array, mirrored
from dancetype.training.data.aist import FRAMES_PER_SECOND
from dancetype.training.data.mannequin import (
    NEUTRAL,
    Floats,
    add_sway,
    draw_lengths,
    pose_joints,
    smooth_noise,
)
from dancetype.training.data.moves import MOVES
from dancetype.training.data.moves.base import Move

HELD_OUT_KINDS: Final = (
    "waiting",
    "pacing",
    "perching",
    "karate",
    "bending",
    "exercise",
    "fencing",
    "swimming",
    "semaphore",
)
"""Kinds of motion for tests only.

The first six have counterparts in training, with other moves: standing, walking, sitting, kicking
and boxing, sweeping and deadlifts, and for `exercise` the kinds `squats`, `jumping_jacks` and
`lunges`. The last three have no counterpart in training.
"""

_FROM_THE_SIDE: Final = ("pushups", "planks", "burpees", "situps", "yoga")
"""Kinds that are usually recorded from the side."""

TRAINED_KINDS: Final = tuple(kind for kind in MOVES if kind not in HELD_OUT_KINDS)
KINDS: Final = TRAINED_KINDS + HELD_OUT_KINDS


_FEET: Final = ("left_foot", "right_foot")
_HOP: Final = 0.65  # maximum seconds of a move of both feet at once


@dataclass(frozen=True, slots=True)
class IdleMotion:
    """Motion of a person who does not dance.

    Attributes:
        name: Kind and number.
        kind: Kind of motion, one of `KINDS`.
        joints: (T, 17, 3) metres, Y up, floor at 0; 60 frames per second.
        heading: Angle at which a camera would usually record the motion: the average heading
            relative to a person who faces the camera, in degrees.
    """

    name: str
    kind: str
    joints: Array
    heading: float


def idle_motions(
    count: int, *, seed: int, kinds: tuple[str, ...] = KINDS, seconds: float = 8
) -> list[IdleMotion]:
    """Return motions, cycling through the kinds.

    Args:
        count: Number of motions.
        seed: Random seed; a motion does not depend on `count`.
        kinds: Kinds of motion, some of `KINDS`.
        seconds: Length of each motion.

    Raises:
        ValueError: A kind is unknown, or `kinds` is empty.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        raise ValueError(f"kinds are {', '.join(KINDS)}, not {', '.join(unknown) or 'none'}")
    motions = []
    for index in range(count):
        kind, number = kinds[index % len(kinds)], index // len(kinds)
        # The name gives the seed, so that further kinds do not change the motions of others.
        rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), number])
        joints, heading = _generate(kind, rng, seconds), _draw_heading(kind, rng)
        motions.append(IdleMotion(f"{kind}_{number}", kind, joints, heading))
    return motions


def freeze_pose(joints: Array, time: float, *, seed: int, seconds: float = 8) -> Array:
    """Return joints (T', 17, 3) of a dancer who holds a pose, with a slight sway and tremor.

    Args:
        joints: Joints (T, 17, 3) of a dance in metres, 60 frames per second.
        time: Time of the pose in the dance, in seconds.
        seed: Random seed.
        seconds: Duration of the result.
    """
    rng = np.random.default_rng(seed)
    frames = round(seconds * FRAMES_PER_SECOND) + 1
    pose = joints[min(round(time * FRAMES_PER_SECOND), len(joints) - 1)]
    # A body sways over its feet, so the sway grows with the height of a joint.
    height = (pose[:, 1] - pose[:, 1].min())[None, :, None]
    sway = smooth_noise(rng, (frames, 1, 3), 0.8, rng.uniform(0.002, 0.01)) * height
    tremor = smooth_noise(rng, (frames, *pose.shape), 0.3, 0.003)
    frozen: Array = (pose + sway + tremor).astype(np.float32)
    return frozen


def _draw_heading(kind: str, rng: np.random.Generator) -> float:
    if rng.random() < 0.2:
        return float(rng.uniform(-180, 180))
    if kind in _FROM_THE_SIDE and rng.random() < 0.8:
        return float(rng.normal(rng.choice([-90, 90]), 20))
    return float(rng.normal(0, 25))


def _generate(kind: str, rng: np.random.Generator, seconds: float) -> Array:
    lengths = draw_lengths(rng)
    frames = round(seconds * FRAMES_PER_SECOND) + 1
    # The start is dropped, so that the person is already moving in the first frame.
    dropped = round(rng.uniform(0.5, 2) * FRAMES_PER_SECOND)
    channels = _play_moves(MOVES[kind](rng), dropped + frames, rng)
    joints = pose_joints(add_sway(channels, rng), lengths, rng)[dropped:]
    joints += smooth_noise(rng, joints.shape, 0.05, 0.002)
    motion: Array = joints.astype(np.float32)
    return mirrored(motion) if rng.random() < 0.5 else motion


def _play_moves(moves: Iterator[Move], frames: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Return channels (T, N) of a series of moves, each with minimum jerk."""
    times = np.arange(frames) / FRAMES_PER_SECOND
    channels = {name: np.tile(np.array(v, float), (frames, 1)) for name, v in NEUTRAL.items()}
    start = -0.5
    for seconds, pause, targets in moves:
        # In a slow move, the feet step one after the other.
        steps = seconds > _HOP and set(_FEET) <= set(targets)
        second_halves = {str(rng.choice(_FEET))} if steps else set()
        for name, target in targets.items():
            # Hands and head do not start to move at the same time.
            channel_start = start + rng.uniform(0, 0.15) * seconds
            duration = max(seconds, 0.05)
            if name in second_halves:
                channel_start += 0.5 * seconds
            if name in _FEET and second_halves:
                duration /= 2
            progress = ((times - channel_start) / duration).clip(0, 1)[:, None]
            share = progress**3 * (10 - 15 * progress + 6 * progress**2)
            channels[name] += share * (np.atleast_1d(target) - channels[name])
        start += seconds + pause
        if start > times[-1]:
            break
    return channels
