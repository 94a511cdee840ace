"""Exercises with the hands, knees or back on the floor, and yoga."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from dancetype.training.data.moves.base import (
    UPRIGHT,
    Channels,
    Move,
    Moves,
    feet,
    hands_at,
    mix,
    personal_tempo,
    random_sign,
    repetitions,
    vary,
)

_HIGH: Final = 17.0  # angle of a body above the floor if the arms are straight, in degrees
_LEG: Final = 1.03  # from the pelvis to the feet, in leg lengths
_REACH: Final = 0.66  # from the hands to the pelvis in a plank, in leg lengths
_FREE_HANDS: Final[Channels] = {"left_floor": (0, 0, 0, 0), "right_floor": (0, 0, 0, 0)}
_STANDING: Final[Channels] = {
    **UPRIGHT,
    **_FREE_HANDS,
    **feet((0.06, 0, 0), (0.06, 0, 0)),
    "knees": (9, 9),
}


def _on_floor(width: float, z: float) -> Channels:
    """Return channels for two hands on the floor."""
    return {"left_floor": (width, 0.05, z, 1), "right_floor": (width, 0.05, z, 1)}


def _plank(angle: float, *, sag: float = 0.0, z: float = 0.0, knees: bool = False) -> Channels:
    """Return channels of a straight body from the shoulders to the feet or knees.

    Args:
        angle: Angle above the floor in degrees; `_HIGH` if the arms are straight.
        sag: Height of the pelvis above the line, in leg lengths.
        z: Position of the pelvis with straight arms, in leg lengths.
        knees: True to support the body on the knees.
    """
    if knees:
        # The thigh is half of a leg. The angle is larger, since the lever is shorter.
        slope = np.radians(1.7 * angle)
        knee = z - 0.44
        pelvis = (0, 0.5 * np.sin(slope) + sag, knee + 0.5 * np.cos(slope))
        support = feet((0, 0.32, knee - 0.35), (0, 0.32, knee - 0.35))
        return {**support, "pelvis": pelvis, "lean": (90 - 1.7 * angle, 0), "bend": (0, 0, 0)}
    slope = np.radians(angle)
    pelvis = (0, 0.05 + np.sin(slope) + sag, z - _LEG + np.cos(slope))
    support = feet((0, 0.05, z - _LEG), (0, 0.05, z - _LEG))
    lean = 90 - angle + np.degrees(1.4 * sag)
    return {**support, "pelvis": pelvis, "lean": (float(lean), 0), "bend": (0, 0, 0)}


def _rest_on_knees(rng: np.random.Generator) -> Iterator[Move]:
    """Put the knees down for a moment."""
    yield 0.6, rng.exponential(0.8), _plank(_HIGH, knees=True)


def _pushups(rng: np.random.Generator) -> Iterator[Move]:
    knees, width = rng.random() < 0.3, rng.uniform(0.22, 0.5)
    sag, head = rng.normal(0, 0.04), rng.uniform(-35, 0)
    high = _plank(_HIGH, sag=sag, knees=knees) | {"head": (head, 0)}
    yield 0, rng.uniform(0.2, 0.8), {**high, **_on_floor(width, _REACH + rng.normal(0, 0.06))}

    def pushup(seconds: float, size: float) -> Iterator[Move]:
        low = _plank(_HIGH - 13 * min(size, 1), sag=sag + rng.normal(0, 0.01), knees=knees)
        yield 0.5 * seconds, rng.exponential(0.1), low
        yield 0.4 * seconds, rng.exponential(0.2), high

    yield from repetitions(rng, 1.7, pushup, rest=_rest_on_knees, count=(3, 15))


def _planks(rng: np.random.Generator) -> Iterator[Move]:
    """Hold a plank, tap the shoulders in it, or run in it (mountain climbers)."""
    style = rng.choice(["hold", "taps", "climbers", "climbers"])
    sag, width = rng.normal(0.02, 0.05), rng.uniform(0.2, 0.35)
    high = _plank(_HIGH if rng.random() < 0.8 else 10.0, sag=sag) | {"head": (-20, 0)}
    yield 0, 0.4, {**high, **_on_floor(width, _REACH)}
    outside = rng.uniform(0, 0.15)

    def climb(seconds: float, size: float) -> Iterator[Move]:
        for foot in ("left_foot", "right_foot"):
            knee_in = (outside, 0.12, -_LEG + 0.75 * size)
            yield 0.25 * seconds, 0, {foot: knee_in, "pelvis": (0, 0.4 + sag, 0)}
            yield 0.25 * seconds, 0, {foot: (0, 0.05, -_LEG)}

    def tap(seconds: float, size: float) -> Iterator[Move]:
        for sign, side in ((1, "left"), (-1, "right")):
            shift: Channels = {"lean": (73, -4.0 * sign), "pelvis": (-0.03 * sign, 0.34 + sag, 0)}
            shift |= {f"{side}_floor": (0, 0, 0.5, 0), f"{side}_hand": (-0.6, 0, 0.2)}
            yield 0.25 * seconds, 0.05, shift
            yield 0.25 * seconds, 0.05, {f"{side}_floor": (width, 0.05, _REACH, 1)}

    def hold(seconds: float, size: float) -> Iterator[Move]:
        wobble = {"pelvis": (rng.normal(0, 0.01), 0.34 + sag + rng.normal(0, 0.02), 0)}
        yield rng.uniform(0.5, 1.5), rng.exponential(1), wobble

    repeat = {"hold": hold, "taps": tap, "climbers": climb}[str(style)]
    seconds = 1.0 if style == "climbers" else 2.0
    yield from repetitions(rng, seconds, repeat, rest=_rest_on_knees, count=(6, 30))


def _burpees(rng: np.random.Generator) -> Iterator[Move]:
    """Squat, kick or step the feet back, perhaps do a push-up, come back and jump."""
    pushup, stepping, jump = rng.random() < 0.4, rng.random() < 0.3, rng.random() < 0.75
    width, hands_z = rng.uniform(0.2, 0.35), rng.uniform(0.42, 0.55)
    plank = _plank(_HIGH, z=hands_z - _REACH, sag=rng.normal(0.02, 0.04))

    def burpee(seconds: float, size: float) -> Iterator[Move]:
        squat: Channels = {"pelvis": (0, 0.45, -0.1), "lean": (65, 0), "bend": (20, 0, 0)}
        squat |= {**feet((0.12, 0.03, -0.05), (0.12, 0.03, -0.05)), **_on_floor(width, hands_z)}
        yield 0.2 * seconds, 0, squat
        yield from legs(plank, 0.14 * seconds)
        if pushup:
            yield 0.15 * seconds, 0, _plank(5, z=hands_z - _REACH)
            yield 0.15 * seconds, 0, plank
        yield from legs(squat, 0.14 * seconds)
        yield 0.18 * seconds, 0, {**_STANDING, **hands_at(rng, "hanging")}
        if jump:
            up = 0.18 * size * rng.uniform(0.5, 1)
            air = feet((0.05, up, 0), (0.05, up, 0))
            reach = hands_at(rng, str(rng.choice(["up", "hair", "wave"])))
            yield 0.22, 0, {**air, **reach, "pelvis": (0, 1 + up, 0)}
            yield 0.22, 0.1, {**_STANDING, "pelvis": (0, 0.88, -0.04), "lean": (10, 0)}
        yield 0.2, rng.exponential(0.25), {**_STANDING, **hands_at(rng, "hanging")}

    def legs(pose: Channels, seconds: float) -> Iterator[Move]:
        body = {name: value for name, value in pose.items() if "foot" not in name}
        left, right = ({name: pose[name]} for name in ("left_foot", "right_foot"))
        yield seconds, -seconds, {**body, **left}
        if stepping:
            yield 0, 0.7 * seconds, {}
        yield seconds, 0.05, right

    yield 0, 0.3, {**_STANDING, **hands_at(rng, "hanging")}
    yield from repetitions(rng, 3.2, burpee, count=(3, 10))


def _situps(rng: np.random.Generator) -> Iterator[Move]:
    """Sit up or crunch, raise the legs, or raise the hips, lying on the back."""
    style = rng.choice(["situp", "situp", "crunch", "legs", "bridge"])
    hands = hands_at(rng, str(rng.choice(["crossed", "forward", "hips"])))
    bent = rng.uniform(0.5, 0.75)
    down: Channels = {"pelvis": (0, 0.08, 0), "lean": (-84, 0), "bend": (4, 0, 0), "head": (8, 0)}
    down |= {**feet((0.05, 0, bent), (0.05, 0, bent)), **hands}
    up: Channels = {"lean": (rng.uniform(5, 30), 0), "bend": (rng.uniform(10, 30), 0, 0)}
    if style == "crunch":
        up = {"lean": (-70, 0), "bend": (35, 0, 0), "head": (25, 0)}
    if style == "legs":
        down |= feet((0, 0.08, 0.97), (0, 0.08, 0.97))
        up = feet((0, 0.85, 0.45), (0, 0.85, 0.45))
    if style == "bridge":
        up = {"pelvis": (0, 0.38, 0.05), "lean": (-112, 0)}

    def situp(seconds: float, size: float) -> Iterator[Move]:
        yield 0.4 * seconds, rng.exponential(0.15), mix(down, up, min(size, 1))
        yield 0.5 * seconds, rng.exponential(0.25), down

    def rest(rng: np.random.Generator) -> Iterator[Move]:
        yield 0.5, rng.exponential(1), down

    yield 0, 0.5, down
    yield from repetitions(rng, 2.2, situp, rest=rest, count=(4, 15))


def _yoga(rng: np.random.Generator) -> Iterator[Move]:
    """Move slowly from pose to pose, and hold each of them."""
    tempo, patience = personal_tempo(rng), rng.uniform(0.5, 3)
    poses = _yoga_poses(rng)
    number = int(rng.integers(len(poses)))
    # Flows are series in a fixed order. Others go back and forth or leave out a pose, but a person
    # can change only between neighbours in the list.
    steps = [1] if rng.random() < 0.6 else [-1, 1, 1, 2]
    yield 0, rng.exponential(patience), poses[number]
    while True:
        number = (number + rng.choice(steps)) % len(poses)
        yield rng.uniform(1.4, 3) * tempo, rng.exponential(patience), poses[number]


def _yoga_poses(rng: np.random.Generator) -> list[Channels]:
    """Return complete poses in the order of a flow, as one person does them."""
    side, depth = random_sign(rng), rng.uniform(-0.04, 0.1)
    front, back = ("left", "right") if side > 0 else ("right", "left")
    palms: Channels = {
        name: vary(rng, (-0.3, -0.3, 0.3), 0.03) for name in ("left_hand", "right_hand")
    }
    stride = {f"{front}_foot": (0, 0, 0.55), f"{back}_foot": (0.05, 0.03, -0.6)}
    straddle = {f"{front}_foot": (0.65, 0, 0), f"{back}_foot": (0.45, 0, 0)}
    kneeling = feet((0, 0.0, -0.42), (0, 0.0, -0.42))
    width = rng.uniform(0.2, 0.3)
    fold: Channels = {"pelvis": (0, 0.95, -0.2), "lean": (100, 0), "bend": (25, 0, 0)}
    fold |= _on_floor(0.1, 0.2)
    half_fold: Channels = {"pelvis": (0, 0.95, -0.2), "lean": (75, 0)}
    half_fold |= dict.fromkeys(palms, (0.0, -0.3, 0.85))
    cobra = {**_plank(3), **_on_floor(width, _REACH - 0.15), "pelvis": (0, 0.09, 0.05)}
    cobra |= {"lean": (55, 0), "bend": (-35, 0, 0), "head": (-15, 0)}
    dog = {**feet((0.05, 0.02, -0.75), (0.05, 0.02, -0.75)), **_on_floor(width, _REACH)}
    dog |= {"pelvis": (0, 0.86 - depth, -0.32), "lean": (130, 0), "bend": (0, 0, 0)}
    table = {**kneeling, **_on_floor(width, _REACH), "pelvis": (0, 0.46, 0)}
    child = {**kneeling, **_on_floor(0.2, _REACH + 0.1), "pelvis": (0, 0.19, -0.36)}
    squat = {**feet((0.2, 0, 0), (0.2, 0, 0)), "pelvis": (0, 0.3, -0.2), "lean": (25, 0)}
    seated = {"pelvis": (0, 0.04, -0.3), **feet((0, 0.02, 0.6), (0, 0.02, 0.6))}
    tree: Channels = {
        f"{back}_foot": (-0.2, rng.uniform(0.25, 0.5), 0.05),
        "pelvis": (0.13 * side, 0.985, 0),
    }
    tree["knees"] = (9, 75) if side > 0 else (75, 9)
    poses: list[Channels] = [
        palms,
        {**hands_at(rng, "up"), "bend": (-8, 0, 0), "head": (-12, 0)},
        fold,
        half_fold,
        {**_plank(_HIGH), **_on_floor(width, _REACH)},
        {**_plank(6), **_on_floor(width, _REACH - 0.1)},
        cobra,
        dog,
        {**table, "lean": (86, 0), "bend": (22, 0, 0), "head": (25, 0)},
        {**table, "lean": (90, 0), "bend": (-18, 0, 0), "head": (-30, 0)},
        {**child, "lean": (84, 0), "bend": (14, 0, 0)},
        dog,
        {**stride, **hands_at(rng, "up"), "pelvis": (0, 0.72 + depth, 0.1), "bend": (-5, 0, 0)},
        {**straddle, **hands_at(rng, "out"), "pelvis": (0.22 * side, 0.75 + depth, 0)}
        | {"head": (2, 75 * side)},
        {**straddle, **hands_at(rng, "out"), "pelvis": (0, 0.82, 0), "bend": (0, -25 * side, 0)}
        | {"lean": (0, -45 * side), "head": (0, -30 * side)},
        palms,
        {**tree, **(hands_at(rng, "up") if rng.random() < 0.5 else palms)},
        {**hands_at(rng, "up"), "pelvis": (0, 0.68 + depth, -0.28), "lean": (32, 0)},
        {**squat, **palms, "knees": (35, 35)},
        {**seated, **palms, "bend": (4, 0, 0)},
        {**seated, **_on_floor(0.1, 0.35), "lean": (40, 0), "bend": (22, 0, 0)},
        {**seated, **palms, "bend": (6, 0, 35 * side)},
        {**squat, **palms, "knees": (35, 35)},
    ]
    return [{**_STANDING, **hands_at(rng, "hanging"), **pose} for pose in poses]


FLOOR: Final[Mapping[str, Moves]] = {
    "pushups": _pushups,
    "planks": _planks,
    "burpees": _burpees,
    "situps": _situps,
    "yoga": _yoga,
}
"""Moves by kind."""
