"""Sports with balls, jumping, swimming strokes and signals."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from dancetype.training.data.moves.base import (
    UPRIGHT,
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


def _kicking(rng: np.random.Generator) -> Iterator[Move]:
    """Kick a ball: swing the leg back, forward and down, then pause."""
    yield stance(rng)
    while True:
        height, seconds = rng.uniform(0.15, 0.5), rng.uniform(0.2, 0.35)
        left, right = vary(rng, (0.6, -0.5, 0.4), 0.1), vary(rng, (0.4, -0.8, -0.4), 0.1)
        back: Channels = {"pelvis": (0.13, 0.95, 0), "right_foot": (0, 0.25, -0.5), "lean": (8, -4)}
        yield 0.3, 0, {**back, "left_hand": left, "right_hand": right}
        yield seconds, 0, {"right_foot": (-0.1, height, 0.8), "lean": (-8, -6), "bend": (10, 0, 15)}
        yield 0.4, 0.1, {"right_foot": (0.05, 0, 0.05), "lean": (0, 0), "pelvis": (0, 0.985, 0)}
        yield 0.6, rng.exponential(1.2), {**shift_weight(rng), **resting_hands(rng)}


def _jumping(rng: np.random.Generator) -> Iterator[Move]:
    yield stance(rng)
    grounded = feet((0.05, 0, 0), (0.05, 0, 0))
    while True:
        height = rng.uniform(0.1, 0.35)
        airborne = feet((0.05, height, 0), (0.05, height, 0))
        crouch: Channels = {"pelvis": (0, rng.uniform(0.7, 0.85), -0.1), "lean": (25, 0)}
        hands = hands_at(rng, str(rng.choice(["up", "talk", "wave"])))
        yield 0.45, 0.05, {**crouch, **hands_at(rng, "hem"), **grounded}
        yield 0.3, 0, {**airborne, **hands, "pelvis": (0, 0.985 + height, 0), "lean": (3, 0)}
        yield 0.25, 0, {**grounded, "pelvis": (0, 0.85, -0.06), "lean": (15, 0)}
        yield 0.4, rng.exponential(2), {**UPRIGHT, **resting_hands(rng)}


def _golf(rng: np.random.Generator) -> Iterator[Move]:
    """Address the ball, swing or putt, and look after it."""
    width, side = rng.uniform(0.05, 0.3), random_sign(rng)
    address: Channels = {**feet((width, 0, 0), (width, 0, 0)), **grip(0, -0.9, 0.4, gap=0.08)}
    address |= {"lean": (rng.uniform(18, 32), 0), "bend": (8, 0, 0), "head": (18, 0)}
    address |= {"pelvis": (0, 0.93, -0.08)}
    putt, tempo, full = rng.random() < 0.25, personal_tempo(rng), rng.uniform(0.5, 1.05)
    high = {**grip(-0.65 * side, 0.3, 0.35, gap=0.08), "bend": (8, 0, -68 * side)}
    finish = {**grip(0.6 * side, 0.35, 0.3, gap=0.08), "bend": (-6, 0, 70 * side)}
    finish |= {"lean": (4, 0), "pelvis": (0.12 * side, 0.96, 0.02), "head": (0, 30 * side)}
    while True:
        yield 0.8 * tempo, rng.exponential(0.5), address
        for _ in range(rng.integers(0, 4)):
            waggle = grip(-0.12 * side * rng.random(), -0.85, 0.45, gap=0.08)
            yield 0.35, rng.exponential(0.1), waggle
            yield 0.35, rng.exponential(0.2), address
        if putt:
            for x in (-0.25, 0.3):
                yield 0.6 * tempo, 0.1, grip(x * side, -0.85, 0.4, gap=0.06)
            yield 0.5, rng.exponential(1), {"head": (10, 40 * side)}
            continue
        back = {**mix(address, high, full), "pelvis": (-0.06 * side, 0.93, -0.06)}
        yield 0.8 * tempo, 0.08, back
        yield 0.24, -0.06, {**grip(0.05 * side, -0.9, 0.42, gap=0.08), "bend": (8, 0, 10 * side)}
        yield 0.42, rng.uniform(0.3, 1.6), mix(address, finish, max(full, 0.8))
        yield 0.9 * tempo, rng.exponential(1), {**UPRIGHT, **grip(0, -0.85, 0.3)}
        if rng.random() < 0.3:
            yield 0.5, rng.uniform(0.5, 2), walk(rng, rng.uniform(0.4, 1), rng.normal(0, 30))
            yield from halt(0.5)


def _batting(rng: np.random.Generator) -> Iterator[Move]:
    """Wait with a bat, as in cricket or baseball, step, swing it, and start again."""
    cricket, side = rng.random() < 0.6, random_sign(rng)
    ready: Channels = {**feet((0.25, 0, 0), (0.25, 0, 0)), "head": (6, 55 * side)}
    ready |= {"pelvis": (0, rng.uniform(0.85, 0.93), 0), "lean": (rng.uniform(8, 25), 0)}
    low, high = grip(-0.15 * side, -0.8, 0.35), grip(-0.55 * side, 0.1, 0.3)
    front = "left_foot" if side > 0 else "right_foot"
    yield 0, 0.3, {**ready, **(low if cricket else high)}
    while True:
        for _ in range(rng.integers(0, 5)):
            tap = grip(-0.15 * side, -0.72, 0.42) if cricket else grip(-0.5 * side, 0.2, 0.35)
            yield 0.3, 0.05, tap
            yield 0.3, rng.exponential(0.3), low if cricket else high
        stride = {front: (0.25 + rng.uniform(0.1, 0.35), 0, rng.uniform(0, 0.2))}
        yield 0.35, 0.05, {**high, **stride, "bend": (6, 0, -35 * side)}
        height, power = rng.choice([-0.8, -0.5, -0.15]), rng.uniform(0.6, 1.05)
        hit = {**grip(0.1 * side, height, 0.75), "bend": (10, 0, 25 * side)}
        yield 0.18, -0.04, {**hit, "pelvis": (0.15 * side, 0.87, 0.03)}
        follow = {**grip(0.6 * side, 0.2, 0.35), "bend": (0, 0, 65 * side)}
        yield 0.35, rng.uniform(0.1, 0.8), mix(hit, follow, power)
        if rng.random() < 0.35:
            strides = walk(rng, rng.uniform(0.5, 1.4), rng.normal(0, 40))
            yield 0.4, rng.uniform(0.5, 2), strides | feet((0, 0, 0), (0, 0, 0))
            yield from halt(0.5)
        yield 0.8, rng.exponential(0.8), {**ready, **(low if cricket else high)}


def _racket(rng: np.random.Generator) -> Iterator[Move]:
    """Play forehands, backhands and serves, with split steps and steps to the side."""
    tempo = personal_tempo(rng)
    ready: Channels = {**feet((0.2, 0, 0), (0.2, 0, 0)), **grip(0, -0.4, 0.5, gap=0.25)}
    ready |= {"pelvis": (0, 0.88, -0.04), "lean": (14, 0), "bend": (4, 0, 0), "head": (0, 0)}
    while True:
        bounce = (rng.uniform(0, 0.03), rng.uniform(1.5, 2.5))
        yield 0.4, rng.exponential(0.4), {**ready, "bounce": bounce}
        x, z = rng.uniform(-1.2, 1.2), rng.normal(0, 0.3)
        run: Channels = {"speed": (x, z), "cadence": 2.2, "lift": 0.06, "bounce": (0, 2)}
        yield 0.2, rng.uniform(0.3, 0.8), run
        yield from halt(0.2)
        stroke = rng.choice(["forehand", "forehand", "backhand", "serve"])
        if stroke == "serve":
            toss = {"left_hand": (0.0, 0.9, 0.35), "right_hand": (0.3, -0.5, -0.5)}
            yield 0.6 * tempo, 0, {**toss, "bend": (-10, -5, -30), "head": (-25, 10)}
            cocked = {"right_hand": (0.25, 0.3, -0.3), "pelvis": (0, 0.85, 0)}
            yield 0.3 * tempo, 0, cocked
            yield 0.14, -0.02, {"right_hand": (0.05, 0.97, 0.2), "bend": (0, 0, 10)}
            yield 0.3, 0.1, {"right_hand": (-0.5, -0.7, 0.4), "bend": (20, 0, 40), "lean": (15, 0)}
        else:
            side = 1 if stroke == "forehand" else -1
            two_handed = side < 0 and rng.random() < 0.6
            back = (0.65, -0.35, -0.35) if side > 0 else (-0.75, -0.4, 0.3)
            hit, end = (0.35, -0.4, 0.85), (-0.5, 0.2, 0.5)
            if side < 0:
                hit, end = (0.0, -0.4, 0.9), (0.5, 0.25, 0.5)
            left = grip(0.5, -0.45, 0.4) if two_handed else {"left_hand": (0.3, -0.2, 0.6)}
            yield 0.4 * tempo, 0.05, {**left, "right_hand": back, "bend": (8, 0, -45 * side)}
            swung = grip(0.1, -0.4, 0.85) if two_handed else {"right_hand": hit}
            yield 0.18, -0.04, {**swung, "bend": (6, 0, 10 * side), "pelvis": (0, 0.9, 0.05)}
            over = grip(-0.5, 0.2, 0.45) if two_handed else {"right_hand": end}
            yield 0.3, rng.exponential(0.2), {**over, "bend": (4, 0, 50 * side)}


def _throwing(rng: np.random.Generator) -> Iterator[Move]:
    """Throw overarm, underarm or with a straight arm after a run, and walk back."""
    tempo, style = personal_tempo(rng), rng.choice(["over", "over", "under", "bowl", "shot"])
    yield stance(rng)
    while True:
        if style == "bowl" or rng.random() < 0.2:
            run: Channels = {"speed": (0, rng.uniform(1.2, 2)), "cadence": 2.3, "lift": 0.15}
            yield 0.5, rng.uniform(0.5, 1.2), {**run, **hands_at(rng, "run"), "arm_swing": 0.25}
            yield from halt(0.25)
        step = feet((0.05, 0, rng.uniform(0.3, 0.6)), (0.05, 0.03, -0.25))
        if style == "shot":
            yield 0.45 * tempo, 0.1, {**grip(0, -0.1, 0.4), "pelvis": (0, 0.82, 0)}
            yield 0.3, 0.3, {**grip(0, 0.85, 0.45), "pelvis": (0, 0.99, 0), "head": (-15, 0)}
        elif style == "under":
            yield 0.5 * tempo, 0, {"right_hand": (0.15, -0.6, -0.6), "lean": (15, 0)}
            yield 0.3, 0.1, {"right_hand": (0, -0.3, 0.9), **step, "pelvis": (0, 0.85, 0.2)}
        else:
            # A bowler's arm is straight; otherwise the elbow leads and the hand follows.
            back, side, top = (0.35, 0.25, -0.45), (0.6, 0.5, -0.1), (0.2, 0.6, 0.5)
            if style == "bowl":
                back, side, top = (0.3, -0.7, -0.55), (0.6, 0.25, -0.65), (0.2, 0.95, 0.1)
            wound = {"right_hand": back, "left_hand": (0.1, 0.35, 0.85), "bend": (-6, 5, -50)}
            yield 0.45 * tempo, 0, {**wound, "lean": (-6, 0), "pelvis": (0, 0.95, -0.1)}
            yield 0.3, -0.3, {**step, "bend": (0, 0, 10)}
            yield 0.2, -0.08, {"right_hand": side}
            yield 0.2, -0.08, {"right_hand": top}
            down = {"right_hand": (-0.5, -0.6, 0.6), "left_hand": (0.3, -0.7, -0.1)}
            yield (
                0.22,
                0.1,
                {**down, "bend": (18, 0, 40), "lean": (18, 0), "pelvis": (0, 0.9, 0.25)},
            )
        standing = {**UPRIGHT, **feet((0.03, 0, 0), (0.03, 0, 0)), **resting_hands(rng)}
        yield 0.8, rng.exponential(0.8), {**standing, **shift_weight(rng)}
        if rng.random() < 0.4:
            yield from turn_in_place(rng)


def _swimming(rng: np.random.Generator) -> Iterator[Move]:
    """Practise the arm strokes of crawl, backstroke, breaststroke or butterfly on land."""
    yield stance(rng)
    style = rng.choice(["crawl", "back", "breast", "butterfly"])
    lean = 0.0 if style == "back" else rng.uniform(10, 70)
    yield 0, 0.2, {"lean": (lean, 0), "pelvis": (0, 0.95, -0.003 * lean), "head": (-0.4 * lean, 0)}
    breast = [(0.1, 0.75, 0.5), (0.6, 0.3, 0.5), (0.2, -0.2, 0.5), (-0.25, -0.1, 0.4)]
    sense = -1 if style == "back" else 1

    def stroke(seconds: float, size: float) -> Iterator[Move]:
        if style == "breast":
            for hand in breast:
                yield 0.35 * seconds, -0.1 * seconds, {"left_hand": hand, "right_hand": hand}
            return
        lag = 0.0 if style == "butterfly" else np.pi
        for angle in sense * 2 * np.pi * np.arange(8) / 8:
            arms: Channels = {
                hand: (0.25, 1.05 * np.cos(phase), 1.05 * np.sin(phase))
                for hand, phase in (("left_hand", angle), ("right_hand", angle + lag))
            }
            roll = 0.0 if style == "butterfly" else 25 * size * np.cos(angle)
            yield seconds / 4, -seconds / 8, {**arms, "bend": (2, 0, roll)}

    yield from repetitions(rng, 1.8, stroke, rest=lambda rng: [(0.5, 0.5, {})], count=(6, 20))


def _semaphore(rng: np.random.Generator) -> Iterator[Move]:
    """Signal with flags: both arms straight, at multiples of 45 degrees."""
    yield stance(rng)
    tempo, crisp = personal_tempo(rng), rng.uniform(0.2, 0.5)
    while True:
        arms: Channels = {}
        for hand in ("left_hand", "right_hand"):
            angle = np.radians(45 * rng.integers(0, 5) + rng.normal(0, 4))
            arms[hand] = (0.96 * np.sin(angle), -0.96 * np.cos(angle), 0.15)
        yield crisp * tempo, rng.uniform(0.3, 1.2) * tempo, arms
        if rng.random() < 0.1:
            yield 0.6, rng.exponential(1), {**resting_hands(rng), **shift_weight(rng)}


SPORTS: Final[Mapping[str, Moves]] = {
    "kicking": _kicking,
    "jumping": _jumping,
    "golf": _golf,
    "batting": _batting,
    "racket": _racket,
    "throwing": _throwing,
    "swimming": _swimming,
    "semaphore": _semaphore,
}
"""Moves by kind."""
