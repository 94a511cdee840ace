"""Exercises on foot: calisthenics, running on the spot, stretching and weights."""

from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Final

import numpy as np

from dancetype.training.data.moves.base import (
    UPRIGHT,
    WIDE,
    Channels,
    Move,
    Moves,
    feet,
    grip,
    halt,
    hands_at,
    mix,
    random_sign,
    recover,
    repetitions,
    resting_hands,
    stance,
)


def _jumping_jacks(rng: np.random.Generator) -> Iterator[Move]:
    """Jump apart and together, with arms that rise to the side, to the front or half."""
    style = rng.choice(["up", "up", "out", "forward"])
    together, apart = rng.uniform(-0.02, 0.08), rng.uniform(0.25, 0.5)
    closed = {**hands_at(rng, "hanging"), **feet((together, 0, 0), (together, 0, 0))}
    if style == "forward":
        closed |= hands_at(rng, "forward")
    opened = {**hands_at(rng, "out" if style == "forward" else str(style))}
    opened |= feet((apart, 0, 0), (apart, 0, 0))
    hop, stiff = rng.uniform(0.0, 0.05), rng.uniform(0.9, 0.96)

    def jump(seconds: float, to: Channels, size: float, height: float) -> Iterator[Move]:
        legs = {name: to[name] for name in ("left_foot", "right_foot")}
        arms = {name: to[name] for name in ("left_hand", "right_hand")}
        # The arms swing through the side; all parts of the body move at the same time.
        yield 0.95 * seconds, -0.95 * seconds, mix(closed, legs, size)
        out = mix(closed, hands_at(rng, "out"), min(1.1 * size, 1))
        yield 0.65 * seconds, -0.35 * seconds, out if style == "up" else {}
        yield 0.7 * seconds, -seconds, mix(closed, arms, size)
        yield 0.45 * seconds, 0, {"pelvis": (0, 0.99 + hop, 0)}
        yield 0.55 * seconds, rng.exponential(0.01), {"pelvis": (0, height, 0)}

    def jack(seconds: float, size: float) -> Iterator[Move]:
        half = min(0.5 * seconds, 0.6)
        yield from jump(half, opened, size, stiff - 0.04)
        yield from jump(half, closed, 1, stiff)
        yield 0, seconds - 2 * half, {}

    yield 0, 0.2, {**UPRIGHT, **closed, "head": (rng.normal(4, 4), 0)}
    yield from repetitions(rng, 1.05, jack, count=(8, 30))


def _squats(rng: np.random.Generator) -> Iterator[Move]:
    """Bend and stretch the knees, with arms forward, crossed, at the hips or overhead."""
    width, toes_out, seat = rng.uniform(0.05, 0.35), rng.uniform(8, 40), rng.uniform(-0.4, -0.15)
    up: Channels = {**UPRIGHT, **feet((width, 0, 0), (width, 0, 0)), "knees": (toes_out, toes_out)}
    up |= hands_at(rng, str(rng.choice(["hanging", "hips", "crossed", "guard", "up"])))
    down: Channels = {"pelvis": (0, rng.uniform(0.3, 0.55), seat), "head": (-10, 0)}
    down |= {"lean": (rng.uniform(20, 50), 0), "bend": (rng.uniform(0, 12), 0, 0)}
    if rng.random() < 0.5:
        down |= hands_at(rng, "forward")
    jumps, pause = rng.random() < 0.15, rng.exponential(0.15)

    def squat(seconds: float, size: float) -> Iterator[Move]:
        yield 0.5 * seconds, pause, mix(up, down, size)
        if jumps:
            high = rng.uniform(0.05, 0.2)
            airborne = feet((width, high, 0), (width, high, 0))
            yield 0.25 * seconds, 0, {**UPRIGHT, **airborne, "pelvis": (0, 0.98 + high, 0)}
            yield 0.15 * seconds, 0, {**up, "pelvis": (0, 0.88, -0.05)}
            return
        yield 0.45 * seconds, rng.exponential(0.2), up

    yield 0, 0.3, up
    yield from repetitions(rng, 1.9, squat)


def _lunges(rng: np.random.Generator) -> Iterator[Move]:
    """Step forward, back or sideways into a lunge, and back; or bend and stretch in the split."""
    style = str(rng.choice(["forward", "back", "side", "static"]))
    up: Channels = {**UPRIGHT, **feet((0.05, 0, 0), (0.05, 0, 0))}
    up |= hands_at(rng, str(rng.choice(["hips", "hanging", "guard", "crossed"])))
    lean, alternating = rng.uniform(0, 20), rng.random() < 0.7

    def lunge(side: str, size: float) -> Channels:
        other = "right" if side == "left" else "left"
        sign, depth = (1 if side == "left" else -1), 0.98 - 0.35 * size
        step, heel = 0.75 * size, 0.08 * size
        if style == "side":
            return {f"{side}_foot": (step, 0, 0), "pelvis": (0.55 * step * sign, depth, -0.12)}
        front = {f"{side}_foot": (0.05, 0, 0.95 * step), "pelvis": (0, depth, 0.5 * step)}
        back = {f"{side}_foot": (0.05, heel, -step), "pelvis": (0, depth, -0.45 * step)}
        split = {f"{side}_foot": (0.05, 0, 0.5 * step), f"{other}_foot": (0.05, heel, -0.55 * step)}
        poses = {"forward": front, "back": back, "static": {**split, "pelvis": (0, depth, 0)}}
        return {**poses[style], "lean": (lean * size, 0)}

    sides = cycle(["left", "right"] if alternating else ["left"])

    def repeat(seconds: float, size: float) -> Iterator[Move]:
        side = next(sides)
        pose = lunge(side, size)
        yield 0.45 * seconds, rng.exponential(0.1), pose
        if style == "static":
            pelvis: Channels = {"pelvis": (0, 0.93, 0)}
            for _ in range(rng.integers(1, 6)):
                yield 0.4 * seconds, 0.1, pelvis
                yield 0.4 * seconds, rng.exponential(0.1), {"pelvis": pose["pelvis"]}
        yield 0.5 * seconds, rng.exponential(0.15), up

    yield 0, 0.3, up
    yield from repetitions(rng, 2.0, repeat)


def _twists(rng: np.random.Generator) -> Iterator[Move]:
    """Twist or bend the trunk from side to side, or touch the opposite foot."""
    style = rng.choice(["twist", "side", "windmill"])
    width = rng.uniform(0.1, 0.4)
    hands = hands_at(
        rng, "out" if style == "windmill" else str(rng.choice(["hips", "hair", "out"]))
    )
    up: Channels = {**UPRIGHT, **feet((width, 0, 0), (width, 0, 0)), **hands}
    side = random_sign(rng)
    down: Channels = {"lean": (60, 0), "pelvis": (0, 0.92, -0.2)} if style == "windmill" else {}

    def bend(sign: float) -> Channels:
        if style == "side":
            return {"bend": (2, 32 * sign, 0), "pelvis": (-0.05 * sign, 0.96, 0)}
        forward = 25 if down else 3
        return {"bend": (forward, 0, 52 * sign), "head": (4, 20 * sign), **down}

    def twist(seconds: float, size: float) -> Iterator[Move]:
        for sign in (side, -side):
            yield 0.4 * seconds, rng.exponential(0.05), mix(up, bend(sign), size)
            if down:
                yield 0.3 * seconds, 0, up

    yield 0, 0.2, up
    yield from repetitions(rng, 1.8, twist)


def _arm_circles(rng: np.random.Generator) -> Iterator[Move]:
    """Circle one arm or both, forward or backward, in small or full circles."""
    yield stance(rng)
    full, steps = rng.random() < 0.6, 8
    hands = [["left_hand", "right_hand"], ["right_hand"]][int(rng.random() < 0.25)]
    sense, lag = random_sign(rng), rng.choice([0.0, 0.0, np.pi])
    radius = 1.0 if full else rng.uniform(0.15, 0.4)

    def circle(seconds: float, size: float) -> Iterator[Move]:
        for angle in sense * 2 * np.pi * np.arange(steps) / steps:
            targets: Channels = {}
            for hand, phase in zip(hands, (angle, angle + lag), strict=False):
                y, z = radius * min(size, 1) * np.array([np.cos(phase), np.sin(phase)])
                targets[hand] = (0.35, 1.05 * y, 1.05 * z) if full else (0.95, y, z)
            yield 2 * seconds / steps, -seconds / steps, targets

    yield from repetitions(rng, 1.6 if full else 0.8, circle, count=(4, 16))


def _high_knees(rng: np.random.Generator) -> Iterator[Move]:
    """Run on the spot with high knees or with the heels behind, jog, or march."""
    style = rng.choice(["knees", "knees", "heels", "jog", "march"])
    lift, kick = {
        "knees": (rng.uniform(0.28, 0.48), 0.05),
        "heels": (rng.uniform(0.25, 0.45), -rng.uniform(0.25, 0.4)),
        "jog": (rng.uniform(0.1, 0.22), -rng.uniform(0.05, 0.25)),
        "march": (rng.uniform(0.2, 0.42), 0.08),
    }[str(style)]
    cadence = rng.uniform(1.4, 2.2) if style == "march" else rng.uniform(2.45, 3.5)
    arms = hands_at(rng, str(rng.choice(["run", "run", "run", "hips", "talk"])))
    swing = rng.uniform(0.1, 0.35) * (rng.random() < 0.85)
    while True:
        run: Channels = {"cadence": cadence * np.exp(rng.normal(0, 0.05)), "arm_swing": swing}
        run |= {"lift": lift * rng.uniform(0.85, 1.1), "kick": kick, "turn": rng.normal(0, 6)}
        posture = {"pelvis": (0, rng.uniform(0.92, 0.96), 0), "lean": (rng.uniform(-3, 8), 0)}
        yield 0.8, rng.uniform(2, 6), {**run, **posture, **arms}
        if rng.random() < 0.15:
            yield from halt(0.6)
            yield from recover(rng)


def _weights(rng: np.random.Generator) -> Iterator[Move]:
    """Lift a barbell, dumb-bells or a kettlebell."""
    width = rng.uniform(0.0, 0.25)
    stand: Channels = {**UPRIGHT, **feet((width, 0, 0), (width, 0, 0))}
    hang, wide = rng.uniform(0.05, 0.2), rng.uniform(0.1, 0.35)
    low, rack = (hang, -0.95, 0.16), (0.02, -0.2, 0.36)
    style = str(rng.choice(["deadlift", "curl", "press", "raise", "row", "swing", "squat"]))
    hinge: Channels = {"pelvis": (0, rng.uniform(0.6, 0.9), -0.32), "bend": (8, 0, 0)}
    lean = rng.uniform(45, 70)
    # The arms hang down vertically from the inclined trunk.
    steep = np.radians(lean + 8)
    down = (hang, float(-0.95 * np.cos(steep)), float(0.95 * np.sin(steep)))

    def both(at: tuple[float, ...]) -> Channels:
        return {"left_hand": at, "right_hand": at}

    lifts: dict[str, tuple[Channels, Channels]] = {
        "deadlift": (both(low), {**both(down), **hinge, "lean": (lean, 0)}),
        "curl": (both(low), both(rack)),
        "press": (both((wide, 0.1, 0.25)), both((wide / 2, 0.97, 0.05))),
        "raise": (both(low), both([(0.95, 0.05, 0.15), (0.1, 0.0, 0.95)][rng.integers(2)])),
        "row": ({**both(down), **hinge, "lean": (lean, 0)}, both((0.1, -0.45, 0.1))),
        "swing": (
            {**grip(0, -0.75, 0.25), **hinge, "lean": (lean, 0)},
            {**grip(0, rng.uniform(-0.1, 0.5), 0.9), **UPRIGHT},
        ),
        "squat": (both((0.02, -0.05, 0.25)), {"pelvis": (0, 0.45, -0.28), "lean": (35, 0)}),
    }
    start, end = lifts[style]
    alternating = style == "curl" and rng.random() < 0.5
    hold, base = rng.exponential(0.15), {**stand, **start}
    sides = cycle(["left_hand", "right_hand"])

    def lift(seconds: float, size: float) -> Iterator[Move]:
        moved = dict(end)
        if alternating:
            moved.pop(next(sides))
        yield rng.uniform(0.35, 0.45) * seconds, hold, mix(base, moved, max(size, 0.75))
        yield 0.5 * seconds, rng.exponential(0.2), base

    yield 0, 0.5, base
    yield from repetitions(rng, 1.4 if style == "swing" else 2.2, lift, count=(3, 12))


def _stretching(rng: np.random.Generator) -> Iterator[Move]:
    """Stretch slowly, and hold each stretch."""
    yield stance(rng)
    upright = {**UPRIGHT, **feet((0.1, 0, 0), (0.1, 0, 0))}
    while True:
        side = random_sign(rng)
        across = {"left_hand": (-0.8, -0.1, 0.4), "right_hand": (-0.4, -0.15, 0.55)}
        lunge = feet((0, 0, 0.5), (0, 0.06, -0.6))
        stretches: list[Channels] = [
            {**hands_at(rng, "up"), "bend": (-8, 0, 0), "head": (-10, 0)},
            {**hands_at(rng, "up"), "bend": (0, 40 * side * rng.uniform(0.6, 1), 0)},
            {**hands_at(rng, "forward"), "bend": (20, 0, 0)},
            {
                **hands_at(rng, "forward"),
                "bend": (30, 0, 0),
                "lean": (75, 0),
                "pelvis": (0, 0.96, -0.2),
            },
            {**hands_at(rng, "hips"), "bend": (0, 0, 45 * side)},
            {**hands_at(rng, "hips"), **feet(WIDE, WIDE), "pelvis": (0.3 * side, 0.75, 0)},
            {**hands_at(rng, "hips"), **lunge, "pelvis": (0, 0.72, 0.1)},
            {**across, "bend": (2, 0, -10)},
        ]
        chosen = stretches[rng.integers(len(stretches))]
        yield rng.uniform(0.8, 1.8), rng.uniform(0.8, 3), {**upright, **chosen}
        if rng.random() < 0.5:
            yield rng.uniform(0.7, 1.3), rng.exponential(1), {**upright, **resting_hands(rng)}


def _exercise(rng: np.random.Generator) -> Iterator[Move]:
    """Do squats, jumping jacks or lunges at a steady rhythm."""
    seconds, depth = rng.uniform(0.45, 0.8), rng.uniform(0.45, 0.65)
    up = {**UPRIGHT, **hands_at(rng, "hanging"), **feet((0.08, 0, 0), (0.08, 0, 0))}
    squat = {**up, **hands_at(rng, "forward"), "pelvis": (0, depth, -0.25), "lean": (35, 0)}
    hop = {**up, **hands_at(rng, "out"), **feet((0.25, 0.08, 0), (0.25, 0.08, 0))}
    hop |= {"pelvis": (0, 1.02, 0)}
    jack = {**up, **hands_at(rng, "up"), **feet(WIDE, WIDE), "pelvis": (0, 0.9, 0)}
    lunge = {**up, **feet((0, 0, 0.5), (0, 0.06, -0.5)), "pelvis": (0, 0.7, 0)}
    repetitions: list[list[Move]] = [
        [(seconds, 0.1, squat), (seconds, 0.1, up)],
        [(seconds / 3, 0, pose) for pose in (hop, jack, hop, up)],
        [(seconds, 0.2, lunge), (seconds, 0.2, up)],
    ]
    yield 0, 0.3, up
    yield from cycle(repetitions[rng.integers(3)])


EXERCISE: Final[Mapping[str, Moves]] = {
    "stretching": _stretching,
    "jumping_jacks": _jumping_jacks,
    "squats": _squats,
    "lunges": _lunges,
    "twists": _twists,
    "arm_circles": _arm_circles,
    "high_knees": _high_knees,
    "weights": _weights,
    "exercise": _exercise,
}
"""Moves by kind."""
