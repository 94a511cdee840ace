"""Replay recordings as if their sources were live."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Final

import numpy as np
from pydantic import BaseModel, FiniteFloat, ValidationError

from dancetype.engine.errors import Fault, FileError, first_line
from dancetype.engine.log_event import LogEvent
from dancetype.engine.media.recording import Header, Recording, read_recording
from dancetype.engine.recognizer import MultiDancerRecognizer, Prediction
from dancetype.stream.pipeline import Event, Predicted
from dancetype.stream.sources.base import SourceState, StateChanged

_log = logging.getLogger(__name__)

_MAX_PAUSE: Final = 2.0  # seconds without any recording, in which nothing would be shown
# Less than it takes to restart the program.
_MAX_GAP: Final = 1.0
_SAME: Final = 1e-3  # seconds
_RATE_SPAN: Final = 2.0


RecordedPrediction = tuple[float, str, str | None]
"""Capture time of the frame in seconds since 1970, status and genre."""


# Only the fields needed here, as another version of dancetype may have sent others.
class _Times(BaseModel):
    capture: FiniteFloat | None = None


class _RecordedMessage(BaseModel):
    type: str
    status: str | None = None
    genre: str | None = None
    times: _Times


def recorded_predictions(recording: Recording) -> list[RecordedPrediction]:
    """Return the predictions among the messages of a recording.

    Raises:
        ValueError: A message is not valid.
    """
    messages = [_RecordedMessage.model_validate_json(text) for text in recording.messages]
    return [
        (each.times.capture, each.status, each.genre)
        for each in messages
        if each.status is not None and each.times.capture is not None
    ]


def open_recording(path: Path) -> tuple[Recording, list[RecordedPrediction]]:
    """Read a recording and the predictions in it.

    Raises:
        FileError: The file is not a recording, or its messages are not valid.
    """
    recording = read_recording(path)
    try:
        return recording, recorded_predictions(recording)
    except ValidationError as error:
        raise FileError(f"{path}: not a recording: {first_line(error)}") from error


@dataclass(frozen=True, slots=True)
class Part:
    """A recording and its place in the schedule.

    Attributes:
        path: File, which is read when it is due.
        header: Header of the recording.
        seconds: Length.
        begin: Time at which it begins, in seconds from the beginning of the replay.
        continues: Whether it continues where the previous one of the same source ends.
    """

    path: Path
    header: Header
    seconds: float
    begin: float = 0.0
    continues: bool = False

    @property
    def end(self) -> float:
        """Time of the last frame, in seconds from the beginning of the replay."""
        return self.begin + self.seconds

    def is_continued_by(self, later: "Part") -> bool:
        """Return whether `later` is of the same run and epoch and follows at once."""
        offsets = [part.header.started - part.header.clock for part in (self, later)]
        gap = later.header.clock - self.header.clock - self.seconds
        return (
            later.header.epoch == self.header.epoch
            and abs(offsets[1] - offsets[0]) < _SAME
            and 0 < gap < _MAX_GAP
        )


def schedule(parts: Sequence[Part]) -> dict[str, list[Part]]:
    """Return the recordings by source, each with the time at which it begins.

    Sources keep their distances in time, but times without any recording are shortened. Recordings
    of one source do not overlap.
    """
    scheduled: dict[str, list[Part]] = {}
    cut, end = 0.0, -np.inf
    for part in sorted(parts, key=lambda part: part.header.started):
        started = part.header.started
        if end == -np.inf:
            cut = started
        elif started - end > _MAX_PAUSE:
            cut += started - end - _MAX_PAUSE
        end = max(end, started + part.seconds)
        before = scheduled.setdefault(part.header.source, [])
        begin = max(started - cut, before[-1].end if before else 0.0)
        continues = bool(before) and before[-1].is_continued_by(part)
        before.append(replace(part, begin=begin, continues=continues))
    return scheduled


def length(scheduled: Mapping[str, Sequence[Part]]) -> float:
    """Return the seconds from the beginning until the replay may start over."""
    return max(part.end for parts in scheduled.values() for part in parts) + _MAX_PAUSE


class Pace:
    """Clock that determines when frames are due, for all sources together.

    Args:
        clock: Monotonic clock in seconds.
        speed: Seconds of a recording per second; 0 is as fast as possible.
        lap: Seconds after which the replay starts over.
    """

    def __init__(self, clock: Callable[[], float], *, speed: float, lap: float) -> None:
        if not (np.isfinite(speed) and speed >= 0):
            raise ValueError(f"a speed is 0 or more, not {speed}")
        self.clock = clock
        self.speed = speed
        self._lap = lap
        self._start: float | None = None

    def begin(self) -> None:
        """Start the clock; of several calls, the first counts."""
        if self._start is None:
            self._start = self.clock()

    def due(self, lap: int, seconds: float) -> float:
        """Return the time on the clock of what is `seconds` after the beginning of a lap."""
        if self.speed == 0 or self._start is None:
            return self.clock()
        return self._start + (lap * self._lap + seconds) / self.speed


class Agreement:
    """Count of predictions that agree with the recorded ones in status and genre.

    Attributes:
        same: Number of predictions that agree.
        compared: Number of predictions about a frame with a recorded one.
    """

    def __init__(self) -> None:
        self.same = self.compared = 0

    def compare(self, prediction: Prediction, recorded: RecordedPrediction | None) -> None:
        """Compare a prediction with the one recorded for its frame, if there is one."""
        if recorded is not None:
            estimate = prediction.estimate
            self.compared += 1
            self.same += (estimate.status, estimate.genre) == recorded[1:]


class Replay:
    """Replay of one source's recordings on a thread.

    Each recording is a new epoch, unless it continues where the one before ends.

    Args:
        name: Name of the source, for logs.
        parts: Scheduled recordings, one or more.
        make_recognizer: Factory of the recognizer; called again if a recording has other settings.
        pace: Clock of all sources.
        agreement: Count of predictions that agree with the recorded ones.
        loop: Whether to start over at the end.
        wait: Function that waits some seconds and returns True if the replay is to stop.
    """

    def __init__(
        self,
        name: str,
        parts: Sequence[Part],
        *,
        make_recognizer: Callable[[Header], MultiDancerRecognizer],
        pace: Pace,
        agreement: Agreement,
        loop: bool = False,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._name = name
        self._parts = parts
        self._make_recognizer = make_recognizer
        self._header = parts[0].header
        self._recognizer = make_recognizer(self._header)
        self._pace = pace
        self._agreement = agreement
        self._on_event: Callable[[Event], None]
        self._loop = loop
        self._stop = Flag()
        self._wait = wait or self._stop.wait
        self._thread = Thread(target=self._guarded, name=f"replay {name}", daemon=True)
        self._epoch = 0
        self._frames = 0

    def start(self, on_event: Callable[[Event], None]) -> None:
        """Start the thread; `on_event` receives events on it, in order, and must not block."""
        self._on_event = on_event
        self._pace.begin()
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end, without waiting for it."""
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Wait for the thread up to `timeout` seconds; return False if it still runs."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _play_all(self) -> None:
        """Replay everything, to the end or until stopped.

        Raises:
            FileError: A recording can no longer be read.
        """
        self._report(SourceState.CONNECTING)
        for lap in count() if self._loop else range(1):
            for index, part in enumerate(self._parts):
                if (lap or index) and not part.continues:
                    self._report(SourceState.ENDED, "the recording has ended", Fault.ENDED)
                    self._epoch += 1
                    self._report(SourceState.CONNECTING)
                if not self._play(part, lap):
                    return
        self._report(SourceState.ENDED, "the last recording has ended", Fault.ENDED, final=True)

    def _play(self, part: Part, lap: int) -> bool:
        """Replay one recording; return False if the replay is to stop."""
        recording, predictions = open_recording(part.path)
        recorded = _by_frame(recording, predictions)
        if not part.continues:
            self._frames = 0
            self._reset_recognizer(part.header)
        for index, (time, people) in enumerate(recording.frames()):
            due = self._pace.due(lap, part.begin + float(recording.times[index]))
            if self._wait(max(due - self._pace.clock(), 0.0)):
                return False
            if not self._frames:
                self._report(SourceState.RUNNING)
            self._frames += 1
            # The recorded time, so that predictions do not depend on the speed.
            prediction = self._recognizer.push(time, people)
            if prediction is not None:
                self._agreement.compare(prediction, recorded.get(index))
                self._on_event(self._predicted(prediction, recording, index, due))
        return True

    def _reset_recognizer(self, header: Header) -> None:
        before, self._header = self._header, header
        if (header.people_followed, header.hop) != (before.people_followed, before.hop):
            self._recognizer = self._make_recognizer(header)
        self._recognizer.reset("a new recording")

    def _predicted(
        self, prediction: Prediction, recording: Recording, index: int, due: float
    ) -> Predicted:
        return Predicted(
            replace(prediction, window_end=due),
            self._epoch,
            capture=due,
            taken=due,
            posed=due,
            predicted=self._pace.clock(),
            frame_counts=(self._frames, self._frames, 0),
            fps=_rate(recording, index) * (self._pace.speed or 1.0),
            image_size=recording.header.image_size,
        )

    def _report(
        self,
        state: SourceState,
        reason: str | None = None,
        fault: Fault | None = None,
        *,
        final: bool = False,
    ) -> None:
        self._on_event(StateChanged(state, self._epoch, reason, fault, final))

    def _guarded(self) -> None:
        try:
            self._play_all()
        except FileError as error:
            self._report(SourceState.FAILED, str(error), Fault.OTHER, final=True)
        except Exception as error:
            _log.exception(LogEvent("replay_crashed", source=self._name))
            self._report(
                SourceState.FAILED, f"its replay crashed: {error!r}", Fault.OTHER, final=True
            )


def _by_frame(
    recording: Recording, predictions: Sequence[RecordedPrediction]
) -> dict[int, RecordedPrediction]:
    """Return the recorded predictions by the index of their frame."""
    times = recording.header.started + recording.times
    found = {}
    for prediction in predictions:
        index = int(np.abs(times - prediction[0]).argmin())
        if abs(times[index] - prediction[0]) < _SAME:
            found[index] = prediction
    return found


def _rate(recording: Recording, index: int) -> float:
    """Return the frames per second up to a frame."""
    times = recording.times
    first = int(np.searchsorted(times, times[index] - _RATE_SPAN))
    span = float(times[index] - times[first])
    return (index - first) / span if span else 0.0
