"""Martial arts."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from dancetype.training.data.moves.base import (
    Channels,
    Move,
    Moves,
    feet,
    halt,
    hands_at,
    mix,
    personal_tempo,
    random_sign,
    vary,
)


def _karate(rng: np.random.Generator) -> Iterator[Move]:
    """Kick from a guard: raise the knee, extend the leg forward or sideways, bend it again."""
    guard = {**feet((0.12, 0, 0.25), (0.12, 0, -0.25)), "pelvis": (0, 0.92, 0), "lean": (0, 0)}
    yield 0, rng.uniform(0.3, 1), {**guard, **hands_at(rng, "guard"), "bend": (4, 0, -20)}
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
        yield 0.35, rng.exponential(0.8), {**guard, **hands_at(rng, "guard")}


_JAB: Final[Channels] = {"left_hand": (-0.3, -0.02, 0.95), "bend": (6, 0, -42)}
_CROSS: Final[Channels] = {"right_hand": (-0.3, 0.0, 0.95), "bend": (8, -4, 18), "lean": (12, 0)}
_LEFT_HOOK: Final[Channels] = {"left_hand": (-0.5, 0.0, 0.6), "bend": (6, 5, -58)}
_RIGHT_HOOK: Final[Channels] = {"right_hand": (-0.5, 0.0, 0.6), "bend": (6, -5, 25)}
_LEFT_UPPERCUT: Final[Channels] = {"left_hand": (-0.3, 0.1, 0.55), "bend": (2, 8, -45)}
_RIGHT_UPPERCUT: Final[Channels] = {"right_hand": (-0.3, 0.1, 0.55), "bend": (2, -8, 12)}
_PUNCHES: Final = (
    _JAB,
    _JAB,
    _CROSS,
    _LEFT_HOOK,
    _RIGHT_HOOK,
    _LEFT_UPPERCUT,
    _RIGHT_UPPERCUT,
)


def _boxing_guard(rng: np.random.Generator) -> Channels:
    """Return the stance of a boxer, with the left side in front."""
    return {
        **feet((0.04, 0, rng.uniform(0.15, 0.3)), (0.1, 0.02, -rng.uniform(0.15, 0.3))),
        "left_hand": vary(rng, (-0.18, 0.0, 0.48), 0.05),
        "right_hand": vary(rng, (-0.25, 0.05, 0.32), 0.05),
        "pelvis": (0, rng.uniform(0.86, 0.95), 0),
        "lean": (rng.uniform(2, 10), 0),
        "bend": (rng.uniform(4, 12), 0, -rng.uniform(12, 35)),
        "head": (8, 18),
    }


def _combination(
    rng: np.random.Generator, guard: Channels, seconds: float, reach: float
) -> Iterator[Move]:
    """Yield one to five punches, each of which brings the fist back to the guard."""
    for _ in range(rng.integers(1, 6)):
        punch = _PUNCHES[rng.integers(len(_PUNCHES))]
        hand = "left_hand" if "left_hand" in punch else "right_hand"
        wind_up = {_LEFT_HOOK["bend"]: (0.4, -0.15, 0.5), _RIGHT_HOOK["bend"]: (0.4, -0.1, 0.45)}
        low = {_LEFT_UPPERCUT["bend"]: (-0.1, -0.6, 0.3), _RIGHT_UPPERCUT["bend"]: (0, -0.6, 0.25)}
        if start := (wind_up | low).get(punch["bend"]):
            yield 0.7 * seconds, -0.15 * seconds, {hand: start}
        pelvis = vary(rng, (0, 0.9, 0.03), 0.015)
        yield seconds * rng.uniform(0.85, 1.2), 0, {**mix(guard, punch, reach), "pelvis": pelvis}
        back = {name: guard[name] for name in (hand, "bend", "lean")}
        yield 1.2 * seconds, -0.4 * seconds * rng.random(), back


def _boxing(rng: np.random.Generator) -> Iterator[Move]:
    """Shadow-box: punches and slips, with steps and a bounce."""
    guard = _boxing_guard(rng)
    seconds, reach = 0.16 * personal_tempo(rng), rng.uniform(0.65, 1.05)
    bounce = (rng.uniform(0, 0.025), rng.uniform(1.6, 2.8))
    yield 0, 0.3, {**guard, "bounce": bounce}
    while True:
        if rng.random() < 0.8:
            yield from _combination(rng, guard, seconds, reach)
        if rng.random() < 0.4:
            for _ in range(rng.integers(1, 4)):
                side = random_sign(rng)
                height = rng.uniform(0.68, 0.85)
                slip = {"bend": (14, 18 * side, -20), "pelvis": (-0.05 * side, height, 0)}
                yield 0.18, 0.02, slip
                yield 0.22, rng.exponential(0.1), guard
        if rng.random() < 0.35:
            x, z = rng.normal(0, 0.4, 2)
            step: Channels = {"speed": (x, z), "cadence": rng.uniform(1.9, 2.3), "lift": 0.03}
            yield 0.2, rng.uniform(0.2, 0.9), {**step, "turn": rng.normal(0, 40)}
            yield from halt(0.25)
        yield 0.2, rng.exponential(0.25), guard


def _punching_pads(rng: np.random.Generator) -> Iterator[Move]:
    """Punch pads or a bag in fixed combinations, or hold the pads for a partner."""
    guard = _boxing_guard(rng)
    seconds, holder = 0.15 * personal_tempo(rng), rng.random() < 0.3
    yield 0, 0.3, guard
    while True:
        if holder:
            pads = hands_at(rng, "guard") | {"right_hand": (-0.2, 0.05, 0.5), "bend": (3, 0, 0)}
            yield 0.4, rng.exponential(0.4), {**pads, "pelvis": (0, 0.94, 0)}
            for _ in range(rng.integers(1, 6)):
                hand = str(rng.choice(["left_hand", "right_hand"]))
                x, y, z = np.array(pads[hand])
                yield 0.12, 0, {hand: (x, y, z + 0.15)}
                yield 0.08, 0, {hand: (x, y, z - 0.08), "lean": (-3, 0)}
                yield 0.2, rng.exponential(0.2), {hand: (x, y, z), "lean": (3, 0)}
        else:
            yield from _combination(rng, guard, seconds, 1.0)
            yield 0.2, rng.exponential(0.8), guard
        if rng.random() < 0.3:
            shuffle: Channels = {"speed": tuple(rng.normal(0, 0.3, 2)), "cadence": 2, "lift": 0.03}
            yield 0.2, rng.uniform(0.3, 0.7), {**shuffle, "turn": rng.normal(0, 30)}
            yield from halt(0.25)
            yield 0, rng.exponential(0.3), {}


def _tai_chi(rng: np.random.Generator) -> Iterator[Move]:
    """Shift the weight slowly from foot to foot, with round motions of both arms."""
    tempo, low = personal_tempo(rng), rng.uniform(0.78, 0.94)
    ball: Channels = {"left_hand": (-0.3, -0.15, 0.5), "right_hand": (-0.3, -0.65, 0.45)}
    arms: list[Channels] = [
        ball,
        {"left_hand": ball["right_hand"], "right_hand": ball["left_hand"]},
        hands_at(rng, "forward"),
        {"left_hand": (0.1, 0.05, 0.8), "right_hand": (0.25, -0.75, 0.2)},
        {"left_hand": (0.25, -0.75, 0.2), "right_hand": (0.1, 0.05, 0.8)},
        {"left_hand": (0.45, 0.1, 0.65), "right_hand": (-0.45, -0.3, 0.5)},
        {"left_hand": (-0.45, -0.3, 0.5), "right_hand": (0.45, 0.1, 0.65)},
        hands_at(rng, "clasped"),
        hands_at(rng, "aside"),
    ]
    stances = [
        (feet((0.15, 0, 0), (0.15, 0, 0)), (0.12, 0, 0)),
        (feet((0.08, 0, 0.45), (0.08, 0, -0.2)), (0.03, 0, 0.2)),
        (feet((0.08, 0, -0.2), (0.08, 0, 0.45)), (-0.03, 0, 0.2)),
        (feet((0.5, 0, 0.1), (0.05, 0, 0)), (0.2, 0, 0.05)),
    ]
    yield 0, 0.2, {**stances[0][0], **ball, "pelvis": (0, low, 0), "bend": (0, 0, 0)}
    while True:
        placed, weight = stances[rng.integers(len(stances))]
        for share in (-0.3, 1.0):
            seconds = rng.uniform(1.4, 2.8) * tempo
            pelvis = tuple(np.array(weight) * share + (0, low + rng.normal(0, 0.02), 0))
            hands = arms[rng.integers(len(arms))]
            turn = rng.normal(0, 22)
            moved = {"pelvis": pelvis, **hands, "bend": (0, 0, turn), "head": (3, 0.5 * turn)}
            yield seconds, -0.3 * seconds, moved | (placed if share > 0 else {})


def _fencing(rng: np.random.Generator) -> Iterator[Move]:
    """Advance and retreat on guard, parry, and lunge."""
    tempo, low = personal_tempo(rng), rng.uniform(0.78, 0.9)
    guard: Channels = {**feet((0.05, 0, 0.35), (0.2, 0, -0.3)), "pelvis": (0, low, 0)}
    guard |= {"right_hand": (0.3, 0.35, -0.35), "left_hand": (-0.1, -0.25, 0.65)}
    guard |= {"bend": (0, 0, -55), "head": (2, 45), "lean": (0, 0)}
    yield 0, 0.3, guard
    while True:
        for _ in range(rng.integers(0, 4)):
            pace: Channels = {"speed": (0, rng.choice([-0.7, 0.7])), "cadence": 2.2, "lift": 0.03}
            yield 0.15, rng.uniform(0.15, 0.5), pace
            yield from halt(0.15)
            yield 0, rng.exponential(0.15), {}
        for _ in range(rng.integers(0, 3)):
            parry = vary(rng, (-0.1, -0.25, 0.65), 0.2)
            yield 0.15 * tempo, 0.05, {"left_hand": parry}
            yield 0.2 * tempo, rng.exponential(0.2), guard
        lunge: Channels = {"left_hand": (-0.25, 0.05, 0.95), "right_hand": (0.5, -0.4, -0.6)}
        yield 0.2 * tempo, -0.05, lunge
        reach = {"left_foot": (0.05, 0, rng.uniform(0.6, 0.85)), "pelvis": (0, low - 0.2, 0.3)}
        yield 0.3 * tempo, rng.exponential(0.3), {**reach, "lean": (8, 0)}
        yield 0.45 * tempo, rng.exponential(0.4), guard


MARTIAL: Final[Mapping[str, Moves]] = {
    "boxing": _boxing,
    "punching_pads": _punching_pads,
    "tai_chi": _tai_chi,
    "karate": _karate,
    "fencing": _fencing,
}
"""Moves by kind."""
