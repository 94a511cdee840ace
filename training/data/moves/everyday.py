"""Everyday motions of people who do not dance.

The timing is irregular, except for motions that are rhythmic in reality.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from dancetype.training.data.moves.base import (
    HANDS,
    Channels,
    Move,
    Moves,
    feet,
    grip,
    halt,
    hands_at,
    mix,
    personal_tempo,
    random_sign,
    repetitions,
    resting_hands,
    shift_weight,
    stance,
    turn_in_place,
    vary,
    walk,
)


def _standing(rng: np.random.Generator) -> Iterator[Move]:
    yield stance(rng)
    while True:
        hands = resting_hands(rng) if rng.random() < 0.3 else {}
        yield rng.uniform(0.5, 1.8), rng.exponential(2), {**shift_weight(rng), **hands}


def _waiting(rng: np.random.Generator) -> Iterator[Move]:
    """Stand with small steps and turns, and look around."""
    yield stance(rng)
    while True:
        head, twist = (rng.normal(5, 5), rng.uniform(-70, 70)), rng.normal(0, 12)
        yield rng.uniform(0.4, 1.2), rng.exponential(1.5), {"head": head, "bend": (3, 0, twist)}
        if rng.random() < 0.5:
            read_phone = {**hands_at(rng, "phone", "hanging"), "head": (25, 0)}
            yield rng.uniform(0.6, 1.2), rng.exponential(1), read_phone
        for _ in range(rng.integers(0, 3)):
            foot = str(rng.choice(["left_foot", "right_foot"]))
            x, z = rng.uniform((-0.05, -0.1), (0.15, 0.1))
            yield 0.2, 0, {foot: (x, 0.07, z)}
            yield 0.2, rng.uniform(0, 0.5), {foot: (x, 0, z)}


def _talking(rng: np.random.Generator) -> Iterator[Move]:
    yield stance(rng)
    while True:
        for _ in range(rng.integers(1, 6)):
            gesture = hands_at(rng, *rng.choice(["talk", "talk", "aside", "clasped", "guard"], 2))
            if rng.random() < 0.4:
                gesture.pop("left_hand")
            yield rng.uniform(0.2, 0.6), rng.exponential(0.2), gesture
        yield rng.uniform(0.4, 1), rng.exponential(1), {**resting_hands(rng), **shift_weight(rng)}


def _waving(rng: np.random.Generator) -> Iterator[Move]:
    yield stance(rng)
    while True:
        hand = "left_hand" if rng.random() < 0.3 else "right_hand"
        position = vary(rng, HANDS[str(rng.choice(["wave", "point", "up", "aside"]))], 0.12)
        yield rng.uniform(0.4, 0.9), rng.exponential(0.7), {hand: position, **shift_weight(rng)}
        for number in range(rng.integers(0, 7)):
            x = position[0] + 0.25 * (-1) ** number
            yield rng.uniform(0.15, 0.35), 0, {hand: (x, position[1], position[2])}
        yield rng.uniform(0.4, 1), rng.exponential(2), resting_hands(rng)


def _fiddling(rng: np.random.Generator) -> Iterator[Move]:
    """Adjust clothes or hair, or use a phone."""
    yield stance(rng)
    while True:
        left = str(rng.choice(["phone", "ear", "hair", "collar", "hem"]))
        both = left in ("hair", "collar", "hem") and rng.random() < 0.6
        right = left if both else "hanging"
        head = (rng.normal(25 if left in ("phone", "hem") else 5, 5), rng.normal(0, 10))
        yield (
            rng.uniform(0.5, 1),
            rng.exponential(0.5),
            {**hands_at(rng, left, right), "head": head},
        )
        for _ in range(rng.integers(1, 9)):
            yield rng.uniform(0.15, 0.5), rng.exponential(0.4), hands_at(rng, left, right)
        yield (
            rng.uniform(0.5, 1),
            rng.exponential(1.5),
            {**resting_hands(rng), **shift_weight(rng)},
        )


def _walking(rng: np.random.Generator) -> Iterator[Move]:
    """Walk straight, in arcs or in circles, with some stops."""
    yield 0, rng.uniform(1, 6), walk(rng, rng.uniform(0.6, 1.45), rng.normal(0, 8))
    while True:
        if rng.random() < 0.3:
            yield from halt(0.5)
            yield 0.5, rng.exponential(1.2), shift_weight(rng)
        turn = rng.normal(0, 12) if rng.random() < 0.6 else rng.uniform(50, 130) * random_sign(rng)
        yield 0.7, rng.uniform(0.8, 2.5), walk(rng, rng.uniform(0.6, 1.45), turn)


def _pacing(rng: np.random.Generator) -> Iterator[Move]:
    """Walk a few slow steps, also sideways or backwards, stop, turn and walk back."""
    yield stance(rng)
    while True:
        steps = walk(rng, rng.uniform(0.3, 0.8))
        if rng.random() < 0.3:
            steps["speed"] = (rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.2))
        yield 0.6, rng.uniform(0.5, 2.5), steps
        yield from halt(0.4)
        yield 0.6, rng.exponential(1), resting_hands(rng)
        turn_around = walk(rng, rng.uniform(0, 0.2), rng.uniform(60, 120) * random_sign(rng))
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
        yield 0.8, rng.uniform(1, 4), {**run, **hands_at(rng, "run")}


def _sitting(rng: np.random.Generator) -> Iterator[Move]:
    """Sit down on a chair or something lower, and stand up again."""
    yield stance(rng)
    seat = rng.uniform(0.5, 0.64)
    while True:
        yield from _sit_and_rise(rng, seat, rng.uniform(0.9, 1.6), rng.uniform(25, 45))
        yield (
            rng.uniform(0.3, 0.6),
            rng.exponential(1.5),
            {**shift_weight(rng), **resting_hands(rng)},
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
    hands = hands_at(rng, str(rng.choice(["lap", "lap", "crossed", "clasped"])))
    yield 0.5 * seconds, 0, {"pelvis": (0, 0.8, -0.25), "lean": (lean, 0), "bend": (8, 0, 0)}
    yield 0.5 * seconds, 0.1, {"pelvis": seated, **hands}
    upright: Channels = {"lean": (rng.normal(0, 6), 0), "bend": (rng.uniform(3, 12), 0, 0)}
    yield 0.7, rng.exponential(1), upright
    for _ in range(rng.integers(0, 4)):
        hands = hands_at(rng, *rng.choice(["lap", "talk", "phone", "hem"], 2))
        head = (rng.normal(10, 8), rng.normal(0, 20))
        yield rng.uniform(0.4, 1), rng.exponential(0.8), {**hands, "head": head}
    yield 0.5 * seconds, 0, {"lean": (lean + 5, 0)}
    yield 0.6 * seconds, rng.uniform(0.2, 1), {**shift_weight(rng), **hands_at(rng, "hanging")}


def _bending(rng: np.random.Generator) -> Iterator[Move]:
    """Pick something up with bent back or knees, or kneel to tie a shoe."""
    yield stance(rng)
    while True:
        knees, twist = rng.random(), rng.normal(0, 8)
        down: Channels = {"bend": (25, 0, twist), "head": (-10, 0), **hands_at(rng, "forward")}
        if rng.random() < 0.4:
            kneel = feet((0, 0, 0.3), (0, 0.04, -0.35))
            down |= {**kneel, "pelvis": (0, 0.5, -0.05), "lean": (rng.uniform(15, 35), 0)}
        else:
            pelvis = (0, 0.9 - 0.4 * knees, -0.22 + 0.1 * knees)
            down |= {"pelvis": pelvis, "lean": (75 - 30 * knees, 0)}
        yield rng.uniform(0.7, 1.3), rng.exponential(0.3), down
        for _ in range(rng.integers(0, 8)):
            yield rng.uniform(0.2, 0.4), rng.exponential(0.1), hands_at(rng, "forward")
        up = {**shift_weight(rng), **resting_hands(rng), **feet((0.03, 0, 0), (0.03, 0, 0))}
        yield rng.uniform(0.7, 1.2), rng.exponential(1.5), up


def _posing(rng: np.random.Generator) -> Iterator[Move]:
    """Strike a pose like a dancer's and hold it for seconds."""
    while True:
        hands = rng.choice([name for name in HANDS if name not in ("hanging", "run")], 2)
        height = rng.uniform(0.6, 0.98)
        pose = {
            **hands_at(rng, *hands),
            "pelvis": (rng.uniform(-0.15, 0.15), height, rng.uniform(-0.1, 0.1)),
            "left_foot": (rng.uniform(0, 0.5), 0, rng.uniform(-0.3, 0.3)),
            "right_foot": (rng.uniform(0, 0.5), rng.choice([0, 0, 0.3]), rng.uniform(-0.3, 0.3)),
            "lean": (rng.normal(5, 10), rng.normal(0, 8)),
            "bend": (rng.normal(5, 8), rng.normal(0, 12), rng.normal(0, 15)),
            "head": (rng.normal(5, 12), rng.normal(0, 25)),
        }
        yield rng.uniform(0.5, 1.2), rng.uniform(4, 12), pose


def _gesturing(rng: np.random.Generator) -> Iterator[Move]:
    """Speak to an audience with both hands: beats, circles, lists and wide gestures."""
    yield stance(rng)
    tempo, reach = personal_tempo(rng), rng.uniform(0.5, 1.2)
    home = hands_at(rng, str(rng.choice(["talk", "clasped", "guard", "talk"])))
    while True:
        wide = hands_at(rng, str(rng.choice(["aside", "forward", "wave", "talk"])))
        raised = mix(home, wide, reach)
        if rng.random() < 0.4:
            raised.pop(str(rng.choice(["left_hand", "right_hand"])))
        seconds = tempo * rng.uniform(0.2, 0.5)
        yield seconds, rng.exponential(0.15), {**raised, "head": (4, rng.normal(0, 20))}
        for _ in range(rng.integers(0, 6)):
            beat = rng.uniform(0.1, 0.22) * tempo
            lower = {name: tuple(np.array(at) - (0, 0.12, 0)) for name, at in raised.items()}
            yield beat, rng.exponential(0.05), lower
            yield beat, rng.exponential(0.1), raised
        back = home if rng.random() < 0.7 else resting_hands(rng)
        yield seconds, rng.exponential(0.3), {**back, **shift_weight(rng)}
        if rng.random() < 0.15:
            yield from turn_in_place(rng)


def _phone(rng: np.random.Generator) -> Iterator[Move]:
    """Type, swipe, take a picture or make a call, standing or strolling."""
    yield stance(rng)
    two_handed, strolling = rng.random() < 0.5, rng.random() < 0.4
    while True:
        if strolling:
            yield 0.6, 0, {**walk(rng, rng.uniform(0.2, 0.8), rng.normal(0, 25)), "arm_swing": 0}
        low, high = grip(0, -0.4, 0.5, gap=0.1), grip(0, rng.uniform(-0.05, 0.3), 0.75, gap=0.1)
        call = hands_at(rng, "hanging", "ear")
        use = [low, low, high, call][rng.integers(4)]
        down = 28.0 if use is low else 4.0
        if not two_handed:
            use = {**hands_at(rng, "hanging"), "right_hand": use["right_hand"]}
        yield 0.7, 0.3, {**use, "head": (down, rng.normal(0, 4))}
        for _ in range(rng.integers(3, 12)):
            thumb = vary(rng, tuple(np.atleast_1d(use["right_hand"])), 0.02)
            yield rng.uniform(0.1, 0.3), rng.exponential(0.2), {"right_hand": thumb}
        yield 0.5, rng.exponential(0.6), {"head": (rng.normal(4, 6), rng.normal(0, 30))}
        yield from halt(0.4)
        yield 0.6, 0, shift_weight(rng)


def _clapping(rng: np.random.Generator) -> Iterator[Move]:
    """Applaud, cheer with raised arms, or pump a fist."""
    yield stance(rng)
    height, apart = rng.uniform(-0.45, 0.1), rng.uniform(0.25, 0.7)
    period = 0.32 * personal_tempo(rng)
    while True:
        together = grip(rng.normal(0, 0.03), height, 0.5, gap=0.02)
        open_hands = grip(rng.normal(0, 0.03), height + rng.normal(0, 0.03), 0.45, gap=apart)
        if rng.random() < 0.6:
            for _ in range(rng.integers(6, 25)):
                seconds = period * np.exp(rng.normal(0, 0.05))
                yield 0.4 * seconds, 0, together
                yield 0.6 * seconds, 0, open_hands
        else:
            pump = hands_at(rng, str(rng.choice(["up", "wave"])))
            if rng.random() < 0.5:
                pump.pop("left_hand")
            bounce = (rng.uniform(0, 0.03), rng.uniform(1.5, 2.5))
            yield 0.4, rng.exponential(0.3), {**pump, "bounce": bounce}
            for _ in range(rng.integers(1, 7)):
                yield 0.2, 0, {name: tuple(0.75 * np.array(at)) for name, at in pump.items()}
                yield 0.2, rng.exponential(0.1), pump
        still = {**resting_hands(rng), **shift_weight(rng), "bounce": (0, 2)}
        yield 0.6, rng.exponential(0.8), still


def _cleaning(rng: np.random.Generator) -> Iterator[Move]:
    """Sweep the floor, or wipe a table or a window."""
    yield stance(rng)
    broom, wiping = rng.random() < 0.5, rng.uniform(-0.5, 0.6)
    side = random_sign(rng)

    def stroke(seconds: float, size: float) -> Iterator[Move]:
        if broom:
            start, end = grip(-0.5 * side, -0.5, 0.4, gap=0.4), grip(0.2 * side, -0.7, 0.6, gap=0.4)
            pull: Channels = {"bend": (12, 0, 25 * side * size), "lean": (10, 0)}
            push: Channels = {"bend": (15, 0, -25 * side * size), "lean": (18 * size, 0)}
            yield 0.5 * seconds, 0, {**mix(end, start, size), **push}
            yield 0.5 * seconds, 0, {**end, **pull}
            return
        # Both ends of a move overlap with its neighbours, which makes round strokes.
        for angle in np.arange(4) * np.pi / 2:
            x, y = 0.3 * size * np.cos(angle), wiping + 0.2 * size * np.sin(angle)
            hand = (x - 0.1, y, 0.85 - 0.3 * abs(y))
            yield 0.5 * seconds, -0.25 * seconds, {"right_hand": hand}

    def step(rng: np.random.Generator) -> Iterator[Move]:
        pace: Channels = {"speed": tuple(rng.normal(0, 0.25, 2)), "cadence": 1.6, "lift": 0.05}
        yield 0.3, rng.uniform(0.3, 0.9), {**pace, "turn": rng.normal(0, 30)}
        yield from halt(0.3)
        yield 0, rng.exponential(0.4), {}

    bent = rng.uniform(0, 30) if wiping < 0 else 0.0
    yield 0.5, 0, {"lean": (bent, 0), "pelvis": (0, 0.95, -0.01 * bent), "head": (10, 0)}
    yield from repetitions(rng, 1.1, stroke, rest=step, count=(2, 8))


def _conducting(rng: np.random.Generator) -> Iterator[Move]:
    """Conduct in two, three or four beats, or play drums in the air."""
    yield stance(rng)
    drums, both = rng.random() < 0.5, rng.random() < 0.6
    beats = ([(-0.1, -0.5), (0.1, 0.2)], [(-0.1, -0.5), (0.3, -0.2), (0, 0.3)])
    four = [(-0.1, -0.5), (-0.35, -0.2), (0.35, -0.2), (0, 0.3)]
    pattern = [*beats, four][rng.integers(3)]

    def bar(seconds: float, size: float) -> Iterator[Move]:
        beat = seconds / len(pattern)
        for x, y in pattern:
            at = vary(rng, (size * x, size * y - 0.1, 0.6), 0.03)
            left: Channels = {"left_hand": at} if both else {}
            yield 1.3 * beat, -0.3 * beat, {"right_hand": at, **left}

    def strokes(seconds: float, size: float) -> Iterator[Move]:
        beat = 0.25 * seconds / rng.integers(1, 3)
        for hand in rng.permutation(["left_hand", "right_hand"] * 2):
            x, y = rng.choice([-0.25, 0.0, 0.3]), rng.choice([-0.6, -0.45, -0.1])
            yield 0.5 * beat, 0, {str(hand): (x, y + 0.35 * size, 0.5)}
            yield 0.5 * beat, 0, {str(hand): (x, y, 0.65), "head": (rng.normal(10, 6), 0)}

    yield from repetitions(rng, 2.0, strokes if drums else bar, count=(3, 12))


EVERYDAY: Final[Mapping[str, Moves]] = {
    "standing": _standing,
    "talking": _talking,
    "waving": _waving,
    "fiddling": _fiddling,
    "walking": _walking,
    "running": _running,
    "sitting": _sitting,
    "posing": _posing,
    "gesturing": _gesturing,
    "phone": _phone,
    "clapping": _clapping,
    "cleaning": _cleaning,
    "conducting": _conducting,
    "waiting": _waiting,
    "pacing": _pacing,
    "perching": _perching,
    "bending": _bending,
}
"""Moves by kind."""
