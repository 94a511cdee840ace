"""Schema of the outgoing messages, the same for every sink: docs/reference/protocol.md."""

import json
from typing import Annotated, Any, Final, Literal, Self

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
from dancetype.engine.rolling import Status

# Part of the schema, so clients import it from here.
from dancetype.stream.sources.base import SourceState as SourceState

# More digits would be noise that every client has to read.
Seconds = Annotated[float, AfterValidator(lambda value: round(value, 6))]
Probability = Annotated[float, Field(ge=0, le=1), AfterValidator(lambda value: round(value, 4))]
SourceName = Annotated[str, Field(min_length=1, max_length=100)]


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


def parse_message(text: str | bytes) -> Message:
    """Parse a message as the sinks write it.

    Raises:
        MessageError: It is not JSON, or not of this schema; nothing else is raised.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MessageError(f"no message: {where}: {first['msg']}") from None


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of every message.

    `docs/protocol.schema.json` is what `python -m dancetype.stream.messages` prints.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dancetype message, version 1",
        **_WITH_HEARTBEAT.json_schema(mode="serialization"),
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
