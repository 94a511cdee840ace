"""Messages for tests of those who only listen."""

from typing import Any

from dancetype.engine.errors import Fault
from dancetype.engine.rolling import Status
from dancetype.stream.messages import (
    DancerAnswer,
    FrameCounts,
    Latency,
    PredictionMessage,
    PredictionTimes,
    SourceMessage,
    SourceState,
    SourceTimes,
)


def predicted(
    source: str = "stage",
    *,
    status: Status = Status.NO_PERSON,
    genre: str | None = None,
    epoch: int = 0,
    capture: float = 1000.0,
    frames: tuple[int, int, int] = (0, 0, 0),
    dancers: int = 0,
    latency: float = 0.0,
) -> PredictionMessage:
    """A prediction of a frame captured at `capture` seconds since 1970, sent `latency` later."""
    answer: dict[str, Any] = {
        "status": status,
        "genre": genre,
        "name": genre,
        "confidence": 0.0,
        "probabilities": {},
        "window": 0.0,
    }
    captured, posed, dropped = frames
    return PredictionMessage(
        source=source,
        epoch=epoch,
        seq=0,
        **answer,
        dancers=tuple(DancerAnswer(id=number, **answer) for number in range(1, dancers + 1)),
        times=PredictionTimes(
            sent=capture + latency, capture=capture, pose=capture, window_end=capture
        ),
        latency=Latency(capture=0.0, pose=latency, classify=latency / 2, send=0.0),
        frames=FrameCounts(captured=captured, posed=posed, dropped=dropped),
        fps=25.0,
    )


def changed(
    state: SourceState,
    source: str = "stage",
    *,
    fault: Fault | None = None,
    reason: str | None = None,
    epoch: int = 0,
    sent: float = 1000.0,
) -> SourceMessage:
    """A source that is in `state` since `sent` seconds since 1970."""
    return SourceMessage(
        source=source,
        epoch=epoch,
        seq=0,
        state=state,
        reason=reason,
        fault=fault,
        times=SourceTimes(sent=sent),
    )
