"""Replay of recordings as if their sources were live."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from threading import Event as ThreadEvent
from threading import Thread
from typing import Final, NamedTuple

import numpy as np
from pydantic import BaseModel, FiniteFloat, ValidationError

from dancetype.engine.errors import Fault, FileError, first_line
from dancetype.engine.log_event import LogEvent
from dancetype.engine.media.recording import Header, Recording, read_recording
from dancetype.engine.recognizer import MultiDancerRecognizer, Prediction
from dancetype.stream.pipeline import Event, Predicted
from dancetype.stream.sources.base import SourceState, StateChanged

_log = logging.getLogger(__name__)

_MAX_PAUSE: Final = 2.0  # seconds without any recording; longer pauses are shortened
_MAX_GAP: Final = 1.0  # seconds within a run; less than a restart of the program takes
_TIME_TOLERANCE: Final = 1e-3  # seconds
_RATE_SPAN: Final = 2.0


class RecordedPrediction(NamedTuple):
    """Prediction in a recording.

    Attributes:
        capture: Capture time of the frame, in seconds since 1970.
        status: Kind of result.
        genre: Code of the genre, if the status is `genre`.
    """

    capture: float
    status: str
    genre: str | None


# Only the fields needed here: another version of dancetype may have written other fields.
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
        RecordedPrediction(message.times.capture, message.status, message.genre)
        for message in messages
        if message.status is not None and message.times.capture is not None
    ]


def open_recording(path: Path) -> tuple[Recording, list[RecordedPrediction]]:
    """Return a recording and the predictions in it.

    Raises:
        FileError: The file is not a recording, or its messages are not valid.
    """
    recording = read_recording(path)
    try:
        return recording, recorded_predictions(recording)
    except ValidationError as error:
        raise FileError(f"{path}: not a recording: {first_line(error)}") from error


@dataclass(frozen=True, slots=True)
class ScheduledRecording:
    """Recording with its place in the schedule of a replay.

    Attributes:
        path: File of the recording, read when it is due.
        header: Header of the recording.
        seconds: Duration of the recording.
        begin: Time of the first frame, in seconds from the start of the replay.
        continues: Whether it continues the previous recording of the same source.
    """

    path: Path
    header: Header
    seconds: float
    begin: float = 0.0
    continues: bool = False

    @property
    def end(self) -> float:
        """Time of the last frame, in seconds from the start of the replay."""
        return self.begin + self.seconds

    def is_continued_by(self, later: "ScheduledRecording") -> bool:
        """Return whether `later` directly follows, in the same run and epoch."""
        offsets = [header.started - header.clock for header in (self.header, later.header)]
        gap = later.header.clock - self.header.clock - self.seconds
        return (
            later.header.epoch == self.header.epoch
            and abs(offsets[1] - offsets[0]) < _TIME_TOLERANCE
            and 0 < gap < _MAX_GAP
        )


def schedule(recordings: Sequence[ScheduledRecording]) -> dict[str, list[ScheduledRecording]]:
    """Set `begin` and `continues` of recordings, and return them by source.

    The intervals between recordings are kept, across sources, but long pauses without any recording
    are shortened. Recordings of one source do not overlap.
    """
    scheduled: dict[str, list[ScheduledRecording]] = {}
    # `offset` converts Unix time to replay time; it grows when a pause is shortened.
    offset, end = 0.0, -np.inf
    for recording in sorted(recordings, key=lambda recording: recording.header.started):
        started = recording.header.started
        if end == -np.inf:
            offset = started
        elif started - end > _MAX_PAUSE:
            offset += started - end - _MAX_PAUSE
        end = max(end, started + recording.seconds)
        earlier = scheduled.setdefault(recording.header.source, [])
        begin = max(started - offset, earlier[-1].end if earlier else 0.0)
        continues = bool(earlier) and earlier[-1].is_continued_by(recording)
        earlier.append(replace(recording, begin=begin, continues=continues))
    return scheduled


def loop_duration(scheduled: Mapping[str, Sequence[ScheduledRecording]]) -> float:
    """Return the duration in seconds of one loop of the replay, with a pause at the end."""
    return max(recordings[-1].end for recordings in scheduled.values()) + _MAX_PAUSE


class ReplayClock:
    """Clock that determines when the frames of all sources are due.

    Args:
        clock: Monotonic clock in seconds.
        speed: Speed factor; 0 replays as fast as possible.
        loop_seconds: Duration of one loop of the replay.
    """

    def __init__(self, clock: Callable[[], float], *, speed: float, loop_seconds: float) -> None:
        if not (np.isfinite(speed) and speed >= 0):
            raise ValueError(f"speed must be 0 or more, not {speed}")
        self.monotonic = clock
        self.speed = speed
        self._loop_seconds = loop_seconds
        self._start: float | None = None

    def begin(self) -> None:
        """Start the clock, unless it is already running."""
        if self._start is None:
            self._start = self.monotonic()

    def due(self, loop: int, seconds: float) -> float:
        """Return the monotonic time that corresponds to a time in the schedule.

        Args:
            loop: Number of the loop, from 0.
            seconds: Seconds from the start of the loop, at normal speed.
        """
        if self.speed == 0 or self._start is None:
            return self.monotonic()
        return self._start + (loop * self._loop_seconds + seconds) / self.speed


class Agreement:
    """Comparison of predictions with the recorded ones, by status and genre.

    Attributes:
        same: Number of predictions that agree with the recorded prediction.
        compared: Number of predictions for a frame that has a recorded prediction.
    """

    def __init__(self) -> None:
        self.same = self.compared = 0

    def compare(self, prediction: Prediction, recorded: RecordedPrediction | None) -> None:
        """Compare a prediction with the recorded one for its frame, if there is one."""
        if recorded is not None:
            estimate = prediction.estimate
            self.compared += 1
            self.same += (estimate.status, estimate.genre) == (recorded.status, recorded.genre)


class Replay:
    """Replay of one source's recordings on a thread.

    Each recording is a new epoch, unless it continues the previous one.

    Args:
        name: Name of the source.
        recordings: Scheduled recordings, one or more.
        make_recognizer: Factory of recognizers; called again if the header's settings change.
        clock: Clock shared by all sources.
        agreement: Comparison with the recorded predictions, which is updated.
        loop: Whether to start over at the end.
        wait: Function that waits for some seconds; it returns True if the replay must stop.
    """

    def __init__(
        self,
        name: str,
        recordings: Sequence[ScheduledRecording],
        *,
        make_recognizer: Callable[[Header], MultiDancerRecognizer],
        clock: ReplayClock,
        agreement: Agreement,
        loop: bool = False,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._name = name
        self._recordings = recordings
        self._make_recognizer = make_recognizer
        self._header = recordings[0].header
        self._recognizer = make_recognizer(self._header)
        self._clock = clock
        self._agreement = agreement
        self._on_event: Callable[[Event], None]
        self._loop = loop
        self._stop = ThreadEvent()
        self._wait = wait or self._stop.wait
        self._thread = Thread(target=self._run, name=f"replay {name}", daemon=True)
        self._epoch = 0
        self._frames = 0

    def start(self, on_event: Callable[[Event], None]) -> None:
        """Start the thread; it calls `on_event`, which must not block, with each event."""
        self._on_event = on_event
        self._clock.begin()
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to end; return without waiting for it."""
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Wait for the thread up to `timeout` seconds; return False if it is still running."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _play_all(self) -> None:
        """Replay all recordings, until the end or until stopped.

        Raises:
            FileError: A recording can no longer be read.
        """
        self._report(SourceState.CONNECTING)
        for loop in count() if self._loop else range(1):
            for index, recording in enumerate(self._recordings):
                if (loop or index) and not recording.continues:
                    self._report(SourceState.ENDED, "the recording has ended", Fault.ENDED)
                    self._epoch += 1
                    self._report(SourceState.CONNECTING)
                if not self._play(recording, loop):
                    return
        self._report(SourceState.ENDED, "the last recording has ended", Fault.ENDED, final=True)

    def _play(self, scheduled: ScheduledRecording, loop: int) -> bool:
        """Replay one recording; return False if the replay must stop."""
        recording, predictions = open_recording(scheduled.path)
        recorded = _predictions_by_frame(recording, predictions)
        if not scheduled.continues:
            self._frames = 0
            self._reset_recognizer(scheduled.header)
        for index, (time, people) in enumerate(recording.frames()):
            due = self._clock.due(loop, scheduled.begin + float(recording.times[index]))
            if self._wait(max(due - self._clock.monotonic(), 0.0)):
                return False
            if not self._frames:
                self._report(SourceState.RUNNING)
            self._frames += 1
            # With the recorded time, so that predictions do not depend on the speed.
            prediction = self._recognizer.push(time, people)
            if prediction is not None:
                self._agreement.compare(prediction, recorded.get(index))
                self._on_event(self._make_event(prediction, recording, index, due))
        return True

    def _reset_recognizer(self, header: Header) -> None:
        previous, self._header = self._header, header
        if (header.people_followed, header.hop) != (previous.people_followed, previous.hop):
            self._recognizer = self._make_recognizer(header)
        self._recognizer.reset("a new recording")

    def _make_event(
        self, prediction: Prediction, recording: Recording, index: int, due: float
    ) -> Predicted:
        return Predicted(
            replace(prediction, window_end=due),
            self._epoch,
            capture=due,
            pose_started=due,
            pose_ended=due,
            predicted=self._clock.monotonic(),
            frame_counts=(self._frames, self._frames, 0),
            fps=_rate(recording, index) * (self._clock.speed or 1.0),
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

    def _run(self) -> None:
        try:
            self._play_all()
        except FileError as error:
            self._report(SourceState.FAILED, str(error), Fault.OTHER, final=True)
        except Exception as error:
            _log.exception(LogEvent("replay_crashed", source=self._name))
            self._report(
                SourceState.FAILED, f"the replay crashed: {error!r}", Fault.OTHER, final=True
            )


def _predictions_by_frame(
    recording: Recording, predictions: Sequence[RecordedPrediction]
) -> dict[int, RecordedPrediction]:
    """Return the recorded predictions by the index of their frame."""
    times = recording.header.started + recording.times
    by_frame = {}
    for prediction in predictions:
        index = int(np.abs(times - prediction.capture).argmin())
        if abs(times[index] - prediction.capture) < _TIME_TOLERANCE:
            by_frame[index] = prediction
    return by_frame


def _rate(recording: Recording, index: int) -> float:
    """Return the number of frames per second in the seconds before a frame."""
    times = recording.times
    first = int(np.searchsorted(times, times[index] - _RATE_SPAN))
    span = float(times[index] - times[first])
    return (index - first) / span if span else 0.0
