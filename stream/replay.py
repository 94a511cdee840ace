"""Plays takes, as if their sources were there."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Final

import numpy as np

from dancetype.engine.errors import Fault, FileError
from dancetype.engine.recognizer import MultiDancerRecognizer, Prediction
from dancetype.stream.pipeline import Event, Predicted
from dancetype.stream.sinks.take import About, Answer, Take, read_take
from dancetype.stream.sources.base import SourceState, StateChanged

_log = logging.getLogger(__name__)

# Nobody wants to wait for the next take as long as for the next rehearsal.
_LONGEST_PAUSE: Final = 2.0
# Less than it takes to start the program again.
_LONGEST_GAP: Final = 1.0
_SAME: Final = 1e-3  # seconds
_RATE_SPAN: Final = 2.0


@dataclass(frozen=True, slots=True)
class Part:
    """A take and its place in what is played.

    Attributes:
        path: of the take, which is read once it is due.
        about: of what it is.
        seconds: its length.
        begin: when it begins, in seconds from the beginning of all.
        goes_on: whether it goes on where the take before it of the same source ends.
    """

    path: Path
    about: About
    seconds: float
    begin: float = 0.0
    goes_on: bool = False

    @property
    def end(self) -> float:
        """When its last frame comes, in seconds from the beginning of all."""
        return self.begin + self.seconds

    def is_followed_by(self, later: "Part") -> bool:
        """Whether `later` was made by the same run, of the same epoch, right after this."""
        offsets = [part.about.started - part.about.clock for part in (self, later)]
        gap = later.about.clock - self.about.clock - self.seconds
        return (
            later.about.epoch == self.about.epoch
            and abs(offsets[1] - offsets[0]) < _SAME
            and 0 < gap < _LONGEST_GAP
        )


def programme(parts: Sequence[Part]) -> dict[str, list[Part]]:
    """Says when each take begins, by source.

    Sources keep their distances in time, but times in which there is no take at all are cut short.
    Takes of one source do not overlap.
    """
    programme: dict[str, list[Part]] = {}
    cut, end = 0.0, -np.inf
    for part in sorted(parts, key=lambda part: part.about.started):
        started = part.about.started
        if end == -np.inf:
            cut = started
        elif started - end > _LONGEST_PAUSE:
            cut += started - end - _LONGEST_PAUSE
        end = max(end, started + part.seconds)
        before = programme.setdefault(part.about.source, [])
        begin = max(started - cut, before[-1].end if before else 0.0)
        goes_on = bool(before) and before[-1].is_followed_by(part)
        before.append(replace(part, begin=begin, goes_on=goes_on))
    return programme


def length(programme: Mapping[str, Sequence[Part]]) -> float:
    """Seconds from the beginning of all until it may start over."""
    return max(part.end for parts in programme.values() for part in parts) + _LONGEST_PAUSE


class Pace:
    """Says when what is played is due, for all sources alike.

    Args:
        clock: monotonic, in seconds.
        speed: seconds that pass in takes in one second; 0 is as fast as it goes.
        lap: seconds after which all starts over.
    """

    def __init__(self, clock: Callable[[], float], *, speed: float, lap: float) -> None:
        if not (np.isfinite(speed) and speed >= 0):
            raise ValueError(f"a speed is 0 or more, not {speed}")
        self.clock = clock
        self.speed = speed
        self._lap = lap
        self._start: float | None = None

    def begin(self) -> None:
        """Lets time run; of several calls the first counts."""
        if self._start is None:
            self._start = self.clock()

    def due(self, lap: int, seconds: float) -> float:
        """When what comes `seconds` after the beginning of a lap is due, on the clock."""
        if self.speed == 0 or self._start is None:
            return self.clock()
        return self._start + (lap * self._lap + seconds) / self.speed


class Agreement:
    """How many predictions are those that were recorded, in status and genre.

    Attributes:
        same: how many are.
        compared: how many were made of the same frame.
    """

    def __init__(self) -> None:
        self.same = self.compared = 0

    def compare(self, prediction: Prediction, recorded: Answer | None) -> None:
        """Counts a prediction, and what was recorded of its frame, if anything was."""
        if recorded is not None:
            estimate = prediction.estimate
            self.compared += 1
            self.same += (estimate.status, estimate.genre) == (recorded.status, recorded.genre)


class Replay:
    """Plays the takes of one source on a thread.

    Each take is a new epoch, except where it goes on where the one before it ends.

    Args:
        name: of the source, for logs.
        parts: of the programme; one or more.
        make_recognizer: makes the recognizer of a take, where the one before was made of other
            settings.
        pace: says when frames are due.
        agreement: told each prediction and what was recorded in its place.
        loop: whether to start over at the end.
        wait: passes seconds; True where it is time to stop. By default it ends with `stop`.
    """

    def __init__(
        self,
        name: str,
        parts: Sequence[Part],
        *,
        make_recognizer: Callable[[About], MultiDancerRecognizer],
        pace: Pace,
        agreement: Agreement,
        loop: bool = False,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._name = name
        self._parts = parts
        self._make_recognizer = make_recognizer
        self._about = parts[0].about
        self._recognizer = make_recognizer(self._about)
        self._pace = pace
        self._agreement = agreement
        self._tell: Callable[[Event], None]
        self._loop = loop
        self._stop = Flag()
        self._wait = wait or self._stop.wait
        self._thread = Thread(target=self._guarded, name=f"replay {name}", daemon=True)
        self._epoch = 0
        self._frames = 0

    def start(self, on_event: Callable[[Event], None]) -> None:
        """Starts the thread; `on_event` receives events on it, in order, and must not block."""
        self._tell = on_event
        self._pace.begin()
        self._thread.start()

    def stop(self) -> None:
        """Tells the thread to end; returns at once."""
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Waits for the thread up to `timeout` seconds; False where it still runs."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _play_all(self) -> None:
        """Plays all there is, until it is over or time to stop.

        Raises:
            FileError: a take cannot be read any more.
        """
        self._say(SourceState.CONNECTING)
        for lap in count() if self._loop else range(1):
            for index, part in enumerate(self._parts):
                if (lap or index) and not part.goes_on:
                    self._say(SourceState.ENDED, "the take is at its end", Fault.ENDED)
                    self._epoch += 1
                    self._say(SourceState.CONNECTING)
                if not self._play(part, lap):
                    return
        self._say(SourceState.ENDED, "the last take is at its end", Fault.ENDED, final=True)

    def _play(self, part: Part, lap: int) -> bool:
        """False where it is time to stop."""
        take = read_take(part.path)
        recorded = _answers(take)
        if not part.goes_on:
            self._frames = 0
            self._reset_recognizer(part.about)
        for index, (time, people) in enumerate(take.frames()):
            due = self._pace.due(lap, part.begin + float(take.times[index]))
            if self._wait(max(due - self._pace.clock(), 0.0)):
                return False
            if not self._frames:
                self._say(SourceState.RUNNING)
            self._frames += 1
            # The take's own time, so that what is said does not depend on the speed.
            prediction = self._recognizer.push(time, people)
            if prediction is not None:
                self._agreement.compare(prediction, recorded.get(index))
                self._tell(self._predicted(prediction, take, index, due))
        return True

    def _reset_recognizer(self, about: About) -> None:
        before, self._about = self._about, about
        if (about.people_followed, about.hop) != (before.people_followed, before.hop):
            self._recognizer = self._make_recognizer(about)
        self._recognizer.reset("a new take")

    def _predicted(self, prediction: Prediction, take: Take, index: int, due: float) -> Predicted:
        return Predicted(
            replace(prediction, window_end=due),
            self._epoch,
            capture=due,
            taken=due,
            posed=due,
            predicted=self._pace.clock(),
            frame_counts=(self._frames, self._frames, 0),
            fps=_rate(take, index) * (self._pace.speed or 1.0),
            image_size=take.about.image_size,
        )

    def _say(
        self,
        state: SourceState,
        reason: str | None = None,
        fault: Fault | None = None,
        *,
        final: bool = False,
    ) -> None:
        self._tell(StateChanged(state, self._epoch, reason, fault, final))

    def _guarded(self) -> None:
        try:
            self._play_all()
        except FileError as error:
            self._say(SourceState.FAILED, str(error), Fault.OTHER, final=True)
        except Exception as error:
            _log.exception("source %s: its replay crashed", self._name)
            self._say(SourceState.FAILED, f"its replay crashed: {error!r}", Fault.OTHER, final=True)


def _answers(take: Take) -> dict[int, Answer]:
    """What was said of a take's frames, by their index."""
    times = take.about.started + take.times
    said = {}
    for answer in take.answers():
        index = int(np.abs(times - answer.capture).argmin())
        if abs(times[index] - answer.capture) < _SAME:
            said[index] = answer
    return said


def _rate(take: Take, index: int) -> float:
    """Frames a second up to a frame of a take."""
    first = int(np.searchsorted(take.times, take.times[index] - _RATE_SPAN))
    span = float(take.times[index] - take.times[first])
    return (index - first) / span if span else 0.0
