"""Synthetic motion capture of people who do not dance: a body moved by tables of moves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from dancetype.engine.skeleton import Array, mirrored
from dancetype.training.data.aist import FRAMES_PER_SECOND
from dancetype.training.data.idle_moves import MOVES, Move
from dancetype.training.data.mannequin import NEUTRAL, Floats, alive, draw_lengths, posed, wander

HELD_OUT_KINDS: Final = ("waiting", "pacing", "perching", "karate", "bending", "exercise")
"""Kinds for tests only: standing, walking, sitting and kicking by other tables than in training
(`waiting`, `pacing`, `perching`, `karate`), and two without a counterpart there."""

TRAINED_KINDS: Final = tuple(kind for kind in MOVES if kind not in HELD_OUT_KINDS)
KINDS: Final = TRAINED_KINDS + HELD_OUT_KINDS


@dataclass(frozen=True, slots=True)
class Idle:
    """Motion of somebody who does not dance.

    Attributes:
        name: Kind and number.
        kind: Kind of motion, of `KINDS`.
        joints: (T, 17, 3) metres, Y up, floor at 0; 60 frames per second.
    """

    name: str
    kind: str
    joints: Array


def idle_motions(
    count: int, *, seed: int, kinds: tuple[str, ...] = KINDS, seconds: float = 8
) -> list[Idle]:
    """Return motions of the kinds in turn.

    Args:
        count: Number of motions.
        seed: Random seed; a motion does not depend on `count`.
        kinds: Kinds, of `KINDS`.
        seconds: Length of each motion.

    Raises:
        ValueError: A kind is unknown, or there is none.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        raise ValueError(f"kinds are {', '.join(KINDS)}, not {', '.join(unknown) or 'none'}")
    names = [(kinds[i % len(kinds)], i // len(kinds)) for i in range(count)]
    return [
        Idle(f"{kind}_{number}", kind, _motion(kind, [seed, KINDS.index(kind), number], seconds))
        for kind, number in names
    ]


def freeze_pose(joints: Array, at: float, *, seed: int, seconds: float = 8) -> Array:
    """Return joints (T', 17, 3) of a dancer who holds a pose, apart from breath and a tremble.

    Args:
        joints: (T, 17, 3) metres of the dance, 60 frames per second.
        at: Time of the pose in seconds.
        seed: Random seed.
        seconds: Duration.
    """
    rng = np.random.default_rng(seed)
    frames = round(seconds * FRAMES_PER_SECOND) + 1
    pose = joints[min(round(at * FRAMES_PER_SECOND), len(joints) - 1)]
    # A body sways over its feet: the higher a joint, the further.
    height = (pose[:, 1] - pose[:, 1].min())[None, :, None]
    sway = wander(rng, (frames, 1, 3), 0.8, rng.uniform(0.002, 0.01)) * height
    held: Array = (pose + sway + wander(rng, (frames, *pose.shape), 0.3, 0.003)).astype(np.float32)
    return held


def _motion(kind: str, seed: list[int], seconds: float) -> Array:
    rng = np.random.default_rng(seed)
    lengths = draw_lengths(rng)
    frames = round(seconds * FRAMES_PER_SECOND) + 1
    # The start is not kept: people have begun to move before they are filmed.
    before = round(rng.uniform(0.5, 2) * FRAMES_PER_SECOND)
    channels = _played(MOVES[kind](rng), before + frames, rng)
    joints = posed(alive(channels, rng), lengths, rng)[before:]
    joints += wander(rng, joints.shape, 0.05, 0.002)
    result: Array = joints.astype(np.float32)
    return mirrored(result) if rng.random() < 0.5 else result


def _played(moves: Iterator[Move], frames: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Channels (T, N) of as many moves as fill the time, each with minimum jerk."""
    times = np.arange(frames) / FRAMES_PER_SECOND
    channels = {name: np.tile(np.array(v, float), (frames, 1)) for name, v in NEUTRAL.items()}
    start = -0.5
    for seconds, rest, changes in moves:
        for name, value in changes.items():
            # Hands and head do not start at the same time.
            late = start + rng.uniform(0, 0.15) * seconds
            part = ((times - late) / max(seconds, 0.05)).clip(0, 1)[:, None]
            share = part**3 * (10 - 15 * part + 6 * part**2)
            channels[name] += share * (np.atleast_1d(value) - channels[name])
        start += seconds + rest
        if start > times[-1]:
            break
    return channels
