"""Messages for tests; every field has a default and can be set by its name."""

import math
from collections.abc import Sequence
from typing import Any

from dancetype.engine.genres import CODES, GENRES
from dancetype.engine.rolling import Status
from dancetype.stream.messages import (
    DancerResult,
    FrameCounts,
    ImageSize,
    Joint,
    Latency,
    PredictionMessage,
    PredictionTimes,
    SourceMessage,
    SourceState,
    SourceTimes,
)


def _result_fields(status: Status | None, genre: str | None) -> dict[str, Any]:
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
) -> DancerResult:
    """Return the result for one dancer."""
    return DancerResult(id=number, **_result_fields(status, genre) | fields)


def make_prediction(
    source: str = "stage",
    *,
    genre: str | None = None,
    status: Status | None = None,
    capture: float = 1000.0,
    latency: float | Latency = 0.0,
    frames: tuple[int, int, int] = (0, 0, 0),
    dancers: int | Sequence[DancerResult] = 0,
    **fields: Any,
) -> PredictionMessage:
    """Return a prediction message.

    Args:
        source: Name of the source.
        genre: Code of the genre.
        status: Status; if None, `genre`, or `no_person` without a genre.
        capture: Capture time of the frame, in seconds since 1970.
        latency: Seconds from capture to sending, in total or by step.
        frames: Numbers of frames captured, posed and dropped.
        dancers: Results for the dancers, or number of dancers with the same result.
        fields: Other fields of the message.
    """
    if not isinstance(latency, Latency):
        sent = capture + latency
        latency = Latency(capture=0.0, pose=latency, classify=latency / 2, send=0.0)
    else:
        sent = capture + sum(latency.model_dump().values())
    if isinstance(dancers, int):
        dancers = [dancer(number, genre, status=status) for number in range(1, dancers + 1)]
    captured, posed, dropped = frames
    defaults = {
        "source": source,
        "epoch": 0,
        "seq": 0,
        **_result_fields(status, genre),
        "dancers": tuple(dancers),
        "times": PredictionTimes(sent=sent, capture=capture, pose=capture, window_end=capture),
        "latency": latency,
        "frames": FrameCounts(captured=captured, posed=posed, dropped=dropped),
        "fps": 25.0,
    }
    return PredictionMessage(**defaults | fields)


def make_body(time: float, degrees: float, **fields: Any) -> PredictionMessage:
    """Return the prediction of a dancer whose body points `degrees` clockwise from up.

    Args:
        time: Seconds since the first message.
        degrees: Direction from the hips to the shoulders in the image.
        fields: Other fields of the message, and `visibility` of the joints.
    """
    width, height, visibility = 1920, 1080, fields.pop("visibility", 1.0)
    angle = math.radians(degrees)
    joints: list[Joint] = [(0.5, 0.5, visibility)] * 17
    x, y = 200 * math.sin(angle) / width, 200 * math.cos(angle) / height
    joints[5] = joints[6] = (0.5 + x, 0.5 - y, visibility)
    return make_prediction(
        genre="BR",
        capture=1000 + time,
        dancers=[dancer(1, "BR", joints=tuple(joints))],
        image=ImageSize(width=width, height=height),
        **fields,
    )


def make_source_message(
    state: SourceState = SourceState.RUNNING,
    source: str = "stage",
    *,
    sent: float = 1000.0,
    **fields: Any,
) -> SourceMessage:
    """Return a source message for `state`, sent `sent` seconds after 1970."""
    defaults: dict[str, Any] = {
        "source": source,
        "epoch": 0,
        "seq": 0,
        "state": state,
        "times": SourceTimes(sent=sent),
    }
    return SourceMessage(**defaults | fields)
