import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dancetype.engine.errors import Fault, MessageError
from dancetype.engine.genres import CODES, GENRES
from dancetype.engine.recognizer import DancerPrediction, Prediction
from dancetype.engine.rolling import Estimate, Status
from dancetype.engine.skeleton import JOINTS
from dancetype.stream.clock import Clock
from dancetype.stream.message_builder import MessageBuilder
from dancetype.stream.messages import (
    Heartbeat,
    PredictionMessage,
    SourceMessage,
    SourceState,
    SourceTimes,
    parse_message,
    schema,
    status_text,
)
from dancetype.stream.pipeline import Predicted
from dancetype.stream.sources.base import StateChanged
from tests.engine.walkers import Walker

DOCS = Path(__file__).parents[2] / "docs"
CLOCK = Clock(monotonic=lambda: 99.98, offset=1_700_000_000.0)


def make_estimate(
    status: Status = Status.GENRE,
    genre: str | None = "HO",
    labels: tuple[str, ...] = CODES,
    confidence: float = 0.91234567,
    dancing: float | None = None,
) -> Estimate:
    probabilities = np.full(len(labels), (1 - confidence) / (len(labels) - 1), np.float32)
    probabilities[5] = confidence
    return Estimate(status, genre, confidence, probabilities, dancing)


def build_message(
    estimate: Estimate, *dancers: DancerPrediction, labels: tuple[str, ...] = CODES
) -> PredictionMessage:
    """Build the message for a prediction; `estimate` is that of the first dancer, if any."""
    genres = {code: GENRES.get(code, "argentine tango") for code in labels}
    builder = MessageBuilder("webcam", genres=genres, clock=CLOCK)
    message = builder.build(
        Predicted(
            Prediction(99.9, 4.0, estimate, None, 0.0041234567, dancers),
            epoch=1,
            capture=99.9,
            pose_started=99.91,
            pose_ended=99.96,
            predicted=99.97,
            frame_counts=(30, 28, 2),
            fps=24.987,
            image_size=(1280, 720),
        )
    )
    assert isinstance(message, PredictionMessage)
    return message


def solo_message(
    status: Status = Status.GENRE,
    genre: str | None = "HO",
    labels: tuple[str, ...] = CODES,
    confidence: float = 0.91234567,
) -> PredictionMessage:
    """Return the message for one dancer with landmarks."""
    estimate = make_estimate(status, genre, labels, confidence)
    dancer = DancerPrediction(1, 4.0, estimate, landmarks=Walker().at(0.0))
    return build_message(estimate, dancer, labels=labels)


def duet_message() -> PredictionMessage:
    """Return the message for two dancers without landmarks."""
    first, second = make_estimate(), make_estimate(Status.NOT_SURE, None, confidence=0.4)
    return build_message(first, DancerPrediction(3, 4.0, first), DancerPrediction(1, 4.0, second))


def no_person_message() -> PredictionMessage:
    return build_message(make_estimate(Status.NO_PERSON, None, confidence=0.0))


def source_message(
    state: SourceState = SourceState.FAILED, fault: Fault | None = Fault.NOT_FOUND
) -> SourceMessage:
    builder = MessageBuilder("clip", genres=GENRES, clock=CLOCK)
    message = builder.build(StateChanged(state, 0, "no such file", fault))
    assert isinstance(message, SourceMessage)
    return message


def not_dancing_message() -> PredictionMessage:
    """Return the message for a dancer and a person who does not dance."""
    first = make_estimate(dancing=1.0000001)
    second = make_estimate(Status.NOT_SURE, None, confidence=0.04, dancing=0.12345)
    return build_message(first, DancerPrediction(3, 4.0, first), DancerPrediction(1, 4.0, second))


MESSAGES = [
    solo_message(),
    duet_message(),
    not_dancing_message(),
    no_person_message(),
    source_message(),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_parsing_a_sent_message_returns_the_same_message(
    message: PredictionMessage | SourceMessage,
) -> None:
    assert parse_message(message.model_dump_json()) == message


@pytest.mark.parametrize("message", MESSAGES)
def test_message_is_valid_against_the_published_schema(
    message: PredictionMessage | SourceMessage,
) -> None:
    jsonschema.validate(json.loads(message.model_dump_json()), schema())


def test_heartbeat_is_valid_against_the_published_schema() -> None:
    heartbeat = Heartbeat(dropped={"webcam": 3}, times=SourceTimes(sent=99.0))
    jsonschema.validate(json.loads(heartbeat.model_dump_json()), schema())


def test_published_schema_file_matches_the_models() -> None:
    update = "python -m dancetype.stream.messages > docs/protocol.schema.json"
    assert json.loads((DOCS / "protocol.schema.json").read_text()) == schema(), update


def test_prediction_names_its_genre_and_rounds_its_numbers() -> None:
    message = solo_message()
    assert (message.genre, message.name) == ("HO", "house")
    assert message.confidence == 0.9123
    assert list(message.probabilities) == list(CODES)
    assert message.probabilities["HO"] == 0.9123
    assert message.latency.classify == 0.004123
    assert message.fps == 24.99


def test_latency_parts_add_up_to_the_time_from_capture_to_sending() -> None:
    message = solo_message()
    latency = message.latency
    assert latency.capture == pytest.approx(0.01)
    assert latency.pose == pytest.approx(0.05)
    assert latency.send == pytest.approx(0.01)
    assert message.times.sent - message.times.capture == pytest.approx(0.08, abs=1e-5)


def test_message_has_a_result_for_each_dancer_and_repeats_that_of_the_first() -> None:
    message = duet_message()
    assert [(dancer.id, dancer.genre) for dancer in message.dancers] == [(3, "HO"), (1, None)]
    first = message.dancers[0].model_dump(exclude={"id", "joints"})
    assert message.model_dump(include=set(first)) == first


def test_message_and_each_dancer_have_the_probability_of_dancing() -> None:
    message = not_dancing_message()
    assert [message.dancing, *(dancer.dancing for dancer in message.dancers)] == [1, 1, 0.1235]


def test_dancing_is_null_if_the_model_does_not_give_it() -> None:
    fields = json.loads(duet_message().model_dump_json())
    assert [fields["dancing"], *(dancer["dancing"] for dancer in fields["dancers"])] == [None] * 3


def test_message_of_an_earlier_version_without_dancing_can_be_parsed() -> None:
    fields = json.loads(duet_message().model_dump_json())
    for result in (fields, *fields["dancers"]):
        del result["dancing"]
    assert parse_message(json.dumps(fields)) == duet_message()


@pytest.mark.parametrize(
    ("status", "dancing", "text"),
    [
        (Status.NOT_SURE, None, "not sure"),
        (Status.NOT_SURE, 0.2, "not sure"),
        (Status.NOT_SURE, 0.19, "not dancing"),
        (Status.NOT_SURE, 0.0, "not dancing"),
        (Status.NO_PERSON, None, "no person"),
        (Status.WARMING_UP, None, "warming up"),
    ],
)
def test_text_of_a_status_depends_on_dancing_if_it_is_not_sure(
    status: Status, dancing: float | None, text: str
) -> None:
    assert status_text(status, dancing) == text


def test_joints_of_a_dancer_are_coordinates_in_the_image() -> None:
    message = solo_message()
    (dancer,) = message.dancers
    assert dancer.joints is not None
    assert len(dancer.joints) == len(JOINTS)
    nose, ankle = (dancer.joints[JOINTS.index(name)] for name in ("nose", "left_ankle"))
    assert nose[0] == pytest.approx(0.5, abs=0.05)
    assert nose[1] < ankle[1]
    assert all(value == round(value, 4) for joint in dancer.joints for value in joint)
    assert message.image is not None
    assert (message.image.width, message.image.height) == (1280, 720)


def test_dancer_who_is_not_in_the_newest_frame_has_no_joints() -> None:
    assert [dancer.joints for dancer in duet_message().dancers] == [None, None]


def test_classify_latency_covers_all_dancers_together() -> None:
    assert duet_message().latency.classify == 0.004123
    assert no_person_message().latency.classify == 0.004123


def test_prediction_without_a_person_has_no_dancers() -> None:
    message = no_person_message()
    assert (message.status, message.dancers) == (Status.NO_PERSON, ())


@pytest.mark.parametrize("state", SourceState)
@pytest.mark.parametrize("fault", [None, *Fault])
def test_every_state_can_be_sent_with_or_without_every_fault(
    state: SourceState, fault: Fault | None
) -> None:
    message = source_message(state, fault)
    fields = json.loads(message.model_dump_json())
    assert (fields["state"], fields["fault"]) == (state.value, fault and fault.value)
    assert parse_message(json.dumps(fields)) == message


def test_prediction_without_a_genre_has_no_name() -> None:
    message = solo_message(Status.NOT_SURE, None)
    assert (message.genre, message.name) == (None, None)


def test_custom_genre_has_the_name_from_the_model() -> None:
    message = solo_message(genre="TANGO", labels=(*CODES[:5], "TANGO"))
    assert (message.genre, message.name) == ("TANGO", "argentine tango")


def test_probability_slightly_over_one_is_clipped_to_one() -> None:
    slightly_over_one = float(np.nextafter(np.float32(1), np.float32(2)))
    assert solo_message(confidence=slightly_over_one).confidence == 1


@pytest.mark.parametrize("status", [Status.NOT_SURE, Status.NO_PERSON, Status.WARMING_UP])
def test_message_with_another_status_cannot_name_a_genre(status: Status) -> None:
    with pytest.raises(ValidationError, match="and only then"):
        solo_message(status, "HO")


def test_message_with_status_genre_must_name_a_genre() -> None:
    with pytest.raises(ValidationError, match="and only then"):
        solo_message(Status.GENRE, None)


def test_jump_of_the_wall_clock_does_not_reorder_messages() -> None:
    wall_time = [1_700_000_000.0]
    clock = Clock.start(monotonic=lambda: 50.0, unix=lambda: wall_time[0])
    before = clock.unix(50.0)
    wall_time[0] -= 3600
    assert clock.unix(51.0) == before + 1


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"type": "skeleton"},
        {"status": "unknown"},
        {"confidence": 1.5},
        {"confidence": "0.5"},
        {"seq": -1},
        {"source": ""},
        {"probabilities": {"HO": None}},
        {"fps": float("nan")},
        {"unknown": 1},
        {"frames": {}},
        {"dancers": None},
        {"dancers": [{"id": 0}]},
    ],
)
def test_text_that_violates_the_schema_is_rejected(change: dict[str, object]) -> None:
    fields = json.loads(solo_message().model_dump_json()) | change
    with pytest.raises(MessageError, match="invalid message"):
        parse_message(json.dumps(fields))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = json.loads(solo_message().model_dump_json())


@given(st.text() | st.binary())
def test_parsing_any_text_raises_only_the_documented_error(text: str | bytes) -> None:
    with pytest.raises(MessageError):
        parse_message(text)


@given(st.text(alphabet=st.characters(categories=["Cs", "Cc", "Nd"])))
def test_parsing_broken_unicode_raises_only_the_documented_error(text: str) -> None:
    with pytest.raises(MessageError):
        parse_message(text)


@given(field=st.sampled_from(sorted(FIELDS)), value=JSON)
def test_parsing_a_message_with_a_changed_field_raises_only_the_documented_error(
    field: str, value: object
) -> None:
    try:
        message = parse_message(json.dumps(FIELDS | {field: value}))
    except MessageError:
        return
    assert parse_message(message.model_dump_json()) == message


def test_parsing_deep_nesting_raises_only_the_documented_error() -> None:
    with pytest.raises(MessageError):
        parse_message("[" * 100_000)


def test_examples_in_the_protocol_are_valid_messages() -> None:
    blocks = re.findall(
        r"```json\n(.*?)```", (DOCS / "reference/protocol.md").read_text(), re.DOTALL
    )
    messages = [json.loads(block) for block in blocks]
    types = {"prediction", "source", "heartbeat"}
    outgoing = [message for message in messages if message["type"] in types]
    for message in outgoing:
        jsonschema.validate(message, schema())
    assert {message["type"] for message in outgoing} == types


def test_protocol_explains_every_field_and_every_value() -> None:
    text = (DOCS / "reference/protocol.md").read_text()
    for definition in schema()["$defs"].values():
        for word in [*definition.get("properties", {}), *definition.get("enum", [])]:
            assert re.search(rf"`(\w+\.)?{word}[`.]", text), word
