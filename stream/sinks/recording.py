"""Sink that records the poses and messages of each source."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import Final, Self

from dancetype.engine.errors import SinkError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.recording import EncodedBody, Header, Recording, encode_compact
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message, PredictionTimes, SourceMessage, SourceState
from dancetype.stream.sinks.writer import RecordingWriter
from dancetype.stream.sources.base import Frame

PART_SECONDS: Final = 300.0
"""Maximum length of a recording; kept short, since a crash loses the current one."""

_CLOSE_TIMEOUT: Final = 3.0
# Maximum number of messages to keep before a source's first frame. A source that cannot connect
# repeats its state for days.
_MAX_EARLY_MESSAGES: Final = 100
# States that complete a recording, because no frame of this epoch follows.
_FINAL_STATES: Final = (SourceState.RECONNECTING, SourceState.ENDED, SourceState.FAILED)
# Times in messages are rounded to a millionth of a second.
_ROUNDING_TOLERANCE: Final = 1e-5


class RecordingSink:
    """Sink that records all sources of a run into a folder.

    Args:
        folder: Folder for the recordings; created if it does not exist.
        recipe: Recipe of the genre model.
        people: Maximum number of tracked dancers.
        hop: Seconds between predictions.
        clock: Clock of the messages.
        writer: Writer of the recordings; a new one if None.
    """

    def __init__(
        self,
        folder: Path,
        *,
        recipe: str,
        people: int,
        hop: float,
        clock: Clock,
        writer: RecordingWriter | None = None,
    ) -> None:
        self._folder = folder
        self._writer = writer or RecordingWriter(folder)
        self._clock = clock
        # The other fields are set at the first frame of each recording.
        self._header = Header(
            "", program=version("dancetype"), model=recipe, people_followed=people, hop=hop
        )
        self._recorders: dict[str, SourceRecorder] = {}

    def observers(self, source: str) -> Sequence["SourceRecorder"]:
        """Return the observers of a source's frames."""
        recorder = SourceRecorder(replace(self._header, source=source), self._clock)
        return [self._recorders.setdefault(source, recorder)]

    async def __aenter__(self) -> Self:
        """Start the writer.

        Raises:
            SinkError: The folder cannot be written to.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self._folder):
                pass
        except OSError as error:
            raise SinkError(
                f"cannot record into {self._folder}: {error.strerror}; choose another folder for "
                "--record"
            ) from error
        self._writer.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Write the recordings in progress.

        Raises:
            SinkError: Recordings are lost.
        """
        for recorder in self._recorders.values():
            self._write(recorder.finish())
        lost = await asyncio.to_thread(self._writer.close, _CLOSE_TIMEOUT)
        if lost:
            raise SinkError(f"{self._folder} cannot be written: number of lost recordings: {lost}")

    async def send(self, message: Message, text: str) -> None:
        """Record a message, and write the recordings that it completes."""
        del text
        if recorder := self._recorders.get(message.source):
            self._write(recorder.add_message(message))

    def _write(self, drafts: Sequence["Draft"]) -> None:
        for draft in drafts:
            self._writer.put(draft.recording)


class SourceRecorder:
    """Recorder of one source. Frames arrive on the pose thread, messages on another thread.

    The message about a frame arrives a little later than the frame. A recording is therefore
    complete when the first message about the next recording arrives.

    Args:
        header: Header fields that are known before the first frame.
        clock: Clock of the messages.
        encode: Function that converts a person in a frame to a row of the recording.
        delay: Seconds to skip after the first frame.
        seconds: Seconds to record after the delay.
        in_parts: Whether to start a new recording at each epoch and every five minutes.

    Attributes:
        remaining_delay: Seconds until the delay is over.
        frame_count: Number of frames of the current epoch so far.
        is_over: Whether `seconds` have been recorded.
    """

    def __init__(
        self,
        header: Header,
        clock: Clock,
        *,
        encode: Callable[[Landmarks], EncodedBody | None] = encode_compact,
        delay: float = 0.0,
        seconds: float = math.inf,
        in_parts: bool = True,
    ) -> None:
        self._header = header
        self._clock = clock
        self._encode = encode
        self._delay = delay
        self._seconds = seconds
        self._in_parts = in_parts
        self._first_time: float | None = None
        self._lock = Lock()
        self._drafts: deque[Draft] = deque()
        self._early_messages: deque[str] = deque(maxlen=_MAX_EARLY_MESSAGES)
        self.remaining_delay = 0.0
        self.frame_count = 0
        self.is_over = False

    def on_frame(self, frame: Frame, people: Sequence[Landmarks]) -> None:
        """Record a frame, unless its time is not later than the previous one."""
        if not math.isfinite(frame.time):
            return
        if self._first_time is None:
            self._first_time = frame.time
        elapsed = frame.time - self._first_time - self._delay
        self.remaining_delay, self.frame_count = max(-elapsed, 0.0), frame.index + 1
        self.is_over = self.is_over or elapsed >= self._seconds
        if elapsed < 0 or self.is_over:
            return
        bodies = [body for person in people if (body := self._encode(person)) is not None]
        with self._lock:
            if not self._drafts or (self._in_parts and not self._drafts[-1].includes(frame)):
                self._begin(frame)
            self._drafts[-1].add(frame.time, bodies)

    def add_message(self, message: Message) -> list["Draft"]:
        """Record a message; return the recordings that are complete."""
        text = message.model_dump_json(exclude={"dancers": {"__all__": {"joints"}}})
        complete = []
        with self._lock:
            while len(self._drafts) > 1 and self._drafts[1].includes_message(message):
                complete.append(self._drafts.popleft())
            (self._drafts[0].messages if self._drafts else self._early_messages).append(text)
            if isinstance(message, SourceMessage) and message.state in _FINAL_STATES:
                complete += self._drafts
                self._drafts.clear()
        return complete

    @property
    def draft(self) -> "Draft | None":
        """The recording in progress; None before the first frame."""
        return self._drafts[-1] if self._drafts else None

    def finish(self) -> list["Draft"]:
        """End the recordings in progress, and return them."""
        with self._lock:
            drafts = list(self._drafts)
            self._drafts.clear()
        return drafts

    def _begin(self, frame: Frame) -> None:
        header = replace(
            self._header,
            epoch=frame.epoch,
            started=self._clock.unix(frame.time),
            clock=frame.time,
            image_size=(frame.image.shape[1], frame.image.shape[0]),
        )
        self._drafts.append(Draft(header, list(self._early_messages)))
        self._early_messages.clear()


class Draft:
    """A recording in progress.

    Attributes:
        messages: Messages so far, as JSON.
        poses: Number of frames with a person.
    """

    def __init__(self, header: Header, messages: list[str]) -> None:
        self.messages = messages
        self.poses = 0
        self._header = header
        self._times: list[float] = []
        self._frames: list[Sequence[EncodedBody]] = []

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self._frames)

    @property
    def seconds(self) -> float:
        """Time from the first frame to the last."""
        return self._times[-1] - self._header.clock if self._times else 0.0

    def includes(self, frame: Frame) -> bool:
        """Return whether a frame belongs to this recording."""
        return frame.epoch == self._header.epoch and frame.time < self._header.clock + PART_SECONDS

    def includes_message(self, message: Message) -> bool:
        """Return whether a message is about this recording or a later one."""
        times = message.times
        time = times.capture if isinstance(times, PredictionTimes) else times.sent
        return (message.epoch, time) >= (
            self._header.epoch,
            self._header.started - _ROUNDING_TOLERANCE,
        )

    def add(self, time: float, bodies: Sequence[EncodedBody]) -> None:
        """Add a frame, unless its time is not later than the previous one."""
        if self._times and time <= self._times[-1]:
            return
        self._times.append(time)
        self._frames.append(bodies)
        self.poses += bool(bodies)

    def recording(self) -> Recording:
        """Return the finished recording."""
        times = [time - self._header.clock for time in self._times]
        return Recording.from_frames(self._header, times, self._frames, self.messages)
