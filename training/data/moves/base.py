"""Poses, steps and repetitions that the moves of people who do not dance are made of."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import numpy as np

Channels = dict[str, float | tuple[float, ...]]

Move = tuple[float, float, Mapping[str, float | tuple[float, ...]]]
"""Seconds of motion, seconds of the pause after it, and targets of the channels that change.

A negative pause lets the next move start before the end of this one.
"""

Moves = Callable[[np.random.Generator], Iterator[Move]]
"""Endless moves of a random person."""

HANDS: Final = {
    "hanging": (0.14, -0.96, 0.08),
    "hips": (0.02, -0.74, 0.02),
    "pocket": (0.06, -0.86, 0.1),
    "crossed": (-0.42, -0.42, 0.33),
    "clasped": (-0.3, -0.78, 0.3),
    "behind": (-0.22, -0.72, -0.22),
    "phone": (-0.24, -0.32, 0.5),
    "ear": (-0.2, 0.38, 0.12),
    "hair": (-0.2, 0.42, 0.08),
    "collar": (-0.24, -0.12, 0.28),
    "hem": (-0.2, -0.72, 0.3),
    "talk": (-0.05, -0.45, 0.55),
    "aside": (0.55, -0.4, 0.35),
    "wave": (0.45, 0.5, 0.3),
    "point": (0.15, 0.1, 0.96),
    "up": (0.05, 0.97, 0.1),
    "out": (0.97, 0.05, 0.05),
    "forward": (0.05, -0.05, 0.97),
    "guard": (-0.12, -0.1, 0.42),
    "run": (0.05, -0.5, 0.22),
    "lap": (-0.08, -0.62, 0.5),
}
"""Positions of a hand, in the units of the channels `left_hand` and `right_hand`."""

UPRIGHT: Final[Channels] = {
    "pelvis": (0, 0.985, 0),
    "lean": (0, 0),
    "bend": (2, 0, 0),
    "head": (4, 0),
}

WIDE: Final = (0.45, 0.0, 0.0)

_SHOULDER: Final = 0.36  # distance of a shoulder from the middle of the chest, in arm lengths


def hands_at(rng: np.random.Generator, left: str, right: str = "") -> Channels:
    """Return channels for hands near positions of `HANDS`; `right` defaults to `left`."""
    positions = {"left_hand": HANDS[left], "right_hand": HANDS[right or left]}
    return {name: vary(rng, position, 0.05) for name, position in positions.items()}


def vary(rng: np.random.Generator, position: tuple[float, ...], sd: float) -> tuple[float, ...]:
    """Return a position with random deviations."""
    return tuple(float(value) for value in rng.normal(position, sd))


def random_sign(rng: np.random.Generator) -> float:
    """Return 1 or -1."""
    return float(rng.choice([-1, 1]))


def resting_hands(rng: np.random.Generator) -> Channels:
    """Return channels for hands as people who stand hold them."""
    positions = ["hanging", "hanging", "hips", "pocket", "crossed", "clasped", "behind"]
    if rng.random() < 0.3:
        return hands_at(rng, *rng.choice(["hanging", "hips", "pocket", "phone"], 2))
    return hands_at(rng, str(rng.choice(positions)))


def feet(left: tuple[float, float, float], right: tuple[float, float, float]) -> Channels:
    """Return channels for both feet."""
    return {"left_foot": left, "right_foot": right}


def stance(rng: np.random.Generator) -> Move:
    """Return a start with the feet a little apart."""
    left, right = rng.uniform((-0.03, 0, -0.08), (0.12, 0, 0.08), (2, 3))
    return 0, 0.4, {**feet(tuple(left), tuple(right)), **resting_hands(rng)}


def shift_weight(rng: np.random.Generator) -> Channels:
    """Return channels that shift the weight to one foot and turn the head."""
    aside = rng.uniform(-0.1, 0.1)
    return {
        "pelvis": (aside, 0.985 - 0.2 * abs(aside), rng.normal(0, 0.01)),
        "lean": (rng.normal(0, 1), -25 * aside),
        "bend": (rng.normal(3, 2), 25 * aside, rng.normal(0, 5)),
        "head": (rng.normal(6, 6), rng.normal(0, 20)),
    }


def walk(rng: np.random.Generator, pace: float, turn: float = 0) -> Channels:
    """Return channels for walking at a pace in m/s and a turn in degrees per second."""
    cadence = float(np.clip(1.1 + 0.6 * abs(pace) + rng.normal(0, 0.1), 1.2, 2.2))
    arms = hands_at(rng, "hanging") if rng.random() < 0.7 else resting_hands(rng)
    return {
        "speed": (0, pace),
        "turn": turn,
        "cadence": cadence,
        "arm_swing": rng.uniform(0.1, 0.35) * abs(pace),
        "lift": rng.uniform(0.07, 0.13),
        "pelvis": (0, 0.98 - 0.05 * abs(pace), 0),
        "lean": (rng.uniform(0, 4), 0),
        "bend": (rng.uniform(0, 4), 0, 0),
        "head": (rng.normal(5, 4), rng.normal(0, 8)),
        **arms,
    }


def grip(side: float, y: float, z: float, *, gap: float = 0.12) -> Channels:
    """Return channels for two hands that hold one object.

    Args:
        side: Position to the left of the middle of the chest, in arm lengths.
        y: Position above the shoulders.
        z: Position in front of the shoulders.
        gap: Distance between the hands.
    """
    inward = gap / 2 - _SHOULDER
    return {"left_hand": (inward + side, y, z), "right_hand": (inward - side, y, z)}


def mix(start: Channels, end: Channels, share: float) -> Channels:
    """Return the channels of `end`, a share of the way from those of `start`."""
    return {
        name: tuple((1 - share) * np.atleast_1d(start.get(name, value)) + share * np.array(value))
        for name, value in end.items()
    }


def personal_tempo(rng: np.random.Generator) -> float:
    """Return a random factor from 0.6 to 1.6 for the seconds that a person needs for a move."""
    return float(np.exp(rng.uniform(np.log(0.6), np.log(1.6))))


def halt(seconds: float) -> Iterator[Move]:
    """Stop a walk: first the body, then the feet, so that they come to stand below the body."""
    yield seconds, 0.4, {"speed": (0, 0), "turn": 0, "arm_swing": 0}
    yield seconds, 0, {"cadence": 0}


def turn_in_place(rng: np.random.Generator) -> Iterator[Move]:
    """Turn with small steps."""
    turn = rng.uniform(40, 110) * random_sign(rng)
    yield 0.3, rng.uniform(0.3, 1.2), walk(rng, 0, turn)
    yield from halt(0.3)


def recover(rng: np.random.Generator) -> Iterator[Move]:
    """Stand and breathe after an exercise, and sometimes turn."""
    standing = {**UPRIGHT, **shift_weight(rng), **resting_hands(rng)}
    yield rng.uniform(0.6, 1.2), rng.exponential(1), {**standing, "knees": (9, 9)}
    if rng.random() < 0.4:
        yield from turn_in_place(rng)


def repetitions(
    rng: np.random.Generator,
    seconds: float,
    repeat: Callable[[float, float], Iterable[Move]],
    *,
    rest: Callable[[np.random.Generator], Iterable[Move]] = recover,
    count: tuple[int, int] = (5, 20),
) -> Iterator[Move]:
    """Yield sets of repetitions with rests, in a tempo that drifts and that slows with fatigue.

    Args:
        rng: Source of randomness.
        seconds: Usual duration of a repetition; a person takes 0.6 to 1.6 times as long.
        repeat: Function that returns the moves of a repetition, given its duration and amplitude;
            1 is the full amplitude.
        rest: Function that returns the moves between two sets.
        count: Minimum and maximum number of repetitions in a set.
    """
    seconds, amplitude = seconds * personal_tempo(rng), rng.uniform(0.6, 1.05)
    irregularity, fatigue = rng.uniform(0.01, 0.08), rng.uniform(0, 0.02)
    while True:
        drift = 0.0
        for number in range(rng.integers(count[0], count[1] + 1)):
            drift += rng.normal(0, 0.03)
            duration = seconds * np.exp(drift + rng.normal(0, irregularity) + fatigue * number)
            size = amplitude * np.exp(rng.normal(0, irregularity) - 0.5 * fatigue * number)
            yield from repeat(float(duration), float(size))
        yield from rest(rng)
