"""The state of a run: the one place that remembers the messages of each source."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
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
from dancetype.stream.sink import Sink

SILENT: Final = "silent"
"""Status in the history of a source from which no predictions come."""

_LATENCIES_KEPT: Final = 60.0
_HISTORY_KEPT: Final = 600.0
# Bounds the history of a source whose status flickers.
_MOST_CHANGES: Final = 600
# The protocol has clients consider a source silent after the same time.
_SILENT_AFTER: Final = 1.5
_NO_FRAMES: Final = FrameCounts(captured=0, posed=0, dropped=0)


class TimedLatency(NamedTuple):
    """Latency of a prediction in seconds, in total and by step, with the Unix time of sending."""

    sent: float
    total: float
    parts: Latency


class Change(NamedTuple):
    """Status, or `SILENT`, and genre code of a source's predictions from a Unix time on."""

    at: float
    status: str
    genre: str | None


class SourceRun:
    """Everything known of one source. Times are in seconds since 1970.

    Attributes:
        latest: Newest message.
        previous: Message before that; None at first.
        state: Newest source message.
        since: Time at which the source entered its state.
        prediction: Newest prediction.
        current: The same, or None once the source has stopped giving frames.
        changed: Whether the newest message says something new. Of two source messages in a row
            this compares state and fault; of two predictions, status and genre.
        reconnects: Number of times the source came back after it was lost.
        frames: Frames over all epochs, up to the newest prediction.
        statuses: Number of predictions by status.
        genres: Number of predictions by code of the genre.
        states: Number of changes to each state.
        faults: Number of source messages that name each fault.
        latencies: Latencies of the last minute, oldest first.
        history: Changes of status and genre in the last ten minutes, oldest first, and the one
            that was in force when they began.
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
        self.latencies: deque[TimedLatency] = deque()
        self.history: deque[Change] = deque(maxlen=_MOST_CHANGES)
        self._lost = False

    @property
    def running(self) -> bool:
        """Whether the source is in the state `running`."""
        return self.state is not None and self.state.state is SourceState.RUNNING

    def update(self, message: Message) -> None:
        """Take account of a message."""
        self.advance(message.times.sent)
        self.previous, self.latest = self.latest, message
        if isinstance(message, SourceMessage):
            self._update_state(message)
        else:
            self._update_prediction(message)

    def advance(self, now: float) -> None:
        """Note a silence that has begun by `now`, and drop what has become too old."""
        if self.prediction and now - self.prediction.times.sent > _SILENT_AFTER:
            self._note(self.prediction.times.sent + _SILENT_AFTER, SILENT)
        while self.latencies and now - self.latencies[0].sent > _LATENCIES_KEPT:
            self.latencies.popleft()
        while len(self.history) > 1 and now - self.history[1].at > _HISTORY_KEPT:
            self.history.popleft()

    def _update_state(self, message: SourceMessage) -> None:
        before, self.state = self.state, message
        state, sent = message.state, message.times.sent
        if before is None or before.state is not state:
            self.since = sent
            self.states[state] += 1
        self.changed = before is None or (before.state, before.fault) != (state, message.fault)
        if message.fault is not None:
            self.faults[message.fault] += 1
        if state is SourceState.RUNNING:
            self.reconnects += self._lost
            self._lost = False
            return
        self._lost = self._lost or state is SourceState.RECONNECTING
        self.current = None
        self._note(sent, SILENT)

    def _update_prediction(self, message: PredictionMessage) -> None:
        before, times = self.prediction, message.times
        self.prediction = self.current = message
        self.changed = before is None or (
            (before.status, before.genre) != (message.status, message.genre)
        )
        # Each epoch counts from 0. A last frame that outlives its epoch finds the counts of the
        # next one, so that a count may also fall within an epoch.
        counted = before.frames if before and before.epoch == message.epoch else _NO_FRAMES
        now, total = message.frames, self.frames
        self.frames = FrameCounts(
            captured=total.captured + max(now.captured - counted.captured, 0),
            posed=total.posed + max(now.posed - counted.posed, 0),
            dropped=total.dropped + max(now.dropped - counted.dropped, 0),
        )
        self.statuses[message.status] += 1
        if message.genre is not None:
            self.genres[message.genre] += 1
        self.latencies.append(TimedLatency(times.sent, times.sent - times.capture, message.latency))
        self._note(times.sent, message.status.value, message.genre)

    def _note(self, at: float, status: str, genre: str | None = None) -> None:
        if not self.history or self.history[-1][1:] != (status, genre):
            self.history.append(Change(round(at, 3), status, genre))


class RunState(Sink):
    """Keeps the state of each source up to date.

    It is a sink that has to come before those that read it.

    Attributes:
        sources: Name of each source that has sent a message, and what is known of it.
        clients: Returns counts of the WebSocket's clients; None if there is no WebSocket.
        broker_links: Returns, by source, whether its connection to the MQTT broker stands; None
            without a broker.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.sources: dict[str, SourceRun] = {}
        self.clients: Callable[[], Mapping[str, int]] | None = None
        self.broker_links: Callable[[], Mapping[str, bool]] | None = None

    @property
    def now(self) -> float:
        """Seconds since 1970, on the clock of the messages."""
        return self._clock.unix(self._clock.monotonic())

    async def send(self, message: Message, text: str) -> None:
        """Take account of a message."""
        self.sources.setdefault(message.source, SourceRun()).update(message)
