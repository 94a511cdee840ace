"""The one schema of what goes out, whichever outlet it goes out by; `docs/protocol.md` tells it."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from dancetype.engine.errors import Fault, MessageError
from dancetype.engine.floor import FloorPrediction
from dancetype.engine.landmarks import Landmarks, coco_image, coco_visibility
from dancetype.engine.recognizer import Prediction
from dancetype.engine.rolling import Status

# More digits would be noise that every client has to read.
Seconds = Annotated[float, AfterValidator(lambda value: round(value, 6))]
Probability = Annotated[float, Field(ge=0, le=1), AfterValidator(lambda value: round(value, 4))]
SourceName = Annotated[str, Field(min_length=1, max_length=100)]


class SourceState(StrEnum):
    """What a source is doing."""

    CONNECTING = "connecting"
    """It is opened for the first time."""
    RUNNING = "running"
    """It gives frames."""
    STALLED = "stalled"
    """It is open and gives no frames."""
    RECONNECTING = "reconnecting"
    """It is tried again, for as long as it takes."""
    ENDED = "ended"
    """It is over, as a file is."""
    FAILED = "failed"
    """It is given up: trying again would not help."""


class _Model(BaseModel):
    model_config = ConfigDict(
        allow_inf_nan=False,
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
    )


class SourceTimes(_Model):
    """When things happened, in seconds since 1970 on a clock that never jumps."""

    sent: Seconds
    """When the message was handed to the outlets."""


class PredictionTimes(SourceTimes):
    """When things happened, in seconds since 1970 on a clock that never jumps."""

    capture: Seconds
    """When the newest frame was captured."""
    pose: Seconds
    """When the pose of that frame was there."""
    window_end: Seconds
    """Capture time at which the window ends."""


class Latency(_Model):
    """How long each step took, in seconds."""

    capture: Seconds
    """From the frame's capture until pose estimation took it up."""
    pose: Seconds
    """Pose estimation."""
    classify: Seconds
    """Cutting the window and classifying it."""
    send: Seconds
    """From the prediction until it was handed to the outlets."""


class FrameCounts(_Model):
    """Frames since the epoch began."""

    captured: NonNegativeInt
    """Read from the source."""
    posed: NonNegativeInt
    """Through pose estimation, with a person or without."""
    dropped: NonNegativeInt
    """Overtaken by a newer frame before pose estimation was free."""


class ImageSize(_Model):
    """Size of a frame, in pixels."""

    width: PositiveInt
    height: PositiveInt


class _Message(_Model):
    version: Literal[1] = 1
    """Of this schema."""
    source: SourceName
    """Name of the source."""
    epoch: NonNegativeInt
    """Grows by one each time the source starts again."""
    seq: NonNegativeInt
    """Grows by one with each message of the source, of either type, over all epochs."""


class _Answer(_Model):
    """What is said of a dancer."""

    status: Status
    """Whether a genre can be named, and why not."""
    genre: str | None
    """Code of the genre, only with status `genre`."""
    name: str | None
    """Name of the genre, only with status `genre`."""
    confidence: Probability
    """Of the likeliest genre; 0 without a window."""
    probabilities: dict[str, Probability]
    """Genre code to probability, smoothed over the last windows; all 0 without a window."""
    window: Annotated[float, Field(ge=0), AfterValidator(lambda value: round(value, 6))]
    """Seconds of dance that the window held; 0 without one."""

    @model_validator(mode="after")
    def _names_a_genre_or_does_not(self) -> Self:
        named = self.status is Status.GENRE
        if (self.genre is not None) is not named or (self.name is not None) is not named:
            raise ValueError("genre and name go with status 'genre', and only with it")
        return self


Joint = tuple[float, float, float]
"""x (to the right) and y (down), from 0 to 1 within the image, and visibility from 0 to 1."""


class DancerAnswer(_Answer):
    """What one dancer of a source is dancing."""

    id: PositiveInt
    """Stays with the dancer while he or she is followed."""
    joints: tuple[Joint, ...] | None = Field(default=None, strict=False)
    """COCO's 17 joints as seen in the newest frame; null where not seen in it. x (to the right) and
    y (down) go from 0 to 1 within the image, visibility from 0 (guessed) to 1 (seen)."""


class PredictionMessage(_Answer, _Message):
    """What is being danced in front of one source, by the first of its dancers."""

    type: Literal["prediction"] = "prediction"
    """Tells the messages apart."""
    dancers: tuple[DancerAnswer, ...] = Field(default=(), strict=False)
    """Everybody who is followed, the first one too: who moves before who stands still, then
    oldest id first."""
    times: PredictionTimes
    latency: Latency
    frames: FrameCounts
    fps: Annotated[float, Field(ge=0), AfterValidator(lambda value: round(value, 2))]
    """Poses a second, lately."""
    image: ImageSize | None = None
    """Size of the newest frame, which tells the form of what joints are normalised to."""


class SourceMessage(_Message):
    """What a source is doing, sent whenever that changes."""

    type: Literal["source"] = "source"
    """Tells the messages apart."""
    state: SourceState
    """What the source is doing now."""
    reason: str | None = None
    """Why, for people to read."""
    fault: Fault | None = None
    """Why, for programs, where it is not as it should be."""
    times: SourceTimes


class Heartbeat(_Model):
    """Says each second, to each client of the WebSocket, that the connection is alive."""

    version: Literal[1] = 1
    """Of this schema."""
    type: Literal["heartbeat"] = "heartbeat"
    """Tells the messages apart."""
    dropped: dict[SourceName, NonNegativeInt]
    """Messages of each source that this client was too slow for, since it connected."""
    times: SourceTimes


Message = PredictionMessage | SourceMessage

_ADAPTER: Final[TypeAdapter[Message]] = TypeAdapter(Annotated[Message, Field(discriminator="type")])
_WITH_HEARTBEAT: Final[TypeAdapter[Message | Heartbeat]] = TypeAdapter(
    Annotated[Message | Heartbeat, Field(discriminator="type")]
)


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic time, and the one offset that makes it Unix time.

    The offset is taken once, so a wall clock that jumps later cannot reorder messages.

    Attributes:
        monotonic: seconds on a clock that never goes back.
        offset: what to add to that for seconds since 1970.
    """

    monotonic: Callable[[], float]
    offset: float

    @classmethod
    def start(
        cls,
        monotonic: Callable[[], float] = time.monotonic,
        unix: Callable[[], float] = time.time,
    ) -> Self:
        """Takes the offset now."""
        return cls(monotonic, unix() - monotonic())

    def unix(self, monotonic: float) -> float:
        """Seconds since 1970 at `monotonic` seconds."""
        return monotonic + self.offset


@dataclass(frozen=True, slots=True)
class Moments:
    """The way of one frame from the camera to the outlets, in seconds of the monotonic clock.

    Attributes:
        capture: it was captured.
        taken: pose estimation took it up.
        posed: its pose was there.
        predicted: the prediction that ends with it was made.
        sent: that prediction is handed to the outlets.
    """

    capture: float
    taken: float
    posed: float
    predicted: float
    sent: float


def prediction_message(
    prediction: FloorPrediction,
    *,
    genres: Mapping[str, str],
    source: str,
    epoch: int,
    seq: int,
    moments: Moments,
    frames: FrameCounts,
    fps: float,
    image_size: tuple[int, int],
    clock: Clock,
) -> PredictionMessage:
    """Puts a prediction into words for the world.

    Args:
        prediction: with a `window_end` in seconds of the monotonic clock.
        genres: K codes, in the classifier's order, and the name of each.
        source: its name.
        epoch: of the source.
        seq: of the message.
        moments: of the newest frame in the window.
        frames: counted in this epoch.
        fps: poses a second, lately.
        image_size: width and height of that frame in pixels.
        clock: turns monotonic into Unix time.
    """
    leading = prediction.leading
    return PredictionMessage(
        source=source,
        epoch=epoch,
        seq=seq,
        **_answer(leading, genres),
        dancers=tuple(
            DancerAnswer(
                id=dancer.id,
                **_answer(dancer.prediction, genres),
                joints=None if dancer.landmarks is None else _joints(dancer.landmarks),
            )
            for dancer in prediction.dancers
        ),
        times=PredictionTimes(
            capture=clock.unix(moments.capture),
            pose=clock.unix(moments.posed),
            window_end=clock.unix(leading.window_end),
            sent=clock.unix(moments.sent),
        ),
        latency=Latency(
            capture=moments.taken - moments.capture,
            pose=moments.posed - moments.taken,
            classify=sum(
                each.classify_seconds
                for each in [dancer.prediction for dancer in prediction.dancers] or [leading]
            ),
            send=moments.sent - moments.predicted,
        ),
        frames=frames,
        fps=fps,
        image=ImageSize(width=image_size[0], height=image_size[1]),
    )


def _joints(landmarks: Landmarks) -> tuple[Joint, ...]:
    seen = np.column_stack([coco_image(landmarks.image), coco_visibility(landmarks.visibility)])
    rounded = np.round(seen.astype(np.float64), 4).tolist()
    return tuple((x, y, visibility) for x, y, visibility in rounded)


def _answer(prediction: Prediction, genres: Mapping[str, str]) -> dict[str, Any]:
    estimate = prediction.estimate
    return {
        "status": estimate.status,
        "genre": estimate.genre,
        "name": None if estimate.genre is None else genres[estimate.genre],
        "confidence": _probability(estimate.confidence),
        "probabilities": {
            code: _probability(value)
            for code, value in zip(genres, estimate.probabilities, strict=True)
        },
        "window": prediction.window_seconds,
    }


def source_message(
    state: SourceState,
    reason: str | None = None,
    fault: Fault | None = None,
    *,
    source: str,
    epoch: int,
    seq: int,
    sent: float,
    clock: Clock,
) -> SourceMessage:
    """Says that a source is in `state` at `sent`, in seconds of the monotonic clock."""
    return SourceMessage(
        source=source,
        epoch=epoch,
        seq=seq,
        state=state,
        reason=reason,
        fault=fault,
        times=SourceTimes(sent=clock.unix(sent)),
    )


def parse_message(text: str | bytes) -> Message:
    """Reads a message as the outlets write it.

    Raises:
        MessageError: it is not JSON, or not of this schema; nothing else is raised.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MessageError(f"no message: {where}: {first['msg']}") from None


def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of every message.

    `docs/protocol.schema.json` is what `python -m dancetype.stream.messages` prints.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dancetype message, version 1",
        **_WITH_HEARTBEAT.json_schema(mode="serialization"),
    }


def _probability(value: float) -> float:
    """`value` as a Python float; float32 sums may be a hair over 1."""
    return min(max(float(value), 0.0), 1.0)


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
