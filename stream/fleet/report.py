"""Report that a camera's process sends to the supervisor once a second."""

from dataclasses import dataclass

from dancetype.engine.errors import Fault
from dancetype.stream.messages import SourceState
from dancetype.stream.run_state import SourceRun


@dataclass(frozen=True, slots=True)
class Report:
    """State of a camera. Counts start with the process.

    Attributes:
        state: State of the source; None before its first message.
        reason: Cause of the state, as text.
        fault: Cause of the state, as a code.
        genre_or_status: Name of the genre, or the status; None without a recent prediction.
        confidence: Confidence of the genre.
        fps: Recent poses per second.
        latency: Seconds from capture to sending, 95th percentile of the last minute; None without
            predictions in the last minute.
        captured: Number of frames read.
        posed: Number of frames processed by pose estimation.
        dropped: Number of frames replaced by a newer one before processing.
        predictions: Number of predictions.
        connected: Whether the process is connected to the broker.
        cpu_seconds: CPU time of the process.
        version: Version of dancetype in the process.
        node: Ray's id of the machine.
    """

    state: SourceState | None = None
    reason: str | None = None
    fault: Fault | None = None
    genre_or_status: str | None = None
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
    """Return the report for a source.

    Args:
        run: State of the source; None before its first message.
        now: Current time in seconds since 1970.
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
        genre_or_status=(current.name or current.status.value) if current else None,
        confidence=run.prediction.confidence if run.prediction else 0.0,
        fps=current.fps if current else 0.0,
        latency=latencies[int(0.95 * (len(latencies) - 1))] if latencies else None,
        captured=frames.captured,
        posed=frames.posed,
        dropped=frames.dropped,
        predictions=run.statuses.total(),
    )
