"""Takes for tests, of people of sticks."""

from collections.abc import Sequence

import numpy as np

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.skeleton import JOINTS
from dancetype.stream.sinks.take import About, Take, packed
from tests.engine.walkers import Walker

STARTED = 1_764_000_000.25
CLOCK = 5_000.125


def about(
    source: str = "stage",
    *,
    started: float = STARTED,
    clock: float | None = None,
    epoch: int = 0,
    people: int = 1,
    hop: float = 0.25,
) -> About:
    """Of a run that began, where `clock` is None, when the machine's clock and `CLOCK` agreed."""
    return About(
        source=source,
        epoch=epoch,
        started=started,
        clock=CLOCK + started - STARTED if clock is None else clock,
        program="0.1.0",
        model="fake",
        people_followed=people,
        hop=hop,
        image_size=(640, 360),
    )


def take_of(
    frames: Sequence[tuple[float, Sequence[Landmarks]]],
    about: About,
    messages: Sequence[str] = (),
) -> Take:
    """Frames, at seconds from the first on."""
    bodies = [packed(each) for _, people in frames for each in people]
    world, image, visibility = zip(*filter(None, bodies), strict=True) if bodies else ((), (), ())
    joints = len(JOINTS)
    return Take(
        about,
        np.array([time for time, _ in frames], np.float64),
        np.array([len(people) for _, people in frames], np.uint8),
        np.array(world, np.int16).reshape(-1, joints, 3),
        np.array(image, np.int16).reshape(-1, joints, 2),
        np.array(visibility, np.uint8).reshape(-1, joints),
        tuple(messages),
    )


def walk(
    about: About,
    *,
    seconds: float = 3.0,
    fps: float = 10.0,
    walkers: Sequence[Walker] = (Walker(),),
    messages: Sequence[str] = (),
) -> Take:
    """Somebody who moves on the spot."""
    times = np.arange(round(seconds * fps) + 1) / fps
    frames = [(time, [walker.at(time) for walker in walkers]) for time in times.tolist()]
    return take_of(frames, about, messages)
