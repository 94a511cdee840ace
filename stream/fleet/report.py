"""What a camera's process tells its supervisor, once a second."""

from dataclasses import dataclass

from dancetype.engine.errors import Fault
from dancetype.stream.messages import SourceState
from dancetype.stream.run_state import SourceRun


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
        node: Ray ID of the machine that the process runs on.
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


def make_report(run: SourceRun | None, now: float) -> Report:
    """Report how a source is doing.

    Args:
        run: What is known of it; None before its first message.
        now: Seconds since 1970, on the clock of the messages.
    """
    if run is None:
        return Report()
    run.advance(now)
    state, current, frames = run.state, run.current, run.frames
    latencies = sorted(latency.total for latency in run.latencies)
    return Report(
        state=state.state if state else None,
        reason=state.reason if state else None,
        fault=state.fault if state else None,
        word=(current.name or current.status.value) if current else None,
        confidence=run.prediction.confidence if run.prediction else 0.0,
        fps=current.fps if current else 0.0,
        latency=latencies[int(0.95 * (len(latencies) - 1))] if latencies else None,
        captured=frames.captured,
        posed=frames.posed,
        dropped=frames.dropped,
        predictions=run.statuses.total(),
    )
