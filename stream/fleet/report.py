"""What a camera's process tells its supervisor, once a second."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Self

from dancetype.engine.errors import Fault
from dancetype.stream.messages import Message, SourceMessage, SourceState
from dancetype.stream.new_frames import NewFrames

_LATELY: Final = 60.0


@dataclass(frozen=True, slots=True)
class Report:
    """How a camera is doing.

    Attributes:
        state: of its source; None before it has said anything.
        reason: why, for people to read.
        fault: why, for programs.
        word: name of the genre, or the status in its place; None without a fresh prediction.
        confidence: of that.
        fps: poses a second, lately.
        latency: seconds from capture to sending, as at most 95 % of the last minute's predictions.
        captured: frames read since the process began.
        posed: of these, those through pose estimation.
        dropped: of these, those overtaken by a newer one.
        predictions: made since then.
        connected: whether the broker takes them.
        cpu_seconds: that the process has used.
        version: of dancetype in it.
        node: Ray's id of the machine that the process runs on.
    """

    state: SourceState | None = None
    reason: str | None = None
    fault: Fault | None = None
    word: str | None = None
    confidence: float = 0.0
    fps: float = 0.0
    latency: float | None = None
    captured: int = 0
    posed: int = 0
    dropped: int = 0
    predictions: int = 0
    connected: bool = False
    cpu_seconds: float = 0.0
    version: str = ""
    node: str = ""


class ReportSink:
    """A sink that summarizes messages as reports.

    Args:
        clock: Monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._report = Report()
        self._latencies: deque[tuple[float, float]] = deque()
        self._new_frames = NewFrames()

    async def __aenter__(self) -> Self:
        """Does nothing."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Does nothing."""

    async def send(self, message: Message, text: str) -> None:
        """Takes note of `message`."""
        del text
        now = self._clock()
        if isinstance(message, SourceMessage):
            running = message.state is SourceState.RUNNING
            self._report = replace(
                self._report,
                state=message.state,
                reason=message.reason,
                fault=message.fault,
                word=self._report.word if running else None,
                fps=self._report.fps if running else 0.0,
            )
            return
        self._latencies.append((now, message.times.sent - message.times.capture))
        new = self._new_frames.of(message)
        self._report = replace(
            self._report,
            word=message.name or message.status.value,
            confidence=message.confidence,
            fps=message.fps,
            captured=self._report.captured + new.captured,
            posed=self._report.posed + new.posed,
            dropped=self._report.dropped + new.dropped,
            predictions=self._report.predictions + 1,
        )

    def report(self) -> Report:
        """How it is now."""
        now = self._clock()
        while self._latencies and now - self._latencies[0][0] > _LATELY:
            self._latencies.popleft()
        latencies = sorted(latency for _, latency in self._latencies)
        worst = latencies[int(0.95 * (len(latencies) - 1))] if latencies else None
        return replace(self._report, latency=worst)
