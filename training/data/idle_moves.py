"""Motions of people who do not dance, as series of moves for the body model of `mannequin`.

The timing is irregular, except for motions that are rhythmic in reality.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from typing import Final

import numpy as np

Channels = dict[str, float | tuple[float, ...]]

Move = tuple[float, float, Channels]
"""Seconds of motion, seconds of the pause after it, and targets of the channels that change."""

_HANDS: Final = {
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

_UPRIGHT: Final[Channels] = {
    "pelvis": (0, 0.985, 0),
    "lean": (0, 0),
    "bend": (2, 0, 0),
    "head": (4, 0),
}

_WIDE: Final = (0.45, 0.0, 0.0)


def _hands(rng: np.random.Generator, left: str, right: str = "") -> Channels:
    """Return channels for hands near positions of `_HANDS`; `right` defaults to `left`."""
    positions = {"left_hand": _HANDS[left], "right_hand": _HANDS[right or left]}
    return {name: _vary(rng, position, 0.05) for name, position in positions.items()}


def _vary(rng: np.random.Generator, position: tuple[float, ...], sd: float) -> tuple[float, ...]:
    return tuple(float(value) for value in rng.normal(position, sd))


def _random_sign(rng: np.random.Generator) -> float:
    return float(rng.choice([-1, 1]))


def _resting_hands(rng: np.random.Generator) -> Channels:
    positions = ["hanging", "hanging", "hips", "pocket", "crossed", "clasped", "behind"]
    if rng.random() < 0.3:
        return _hands(rng, *rng.choice(["hanging", "hips", "pocket", "phone"], 2))
    return _hands(rng, str(rng.choice(positions)))


def _feet(left: tuple[float, float, float], right: tuple[float, float, float]) -> Channels:
    return {"left_foot": left, "right_foot": right}


def _stance(rng: np.random.Generator) -> Move:
    """Return a start with the feet a little apart."""
    left, right = rng.uniform((-0.03, 0, -0.08), (0.12, 0, 0.08), (2, 3))
    return 0, 0.4, {**_feet(tuple(left), tuple(right)), **_resting_hands(rng)}


def _shift_weight(rng: np.random.Generator) -> Channels:
    """Return channels that shift the weight to one foot and turn the head."""
    aside = rng.uniform(-0.1, 0.1)
    return {
        "pelvis": (aside, 0.985 - 0.2 * abs(aside), rng.normal(0, 0.01)),
        "lean": (rng.normal(0, 1), -25 * aside),
        "bend": (rng.normal(3, 2), 25 * aside, rng.normal(0, 5)),
        "head": (rng.normal(6, 6), rng.normal(0, 20)),
    }


def _standing(rng: np.random.Generator) -> Iterator[Move]:
    yield _stance(rng)
    while True:
        hands = _resting_hands(rng) if rng.random() < 0.3 else {}
        yield rng.uniform(0.5, 1.8), rng.exponential(2), {**_shift_weight(rng), **hands}


def _waiting(rng: np.random.Generator) -> Iterator[Move]:
    """Stand with small steps and turns, and look around."""
    yield _stance(rng)
    while True:
        head, twist = (rng.normal(5, 5), rng.uniform(-70, 70)), rng.normal(0, 12)
        yield rng.uniform(0.4, 1.2), rng.exponential(1.5), {"head": head, "bend": (3, 0, twist)}
        if rng.random() < 0.5:
            read_phone = {**_hands(rng, "phone", "hanging"), "head": (25, 0)}
            yield rng.uniform(0.6, 1.2), rng.exponential(1), read_phone
        for _ in range(rng.integers(0, 3)):
            foot = str(rng.choice(["left_foot", "right_foot"]))
            x, z = rng.uniform((-0.05, -0.1), (0.15, 0.1))
            yield 0.2, 0, {foot: (x, 0.07, z)}
            yield 0.2, rng.uniform(0, 0.5), {foot: (x, 0, z)}


def _talking(rng: np.random.Generator) -> Iterator[Move]:
    yield _stance(rng)
    while True:
        for _ in range(rng.integers(1, 6)):
            hands = _hands(rng, *rng.choice(["talk", "talk", "aside", "clasped", "guard"], 2))
            if rng.random() < 0.4:
                hands.pop("left_hand")
            yield rng.uniform(0.2, 0.6), rng.exponential(0.2), hands
        yield rng.uniform(0.4, 1), rng.exponential(1), {**_resting_hands(rng), **_shift_weight(rng)}


def _waving(rng: np.random.Generator) -> Iterator[Move]:
    yield _stance(rng)
    while True:
        hand = "left_hand" if rng.random() < 0.3 else "right_hand"
        position = _vary(rng, _HANDS[str(rng.choice(["wave", "point", "up", "aside"]))], 0.12)
        yield rng.uniform(0.4, 0.9), rng.exponential(0.7), {hand: position, **_shift_weight(rng)}
        for number in range(rng.integers(0, 7)):
            x = position[0] + 0.25 * (-1) ** number
            yield rng.uniform(0.15, 0.35), 0, {hand: (x, position[1], position[2])}
        yield rng.uniform(0.4, 1), rng.exponential(2), _resting_hands(rng)


def _fiddling(rng: np.random.Generator) -> Iterator[Move]:
    """Adjust clothes or hair, or use a phone."""
    yield _stance(rng)
    while True:
        left = str(rng.choice(["phone", "ear", "hair", "collar", "hem"]))
        both = left in ("hair", "collar", "hem") and rng.random() < 0.6
        right = left if both else "hanging"
        head = (rng.normal(25 if left in ("phone", "hem") else 5, 5), rng.normal(0, 10))
        yield rng.uniform(0.5, 1), rng.exponential(0.5), {**_hands(rng, left, right), "head": head}
        for _ in range(rng.integers(1, 9)):
            yield rng.uniform(0.15, 0.5), rng.exponential(0.4), _hands(rng, left, right)
        yield (
            rng.uniform(0.5, 1),
            rng.exponential(1.5),
            {**_resting_hands(rng), **_shift_weight(rng)},
        )


def _walk(rng: np.random.Generator, pace: float, turn: float = 0) -> Channels:
    """Return channels for walking at a pace in m/s and a turn in degrees per second."""
    cadence = float(np.clip(1.1 + 0.6 * abs(pace) + rng.normal(0, 0.1), 1.2, 2.2))
    arms = _hands(rng, "hanging") if rng.random() < 0.7 else _resting_hands(rng)
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


_HALT: Final[Channels] = {"speed": (0, 0), "turn": 0, "cadence": 0, "arm_swing": 0}


def _walking(rng: np.random.Generator) -> Iterator[Move]:
    """Walk straight, in arcs or in circles, with some stops."""
    yield 0, rng.uniform(1, 6), _walk(rng, rng.uniform(0.6, 1.45), rng.normal(0, 8))
    while True:
        if rng.random() < 0.3:
            yield 0.8, rng.exponential(1.2), {**_HALT, **_shift_weight(rng)}
        turn = rng.normal(0, 12) if rng.random() < 0.6 else rng.uniform(50, 130) * _random_sign(rng)
        yield 0.7, rng.uniform(0.8, 2.5), _walk(rng, rng.uniform(0.6, 1.45), turn)


def _pacing(rng: np.random.Generator) -> Iterator[Move]:
    """Walk a few slow steps, also sideways or backwards, stop, turn and walk back."""
    yield _stance(rng)
    while True:
        walk = _walk(rng, rng.uniform(0.3, 0.8))
        if rng.random() < 0.3:
            walk["speed"] = (rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.2))
        yield 0.6, rng.uniform(0.5, 2.5), walk
        yield 0.6, rng.exponential(1), {**_HALT, **_resting_hands(rng)}
        turn_around = _walk(rng, rng.uniform(0, 0.2), rng.uniform(60, 120) * _random_sign(rng))
        yield 0.4, rng.uniform(0.6, 1.2), turn_around


def _running(rng: np.random.Generator) -> Iterator[Move]:
    """Run in place or forward."""
    pace = rng.choice([0.0, rng.uniform(1.5, 2.8)])
    while True:
        run: Channels = {
            "speed": (0, pace),
            "turn": rng.normal(0, 15),
            "cadence": rng.uniform(2.45, 3),
            "lift": rng.uniform(0.15, 0.35),
            "arm_swing": rng.uniform(0.15, 0.4),
            "pelvis": (0, rng.uniform(0.91, 0.95), 0),
            "lean": (rng.uniform(2, 9), 0),
        }
        yield 0.8, rng.uniform(1, 4), {**run, **_hands(rng, "run")}


def _sitting(rng: np.random.Generator) -> Iterator[Move]:
    """Sit down on a chair or something lower, and stand up again."""
    yield _stance(rng)
    seat = rng.uniform(0.5, 0.64)
    while True:
        yield from _sit_and_rise(rng, seat, rng.uniform(0.9, 1.6), rng.uniform(25, 45))
        yield (
            rng.uniform(0.3, 0.6),
            rng.exponential(1.5),
            {**_shift_weight(rng), **_resting_hands(rng)},
        )


def _perching(rng: np.random.Generator) -> Iterator[Move]:
    """Sit on a high stool or a low step from the start, and get up and down fast."""
    seat = rng.choice([rng.uniform(0.66, 0.75), rng.uniform(0.38, 0.48)])
    while True:
        yield from _sit_and_rise(rng, seat, rng.uniform(0.6, 1), rng.uniform(35, 55))


def _sit_and_rise(
    rng: np.random.Generator, seat: float, seconds: float, lean: float
) -> Iterator[Move]:
    seated = (0.0, seat, -0.42)
    hands = _hands(rng, str(rng.choice(["lap", "lap", "crossed", "clasped"])))
    yield 0.5 * seconds, 0, {"pelvis": (0, 0.8, -0.25), "lean": (lean, 0), "bend": (8, 0, 0)}
    yield 0.5 * seconds, 0.1, {"pelvis": seated, **hands}
    upright: Channels = {"lean": (rng.normal(0, 6), 0), "bend": (rng.uniform(3, 12), 0, 0)}
    yield 0.7, rng.exponential(1), upright
    for _ in range(rng.integers(0, 4)):
        hands = _hands(rng, *rng.choice(["lap", "talk", "phone", "hem"], 2))
        head = (rng.normal(10, 8), rng.normal(0, 20))
        yield rng.uniform(0.4, 1), rng.exponential(0.8), {**hands, "head": head}
    yield 0.5 * seconds, 0, {"lean": (lean + 5, 0)}
    yield 0.6 * seconds, rng.uniform(0.2, 1), {**_shift_weight(rng), **_hands(rng, "hanging")}


def _kicking(rng: np.random.Generator) -> Iterator[Move]:
    """Kick a ball: swing the leg back, forward and down, then pause."""
    yield _stance(rng)
    while True:
        height, seconds = rng.uniform(0.15, 0.5), rng.uniform(0.2, 0.35)
        left, right = _vary(rng, (0.6, -0.5, 0.4), 0.1), _vary(rng, (0.4, -0.8, -0.4), 0.1)
        back: Channels = {"pelvis": (0.13, 0.95, 0), "right_foot": (0, 0.25, -0.5), "lean": (8, -4)}
        yield 0.3, 0, {**back, "left_hand": left, "right_hand": right}
        yield seconds, 0, {"right_foot": (-0.1, height, 0.8), "lean": (-8, -6), "bend": (10, 0, 15)}
        yield 0.4, 0.1, {"right_foot": (0.05, 0, 0.05), "lean": (0, 0), "pelvis": (0, 0.985, 0)}
        yield 0.6, rng.exponential(1.2), {**_shift_weight(rng), **_resting_hands(rng)}


def _karate(rng: np.random.Generator) -> Iterator[Move]:
    """Kick from a guard: raise the knee, extend the leg forward or sideways, bend it again."""
    guard = {**_feet((0.12, 0, 0.25), (0.12, 0, -0.25)), "pelvis": (0, 0.92, 0), "lean": (0, 0)}
    yield 0, rng.uniform(0.3, 1), {**guard, **_hands(rng, "guard"), "bend": (4, 0, -20)}
    while True:
        aside, height = rng.choice([0.0, 0.75]), rng.uniform(0.5, 1.15)
        foot = (0.1 + 0.2 * aside, 0.55, 0.25)
        bent: Channels = {"right_foot": foot, "lean": (-5, 0), "pelvis": (0.1, 0.97, 0.2)}
        extended: Channels = {
            "right_foot": (aside, height, 0.9 - aside),
            "lean": (-12, -35 * aside),
        }
        yield rng.uniform(0.2, 0.35), rng.exponential(0.1), bent
        yield rng.uniform(0.12, 0.22), rng.exponential(0.08), extended
        yield 0.25, 0, bent
        yield 0.35, rng.exponential(0.8), {**guard, **_hands(rng, "guard")}


def _jumping(rng: np.random.Generator) -> Iterator[Move]:
    yield _stance(rng)
    grounded = _feet((0.05, 0, 0), (0.05, 0, 0))
    while True:
        height = rng.uniform(0.1, 0.35)
        airborne = _feet((0.05, height, 0), (0.05, height, 0))
        crouch: Channels = {"pelvis": (0, rng.uniform(0.7, 0.85), -0.1), "lean": (25, 0)}
        hands = _hands(rng, str(rng.choice(["up", "talk", "wave"])))
        yield 0.45, 0.05, {**crouch, **_hands(rng, "hem"), **grounded}
        yield 0.3, 0, {**airborne, **hands, "pelvis": (0, 0.985 + height, 0), "lean": (3, 0)}
        yield 0.25, 0, {**grounded, "pelvis": (0, 0.85, -0.06), "lean": (15, 0)}
        yield 0.4, rng.exponential(2), {**_UPRIGHT, **_resting_hands(rng)}


def _stretching(rng: np.random.Generator) -> Iterator[Move]:
    """Stretch slowly, and hold each stretch."""
    yield _stance(rng)
    upright = {**_UPRIGHT, **_feet((0.1, 0, 0), (0.1, 0, 0))}
    while True:
        side = _random_sign(rng)
        across = {"left_hand": (-0.8, -0.1, 0.4), "right_hand": (-0.4, -0.15, 0.55)}
        lunge = _feet((0, 0, 0.5), (0, 0.06, -0.6))
        stretches: list[Channels] = [
            {**_hands(rng, "up"), "bend": (-8, 0, 0), "head": (-10, 0)},
            {**_hands(rng, "up"), "bend": (0, 40 * side * rng.uniform(0.6, 1), 0)},
            {**_hands(rng, "forward"), "bend": (20, 0, 0)},
            {
                **_hands(rng, "forward"),
                "bend": (30, 0, 0),
                "lean": (75, 0),
                "pelvis": (0, 0.96, -0.2),
            },
            {**_hands(rng, "hips"), "bend": (0, 0, 45 * side)},
            {**_hands(rng, "hips"), **_feet(_WIDE, _WIDE), "pelvis": (0.3 * side, 0.75, 0)},
            {**_hands(rng, "hips"), **lunge, "pelvis": (0, 0.72, 0.1)},
            {**across, "bend": (2, 0, -10)},
        ]
        chosen = stretches[rng.integers(len(stretches))]
        yield rng.uniform(0.8, 1.8), rng.uniform(0.8, 3), {**upright, **chosen}
        if rng.random() < 0.5:
            yield rng.uniform(0.7, 1.3), rng.exponential(1), {**upright, **_resting_hands(rng)}


def _bending(rng: np.random.Generator) -> Iterator[Move]:
    """Pick something up with bent back or knees, or kneel to tie a shoe."""
    yield _stance(rng)
    while True:
        knees, twist = rng.random(), rng.normal(0, 8)
        down: Channels = {"bend": (25, 0, twist), "head": (-10, 0), **_hands(rng, "forward")}
        if rng.random() < 0.4:
            kneel = _feet((0, 0, 0.3), (0, 0.04, -0.35))
            down |= {**kneel, "pelvis": (0, 0.5, -0.05), "lean": (rng.uniform(15, 35), 0)}
        else:
            pelvis = (0, 0.9 - 0.4 * knees, -0.22 + 0.1 * knees)
            down |= {"pelvis": pelvis, "lean": (75 - 30 * knees, 0)}
        yield rng.uniform(0.7, 1.3), rng.exponential(0.3), down
        for _ in range(rng.integers(0, 8)):
            yield rng.uniform(0.2, 0.4), rng.exponential(0.1), _hands(rng, "forward")
        up = {**_shift_weight(rng), **_resting_hands(rng), **_feet((0.03, 0, 0), (0.03, 0, 0))}
        yield rng.uniform(0.7, 1.2), rng.exponential(1.5), up


def _exercise(rng: np.random.Generator) -> Iterator[Move]:
    """Do squats, jumping jacks or lunges at a steady rhythm."""
    seconds, depth = rng.uniform(0.45, 0.8), rng.uniform(0.45, 0.65)
    up = {**_UPRIGHT, **_hands(rng, "hanging"), **_feet((0.08, 0, 0), (0.08, 0, 0))}
    squat = {**up, **_hands(rng, "forward"), "pelvis": (0, depth, -0.25), "lean": (35, 0)}
    hop = {**up, **_hands(rng, "out"), **_feet((0.25, 0.08, 0), (0.25, 0.08, 0))}
    hop |= {"pelvis": (0, 1.02, 0)}
    jack = {**up, **_hands(rng, "up"), **_feet(_WIDE, _WIDE), "pelvis": (0, 0.9, 0)}
    lunge = {**up, **_feet((0, 0, 0.5), (0, 0.06, -0.5)), "pelvis": (0, 0.7, 0)}
    repetitions: list[list[Move]] = [
        [(seconds, 0.1, squat), (seconds, 0.1, up)],
        [(seconds / 3, 0, pose) for pose in (hop, jack, hop, up)],
        [(seconds, 0.2, lunge), (seconds, 0.2, up)],
    ]
    yield 0, 0.3, up
    yield from cycle(repetitions[rng.integers(3)])


def _posing(rng: np.random.Generator) -> Iterator[Move]:
    """Strike a pose like a dancer's and hold it for seconds."""
    while True:
        hands = rng.choice([name for name in _HANDS if name not in ("hanging", "run")], 2)
        height = rng.uniform(0.6, 0.98)
        pose = {
            **_hands(rng, *hands),
            "pelvis": (rng.uniform(-0.15, 0.15), height, rng.uniform(-0.1, 0.1)),
            "left_foot": (rng.uniform(0, 0.5), 0, rng.uniform(-0.3, 0.3)),
            "right_foot": (rng.uniform(0, 0.5), rng.choice([0, 0, 0.3]), rng.uniform(-0.3, 0.3)),
            "lean": (rng.normal(5, 10), rng.normal(0, 8)),
            "bend": (rng.normal(5, 8), rng.normal(0, 12), rng.normal(0, 15)),
            "head": (rng.normal(5, 12), rng.normal(0, 25)),
        }
        yield rng.uniform(0.5, 1.2), rng.uniform(4, 12), pose


MOVES: Final[Mapping[str, Callable[[np.random.Generator], Iterator[Move]]]] = {
    "standing": _standing,
    "talking": _talking,
    "waving": _waving,
    "fiddling": _fiddling,
    "walking": _walking,
    "running": _running,
    "sitting": _sitting,
    "kicking": _kicking,
    "jumping": _jumping,
    "stretching": _stretching,
    "posing": _posing,
    "waiting": _waiting,
    "pacing": _pacing,
    "perching": _perching,
    "karate": _karate,
    "bending": _bending,
    "exercise": _exercise,
}
