"""Recordings of stick figures, for tests."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.recording import EncodedBody, Header, Recording, encode_compact
from tests.engine.walkers import Walker

STARTED = 1_764_000_000.25
CLOCK = 5_000.125


def header(
    source: str = "stage",
    *,
    started: float = STARTED,
    clock: float | None = None,
    epoch: int = 0,
    people: int = 1,
    hop: float = 0.25,
    **label: Any,
) -> Header:
    """Return a header; by default, the monotonic clock is `CLOCK` at `STARTED`."""
    return Header(
        source=source,
        epoch=epoch,
        started=started,
        clock=CLOCK + started - STARTED if clock is None else clock,
        program="0.1.0",
        model="fake",
        people_followed=people,
        hop=hop,
        image_size=(640, 360),
        **label,
    )


def make_recording(
    frames: Sequence[tuple[float, Sequence[Landmarks]]],
    header: Header,
    messages: Sequence[str] = (),
    *,
    encode: Callable[[Landmarks], EncodedBody | None] = encode_compact,
) -> Recording:
    """Return a recording of frames: pairs of seconds since the first and the people in it."""
    times = [time for time, _ in frames]
    bodies = [list(filter(None, map(encode, people))) for _, people in frames]
    return Recording.from_frames(header, times, bodies, messages)


def record_walk(
    header: Header,
    *,
    seconds: float = 3.0,
    fps: float = 10.0,
    walkers: Sequence[Walker] = (Walker(),),
    messages: Sequence[str] = (),
    encode: Callable[[Landmarks], EncodedBody | None] = encode_compact,
) -> Recording:
    """Return a recording of people who move on the spot."""
    times = np.arange(round(seconds * fps) + 1) / fps
    frames = [(time, [walker.at(time) for walker in walkers]) for time in times.tolist()]
    return make_recording(frames, header, messages, encode=encode)
