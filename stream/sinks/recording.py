"""Keeps takes of a run: looks on at its frames, and hears its messages."""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import Final, Self

import numpy as np

from dancetype.engine.errors import SinkError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.skeleton import JOINTS
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message, PredictionTimes, SourceMessage, SourceState
from dancetype.stream.sinks.take import About, Body, Take, packed
from dancetype.stream.sinks.writer import Keeper
from dancetype.stream.sources.base import Frame

LONGEST: Final = 300.0
"""Seconds after which a new take begins, since a crash loses the one that is being made."""

_CLOSING: Final = 3.0
# Messages before a source's first frame. One that is away for days says so again and again.
_MOST_EARLY: Final = 100
_LEFT: Final = (SourceState.RECONNECTING, SourceState.ENDED, SourceState.FAILED)
# Times in messages are rounded to a millionth of a second.
_ROUNDING: Final = 1e-5


class TakeOutlet:
    """Writes takes of all sources of a run into a folder.

    Args:
        folder: made where it is not there.
        recipe: that the genre model was trained by.
        people: dancers to follow at most.
        hop: seconds between predictions.
        clock: of the messages.
        keeper: writes the takes; one on a thread of its own where None.
    """

    def __init__(
        self,
        folder: Path,
        *,
        recipe: str,
        people: int,
        hop: float,
        clock: Clock,
        keeper: Keeper | None = None,
    ) -> None:
        self._folder = folder
        self._keeper = keeper or Keeper(folder)
        self._clock = clock
        # What is the same for all takes; the rest is filled in with the first frame of each.
        self._about = About(
            source="",
            epoch=0,
            started=0.0,
            clock=0.0,
            program=version("dancetype"),
            model=recipe,
            people_followed=people,
            hop=hop,
            image_size=(1, 1),
        )
        self._scribes: dict[str, Scribe] = {}

    def observers(self, source: str) -> Sequence["Scribe"]:
        """Return the observers of the frames of a source."""
        about = replace(self._about, source=source)
        return [self._scribes.setdefault(source, Scribe(about, self._clock))]

    async def __aenter__(self) -> Self:
        """Starts.

        Raises:
            SinkError: the folder cannot be written to.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self._folder):
                pass
        except OSError as error:
            raise SinkError(
                f"cannot keep takes in {self._folder}: {error.strerror}; give another folder to "
                "--record"
            ) from error
        self._keeper.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Writes what is not written yet."""
        for scribe in self._scribes.values():
            self._keep(scribe.rest())
        await asyncio.to_thread(self._keeper.close, _CLOSING)

    async def send(self, message: Message, text: str) -> None:
        """Keeps a message, and has those takes written that it shows to be whole."""
        del text
        if scribe := self._scribes.get(message.source):
            self._keep(scribe.hear(message))

    def _keep(self, drafts: Sequence["_Draft"]) -> None:
        for draft in drafts:
            self._keeper.put(draft.finished)


class Scribe:
    """Writes down one source: its frames on the pose thread, its messages on another.

    A message comes a little after the frame it is about, so a take waits for the first message
    that belongs to the next.

    Args:
        about: what is known before the first frame.
        clock: of the messages.
    """

    def __init__(self, about: About, clock: Clock) -> None:
        self._about = about
        self._clock = clock
        self._lock = Lock()
        self._drafts: deque[_Draft] = deque()
        self._early: deque[str] = deque(maxlen=_MOST_EARLY)

    def on_frame(self, frame: Frame, people: Sequence[Landmarks]) -> None:
        """Notes a frame and who is in it; one that is not after the last is left out."""
        if not math.isfinite(frame.time):
            return
        bodies = [body for each in people if (body := packed(each)) is not None]
        with self._lock:
            if not self._drafts or not self._drafts[-1].goes_on(frame):
                self._begin(frame)
            self._drafts[-1].add(frame.time, bodies)

    def hear(self, message: Message) -> list["_Draft"]:
        """Notes a message; returns the takes that are whole."""
        text = message.model_dump_json(exclude={"dancers": {"__all__": {"joints"}}})
        whole = []
        with self._lock:
            while len(self._drafts) > 1 and self._drafts[1].is_meant(message):
                whole.append(self._drafts.popleft())
            (self._drafts[0].messages if self._drafts else self._early).append(text)
            if isinstance(message, SourceMessage) and message.state in _LEFT:
                whole += self._drafts
                self._drafts.clear()
        return whole

    def rest(self) -> list["_Draft"]:
        """The takes that are left at the end."""
        with self._lock:
            rest = list(self._drafts)
            self._drafts.clear()
        return rest

    def _begin(self, frame: Frame) -> None:
        about = replace(
            self._about,
            epoch=frame.epoch,
            started=self._clock.unix(frame.time),
            clock=frame.time,
            image_size=(frame.image.shape[1], frame.image.shape[0]),
        )
        self._drafts.append(_Draft(about, list(self._early)))
        self._early.clear()


class _Draft:
    """A take in the making."""

    def __init__(self, about: About, messages: list[str]) -> None:
        self.messages = messages
        self._about = about
        self._times: list[float] = []
        self._people: list[int] = []
        self._bodies: list[Body] = []

    def goes_on(self, frame: Frame) -> bool:
        """Whether a frame is still one of this take."""
        return frame.epoch == self._about.epoch and frame.time < self._about.clock + LONGEST

    def add(self, time: float, bodies: Sequence[Body]) -> None:
        """Takes a frame, unless it is not after the last."""
        if self._times and time <= self._times[-1]:
            return
        self._times.append(time)
        self._people.append(len(bodies))
        self._bodies += bodies

    def is_meant(self, message: Message) -> bool:
        """Whether a message is about this take, or a later one."""
        times = message.times
        time = times.capture if isinstance(times, PredictionTimes) else times.sent
        return (message.epoch, time) >= (self._about.epoch, self._about.started - _ROUNDING)

    def finished(self) -> Take:
        """The take."""
        bodies = len(self._bodies)
        world, image, visibility = zip(*self._bodies, strict=True) if bodies else ((), (), ())
        return Take(
            self._about,
            np.array(self._times) - self._about.clock,
            np.array(self._people, np.uint8),
            np.array(world, np.int16).reshape(bodies, len(JOINTS), 3),
            np.array(image, np.int16).reshape(bodies, len(JOINTS), 2),
            np.array(visibility, np.uint8).reshape(bodies, len(JOINTS)),
            tuple(self.messages),
        )
