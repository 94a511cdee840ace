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

# Part of the schema, so other modules import it from here.
from dancetype.stream.sources.base import SourceState as SourceState
from dancetype.stream.sources.names import MAX_NAME_LENGTH

# Rounded, since more digits would be noise in every message.
Seconds = Annotated[float, AfterValidator(lambda value: round(value, 6))]
Probability = Annotated[float, Field(ge=0, le=1), AfterValidator(lambda value: round(value, 4))]
SourceName = Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH)]

STATUS_TEXTS: Final = {
    Status.WARMING_UP: "warming up",
    Status.NO_PERSON: "no person",
    Status.NOT_SURE: "not sure",
}
"""Texts for people of the statuses without a genre; see `status_text`."""

# Far below one half, because the text must not be wrong for a dancer whom the model does not know.
_MIN_DANCING: Final = 0.2


def is_not_dancing(dancing: float | None) -> bool:
    """Return whether a person is unlikely to dance; False if the probability is None, unknown."""
    return dancing is not None and dancing < _MIN_DANCING


def status_text(status: Status, dancing: float | None) -> str:
    """Return the text for people of a status without a genre.

    Args:
        status: Any status but `GENRE`.
        dancing: Probability that the person dances; None if it is unknown.
    """
    if status is Status.NOT_SURE and is_not_dancing(dancing):
        return "not dancing"
    return STATUS_TEXTS[status]


class _Model(BaseModel):
    model_config = ConfigDict(
        allow_inf_nan=False,
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
    )


class SourceTimes(_Model):
    """Times in seconds since 1970, on a clock that never jumps."""

    sent: Seconds
    """Time when the message was passed to the sinks."""


class PredictionTimes(SourceTimes):
    """Times in seconds since 1970, on a clock that never jumps."""

    capture: Seconds
    """Capture time of the newest frame."""
    pose: Seconds
    """Time when the pose in that frame was ready."""
    window_end: Seconds
    """Capture time at which the window ends."""


class Latency(_Model):
    """Duration of each processing step, in seconds."""

    capture: Seconds
    """From the capture of the newest frame to the start of pose estimation."""
    pose: Seconds
    """Pose estimation."""
    classify: Seconds
    """Cutting and classifying the windows of all dancers."""
    send: Seconds
    """From the prediction until the message was passed to the sinks."""


class FrameCounts(_Model):
    """Numbers of frames since the start of the epoch."""

    captured: NonNegativeInt
    """Frames read from the source."""
    posed: NonNegativeInt
    """Frames processed by pose estimation, with or without a person."""
    dropped: NonNegativeInt
    """Frames replaced by a newer one before pose estimation could process them."""


class ImageSize(_Model):
    """Size of a frame, in pixels."""

    width: PositiveInt
    height: PositiveInt


class _Message(_Model):
    version: Literal[1] = 1
    """Version of this schema."""
    source: SourceName
    """Name of the source."""
    epoch: NonNegativeInt
    """Number of the source's current start; increases each time the source restarts."""
    seq: NonNegativeInt
    """Number of the message; increases by one with each message of the source, regardless of type
    and epoch."""


class GenreResult(_Model):
    """Classification result for one dancer."""

    status: Status
    """Kind of result: a genre, or the reason why none is named."""
    genre: str | None
    """Code of the genre; null unless the status is `genre`."""
    name: str | None
    """Name of the genre; null unless the status is `genre`."""
    confidence: Probability
    """Probability of the likeliest genre; 0 without a window."""
    probabilities: dict[str, Probability]
    """Probability of each genre by its code, smoothed over the last windows; all 0 without a
    window. Otherwise, they sum to `dancing` or, if that is null, to 1."""
    dancing: Probability | None = None
    """Calibrated probability that the person dances; null without a window, or if the model does
    not distinguish dance from other motion."""
    window: Annotated[float, Field(ge=0), AfterValidator(lambda value: round(value, 6))]
    """Time covered by the window, in seconds; 0 without a window."""

    @model_validator(mode="after")
    def _check_genre_matches_status(self) -> Self:
        has_genre = self.status is Status.GENRE
        if (self.genre is not None) is not has_genre or (self.name is not None) is not has_genre:
            raise ValueError("genre and name must be set if the status is 'genre', and only then")
        return self


Joint = tuple[float, float, float]
"""Coordinates x (to the right) and y (down), from 0 to 1 within the image, and visibility."""


class DancerResult(GenreResult):
    """Classification result for one dancer of a source."""

    id: PositiveInt
    """Identity of the dancer; unchanged while the dancer is tracked."""
    joints: tuple[Joint, ...] | None = Field(default=None, strict=False)
    """COCO's 17 joints in the newest frame; null if the dancer was not detected in it. x (to the
    right) and y (down) are from 0 to 1 within the image, visibility from 0 (guessed) to 1
    (visible)."""


class PredictionMessage(GenreResult, _Message):
    """Prediction for a source; its own result is that of the primary dancer."""

    type: Literal["prediction"] = "prediction"
    """Type of the message."""
    dancers: tuple[DancerResult, ...] = Field(default=(), strict=False)
    """All tracked dancers, the primary one first: moving before standing, then by ascending id."""
    times: PredictionTimes
    latency: Latency
    frames: FrameCounts
    fps: Annotated[float, Field(ge=0), AfterValidator(lambda value: round(value, 2))]
    """Recent number of poses per second."""
    pose_fps: Annotated[float, Field(gt=0)] | None = None
    """Maximum number of poses per second, which `--pose-fps auto` reduces while the machine is
    short of time; null for all frames."""
    image: ImageSize | None = None
    """Size of the newest frame, to which the coordinates of the joints are relative."""


class SourceMessage(_Message):
    """State of a source, sent whenever it changes."""

    type: Literal["source"] = "source"
    """Type of the message."""
    state: SourceState
    """Current state of the source."""
    reason: str | None = None
    """Cause of the state, for people to read."""
    fault: Fault | None = None
    """Cause of the state, for programs; null if nothing is wrong."""
    instance: str | None = None
    """Random id of the run. If messages of one source have different ids, two runs publish under
    the same source name."""
    times: SourceTimes


class Heartbeat(_Model):
    """Sign that the connection is alive, sent to each WebSocket client every second."""

    version: Literal[1] = 1
    """Version of this schema."""
    type: Literal["heartbeat"] = "heartbeat"
    """Type of the message."""
    dropped: dict[SourceName, NonNegativeInt]
    """Number of messages of each source that this client missed since it connected, because it was
    too slow."""
    times: SourceTimes


Message = PredictionMessage | SourceMessage

_ADAPTER: Final[TypeAdapter[Message]] = TypeAdapter(Annotated[Message, Field(discriminator="type")])
_WITH_HEARTBEAT: Final[TypeAdapter[Message | Heartbeat]] = TypeAdapter(
    Annotated[Message | Heartbeat, Field(discriminator="type")]
)


def parse_message(text: str | bytes) -> Message:
    """Parse the JSON text of a message.

    Raises:
        MessageError: The text is not JSON, or does not follow this schema.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise MessageError(f"invalid message: {field}: {first['msg']}") from None


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of all messages.

    `python -m dancetype.stream.messages` prints it, for `docs/protocol.schema.json`.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dancetype message, version 1",
        **_WITH_HEARTBEAT.json_schema(mode="serialization"),
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
