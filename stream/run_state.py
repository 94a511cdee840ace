"""State of a run, collected from the messages of each source."""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from dancetype.engine.errors import Fault
from dancetype.engine.rolling import Status
from dancetype.stream.clock import Clock
from dancetype.stream.messages import (
    FrameCounts,
    Latency,
    Message,
    PredictionMessage,
    SourceMessage,
    SourceState,
)
from dancetype.stream.orientation import OrientationMonitor
from dancetype.stream.sink import Sink

SILENT: Final = "silent"
"""Status in the history of a source that sends no predictions."""

MAX_FRAME_AGE: Final = 10.0
"""Seconds for which the newest frame of a source is recent."""

_LATENCIES_SPAN: Final = 60.0
_HISTORY_SPAN: Final = 600.0
_MAX_CHANGES: Final = 600  # for a source whose status changes rapidly
_SILENT_AFTER: Final = 1.5  # seconds; clients use the same limit
_NO_FRAMES: Final = FrameCounts(captured=0, posed=0, dropped=0)


class TimedLatency(NamedTuple):
    """Latency of a prediction in seconds, in total and by step, and the Unix time of sending."""

    sent: float
    total: float
    parts: Latency


class Change(NamedTuple):
    """Change of a source's status or genre: Unix time, new status or `SILENT`, new genre code."""

    at: float
    status: str
    genre: str | None


class SourceRun:
    """State and statistics of one source in a run. Times are in seconds since 1970.

    Attributes:
        latest: Newest message.
        previous: Message before the newest one.
        state: Newest source message.
        since: Time at which the source entered its state.
        prediction: Newest prediction.
        current: Newest prediction, or None if the source has stopped delivering frames since.
        changed: Whether the newest message differs from the previous one of its type: in state or
            fault, or in status or genre.
        reconnects: Number of successful reconnects.
        frames: Frames in all epochs, up to the newest prediction.
        statuses: Number of predictions by status.
        genres: Number of predictions by genre code.
        states: Number of times that the source entered each state.
        faults: Number of source messages by fault.
        orientation: Direction of the body in the image.
        hint_changed: Whether the newest prediction has changed the hint of `orientation`.
        latencies: Latencies of the last minute, oldest first.
        history: Changes of status and genre in the last ten minutes, oldest first, preceded by the
            last earlier change.
    """

    def __init__(self) -> None:
        self.latest: Message | None = None
        self.previous: Message | None = None
        self.state: SourceMessage | None = None
        self.since: float | None = None
        self.prediction: PredictionMessage | None = None
        self.current: PredictionMessage | None = None
        self.changed = False
        self.reconnects = 0
        self.frames = _NO_FRAMES
        self.statuses: Counter[Status] = Counter()
        self.genres: Counter[str] = Counter()
        self.states: Counter[SourceState] = Counter()
        self.faults: Counter[Fault] = Counter()
        self.orientation = OrientationMonitor()
        self.hint_changed = False
        self.latencies: deque[TimedLatency] = deque()
        self.history: deque[Change] = deque(maxlen=_MAX_CHANGES)
        self._lost = False

    @property
    def running(self) -> bool:
        """Whether the source delivers frames."""
        return self.state is not None and self.state.state.delivers

    def update(self, message: Message) -> None:
        """Update the state with a message."""
        self.advance(message.times.sent)
        self.previous, self.latest = self.latest, message
        if isinstance(message, SourceMessage):
            self._update_state(message)
        else:
            self._update_prediction(message)

    def advance(self, now: float) -> None:
        """Add a silence that began before `now` to the history, and drop outdated entries."""
        if self.prediction and now - self.prediction.times.sent > _SILENT_AFTER:
            self._add_change(self.prediction.times.sent + _SILENT_AFTER, SILENT)
        while self.latencies and now - self.latencies[0].sent > _LATENCIES_SPAN:
            self.latencies.popleft()
        while len(self.history) > 1 and now - self.history[1].at > _HISTORY_SPAN:
            self.history.popleft()

    def _update_state(self, message: SourceMessage) -> None:
        previous, self.state = self.state, message
        state, sent = message.state, message.times.sent
        if previous is None or previous.state is not state:
            self.since = sent
            self.states[state] += 1
        self.changed = previous is None or (previous.state, previous.fault) != (
            state,
            message.fault,
        )
        if message.fault is not None:
            self.faults[message.fault] += 1
        if state.delivers:
            self.reconnects += self._lost
            self._lost = False
            return
        self._lost = self._lost or state is SourceState.RECONNECTING
        self.current = None
        self._add_change(sent, SILENT)

    def _update_prediction(self, message: PredictionMessage) -> None:
        previous, times = self.prediction, message.times
        self.prediction = self.current = message
        self.changed = previous is None or (
            (previous.status, previous.genre) != (message.status, message.genre)
        )
        if previous and previous.epoch != message.epoch:
            self.orientation.reset("a new epoch")
        self.hint_changed = self.orientation.update(message)
        # Each epoch counts from 0. Counts may also decrease within an epoch: if its last frame is
        # processed after the next epoch has begun, its message has the counts of that epoch.
        old = previous.frames if previous and previous.epoch == message.epoch else _NO_FRAMES
        new, total = message.frames, self.frames
        self.frames = FrameCounts(
            captured=total.captured + max(new.captured - old.captured, 0),
            posed=total.posed + max(new.posed - old.posed, 0),
            dropped=total.dropped + max(new.dropped - old.dropped, 0),
        )
        self.statuses[message.status] += 1
        if message.genre is not None:
            self.genres[message.genre] += 1
        self.latencies.append(TimedLatency(times.sent, times.sent - times.capture, message.latency))
        self._add_change(times.sent, message.status.value, message.genre)

    def _add_change(self, at: float, status: str, genre: str | None = None) -> None:
        if not self.history or self.history[-1][1:] != (status, genre):
            self.history.append(Change(round(at, 3), status, genre))


class RunState(Sink):
    """Sink that updates the state of each source.

    It must precede the sinks that read the state.

    Attributes:
        sources: State of each source that has sent a message, by name.
        clients: Function that returns counts of WebSocket clients; None without a WebSocket.
        broker_connections: Function that returns whether each source is connected to the MQTT
            broker, by name; None without a broker.
        shared_sources: Function that returns the names of the sources under which another run
            publishes to the same broker.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.sources: dict[str, SourceRun] = {}
        self.clients: Callable[[], Mapping[str, int]] | None = None
        self.broker_connections: Callable[[], Mapping[str, bool]] | None = None
        self.shared_sources: Callable[[], Sequence[str]] = tuple

    @property
    def now(self) -> float:
        """Current time in seconds since 1970, on the clock of the messages."""
        return self._clock.unix(self._clock.monotonic())

    @property
    def frame_ages(self) -> Mapping[str, float | None]:
        """Age of each source's newest frame in seconds, by name; None before the first frame."""
        return {
            name: self.now - run.prediction.times.capture if run.prediction else None
            for name, run in self.sources.items()
        }

    @property
    def has_recent_frame(self) -> bool:
        """Whether at least one source has delivered a frame recently."""
        return any(age is not None and age <= MAX_FRAME_AGE for age in self.frame_ages.values())

    @property
    def summary(self) -> str:
        """State of each source, with its fault, in one line."""
        states = {name: run.state for name, run in self.sources.items() if run.state}
        return "; ".join(
            f"{name}: {message.state}" + (f" ({message.fault})" if message.fault else "")
            for name, message in states.items()
        )

    async def send(self, message: Message, text: str) -> None:
        """Update the state of the message's source."""
        self.sources.setdefault(message.source, SourceRun()).update(message)
