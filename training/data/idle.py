"""Synthetic motion capture of people who do not dance."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from dancetype.engine.skeleton import Array, mirrored
from dancetype.training.data.aist import FRAMES_PER_SECOND
from dancetype.training.data.idle_moves import MOVES, Move
from dancetype.training.data.mannequin import (
    NEUTRAL,
    Floats,
    add_sway,
    draw_lengths,
    pose_joints,
    smooth_noise,
)

HELD_OUT_KINDS: Final = ("waiting", "pacing", "perching", "karate", "bending", "exercise")
"""Kinds of motion for tests only.

The first four are standing, walking, sitting and kicking with other moves than in training; the
last two have no counterpart in training.
"""

TRAINED_KINDS: Final = tuple(kind for kind in MOVES if kind not in HELD_OUT_KINDS)
KINDS: Final = TRAINED_KINDS + HELD_OUT_KINDS


@dataclass(frozen=True, slots=True)
class IdleMotion:
    """Motion of a person who does not dance.

    Attributes:
        name: Kind and number.
        kind: Kind of motion, one of `KINDS`.
        joints: (T, 17, 3) metres, Y up, floor at 0; 60 frames per second.
    """

    name: str
    kind: str
    joints: Array


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
        joints = _generate(kind, [seed, KINDS.index(kind), number], seconds)
        motions.append(IdleMotion(f"{kind}_{number}", kind, joints))
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


def _generate(kind: str, seed: list[int], seconds: float) -> Array:
    rng = np.random.default_rng(seed)
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
        for name, target in targets.items():
            # Hands and head do not start to move at the same time.
            channel_start = start + rng.uniform(0, 0.15) * seconds
            progress = ((times - channel_start) / max(seconds, 0.05)).clip(0, 1)[:, None]
            share = progress**3 * (10 - 15 * progress + 6 * progress**2)
            channels[name] += share * (np.atleast_1d(target) - channels[name])
        start += seconds + pause
        if start > times[-1]:
            break
    return channels
