"""Messages for tests: every field has a default and can be given by its name."""

from collections.abc import Sequence
from typing import Any

from dancetype.engine.genres import CODES, GENRES
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


def _answer(status: Status | None, genre: str | None) -> dict[str, Any]:
    return {
        "status": status or (Status.GENRE if genre else Status.NO_PERSON),
        "genre": genre,
        "name": genre and GENRES.get(genre, genre.lower()),
        "confidence": 0.9,
        "probabilities": dict.fromkeys(CODES, 0.1),
        "window": 4.0,
    }


def dancer(
    number: int, genre: str | None = None, *, status: Status | None = None, **fields: Any
) -> DancerAnswer:
    """Return what a message says of one dancer: a genre, or else a status without one."""
    return DancerAnswer(id=number, **_answer(status, genre) | fields)


def predicted(
    source: str = "stage",
    *,
    genre: str | None = None,
    status: Status | None = None,
    capture: float = 1000.0,
    latency: float | Latency = 0.0,
    frames: tuple[int, int, int] = (0, 0, 0),
    dancers: int | Sequence[DancerAnswer] = 0,
    **fields: Any,
) -> PredictionMessage:
    """Return a prediction.

    Args:
        source: Name of the source.
        genre: Code of the genre.
        status: Status; by default `genre`, or `no_person` without one.
        capture: Capture time of the frame, in seconds since 1970.
        latency: Time until the message is sent, or its parts.
        frames: Frames captured, posed and dropped.
        dancers: The dancers, or how many there are who dance the same.
        fields: Further fields of the message.
    """
    if not isinstance(latency, Latency):
        sent = capture + latency
        latency = Latency(capture=0.0, pose=latency, classify=latency / 2, send=0.0)
    else:
        sent = capture + sum(latency.model_dump().values())
    if isinstance(dancers, int):
        dancers = [dancer(number, genre, status=status) for number in range(1, dancers + 1)]
    captured, posed, dropped = frames
    made = {
        "source": source,
        "epoch": 0,
        "seq": 0,
        **_answer(status, genre),
        "dancers": tuple(dancers),
        "times": PredictionTimes(sent=sent, capture=capture, pose=capture, window_end=capture),
        "latency": latency,
        "frames": FrameCounts(captured=captured, posed=posed, dropped=dropped),
        "fps": 25.0,
    }
    return PredictionMessage(**made | fields)


def changed(
    state: SourceState = SourceState.RUNNING,
    source: str = "stage",
    *,
    sent: float = 1000.0,
    **fields: Any,
) -> SourceMessage:
    """Return the message that a source is in `state` since `sent` seconds since 1970."""
    made: dict[str, Any] = {
        "source": source,
        "epoch": 0,
        "seq": 0,
        "state": state,
        "times": SourceTimes(sent=sent),
    }
    return SourceMessage(**made | fields)
