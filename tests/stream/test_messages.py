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
)
from dancetype.stream.pipeline import Predicted
from dancetype.stream.sources.base import StateChanged
from tests.engine.walkers import Walker

DOCS = Path(__file__).parents[2] / "docs"
CLOCK = Clock(monotonic=lambda: 99.98, offset=1_700_000_000.0)


def estimated(
    status: Status = Status.GENRE,
    genre: str | None = "HO",
    labels: tuple[str, ...] = CODES,
    confidence: float = 0.91234567,
) -> Estimate:
    probabilities = np.full(len(labels), (1 - confidence) / (len(labels) - 1), np.float32)
    probabilities[5] = confidence
    return Estimate(status, genre, confidence, probabilities)


def sent(
    estimate: Estimate, *dancers: DancerPrediction, labels: tuple[str, ...] = CODES
) -> PredictionMessage:
    """The message of a prediction whose first dancer, if any, is estimated as in `estimate`."""
    genres = {code: GENRES.get(code, "argentine tango") for code in labels}
    builder = MessageBuilder("webcam", genres=genres, clock=CLOCK)
    message = builder.build(
        Predicted(
            Prediction(99.9, 4.0, estimate, None, 0.0041234567, dancers),
            epoch=1,
            capture=99.9,
            taken=99.91,
            posed=99.96,
            predicted=99.97,
            frame_counts=(30, 28, 2),
            fps=24.987,
            image_size=(1280, 720),
        )
    )
    assert isinstance(message, PredictionMessage)
    return message


def a_prediction(
    status: Status = Status.GENRE,
    genre: str | None = "HO",
    labels: tuple[str, ...] = CODES,
    confidence: float = 0.91234567,
) -> PredictionMessage:
    estimate = estimated(status, genre, labels, confidence)
    seen = Walker().at(0.0)
    return sent(estimate, DancerPrediction(1, 4.0, estimate, landmarks=seen), labels=labels)


def a_duet() -> PredictionMessage:
    first, other = estimated(), estimated(Status.NOT_SURE, None, confidence=0.4)
    return sent(first, DancerPrediction(3, 4.0, first), DancerPrediction(1, 4.0, other))


def an_empty_floor() -> PredictionMessage:
    return sent(estimated(Status.NO_PERSON, None, confidence=0.0))


def a_source_message(
    state: SourceState = SourceState.FAILED, fault: Fault | None = Fault.NOT_FOUND
) -> SourceMessage:
    builder = MessageBuilder("clip", genres=GENRES, clock=CLOCK)
    message = builder.build(StateChanged(state, 0, "no such file", fault))
    assert isinstance(message, SourceMessage)
    return message


MESSAGES = [a_prediction(), a_duet(), an_empty_floor(), a_source_message()]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_that_went_out_reads_as_the_same_message(
    message: PredictionMessage | SourceMessage,
) -> None:
    assert parse_message(message.model_dump_json()) == message


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_valid_against_the_published_schema(
    message: PredictionMessage | SourceMessage,
) -> None:
    jsonschema.validate(json.loads(message.model_dump_json()), schema())


def test_a_heartbeat_is_valid_against_the_published_schema() -> None:
    heartbeat = Heartbeat(dropped={"webcam": 3}, times=SourceTimes(sent=99.0))
    jsonschema.validate(json.loads(heartbeat.model_dump_json()), schema())


def test_the_published_schema_file_agrees_with_the_models() -> None:
    remedy = "python -m dancetype.stream.messages > docs/protocol.schema.json"
    assert json.loads((DOCS / "protocol.schema.json").read_text()) == schema(), remedy


def test_a_prediction_names_its_genre_and_rounds_its_numbers() -> None:
    message = a_prediction()
    assert (message.genre, message.name) == ("HO", "house")
    assert message.confidence == 0.9123
    assert list(message.probabilities) == list(CODES)
    assert message.probabilities["HO"] == 0.9123
    assert message.latency.classify == 0.004123
    assert message.fps == 24.99


def test_latency_parts_add_up_to_the_way_from_capture_to_sending() -> None:
    message = a_prediction()
    latency = message.latency
    assert latency.capture == pytest.approx(0.01)
    assert latency.pose == pytest.approx(0.05)
    assert latency.send == pytest.approx(0.01)
    assert message.times.sent - message.times.capture == pytest.approx(0.08, abs=1e-5)


def test_a_duet_is_told_of_one_by_one_and_the_first_speaks_for_the_source() -> None:
    message = a_duet()
    assert [(dancer.id, dancer.genre) for dancer in message.dancers] == [(3, "HO"), (1, None)]
    first = message.dancers[0].model_dump(exclude={"id", "joints"})
    assert message.model_dump(include=set(first)) == first


def test_a_dancer_has_the_joints_that_were_seen_as_places_in_the_image() -> None:
    message = a_prediction()
    (dancer,) = message.dancers
    assert dancer.joints is not None
    assert len(dancer.joints) == len(JOINTS)
    nose, ankle = (dancer.joints[JOINTS.index(name)] for name in ("nose", "left_ankle"))
    assert nose[0] == pytest.approx(0.5, abs=0.05)
    assert nose[1] < ankle[1]
    assert all(value == round(value, 4) for joint in dancer.joints for value in joint)
    assert message.image is not None
    assert (message.image.width, message.image.height) == (1280, 720)


def test_a_dancer_who_is_not_in_the_newest_frame_has_no_joints() -> None:
    assert [dancer.joints for dancer in a_duet().dancers] == [None, None]


def test_classifying_takes_as_long_as_it_takes_for_all_dancers_together() -> None:
    assert a_duet().latency.classify == 0.004123
    assert an_empty_floor().latency.classify == 0.004123


def test_without_anybody_there_is_an_answer_and_no_dancer() -> None:
    message = an_empty_floor()
    assert (message.status, message.dancers) == (Status.NO_PERSON, ())


@pytest.mark.parametrize("state", SourceState)
@pytest.mark.parametrize("fault", [None, *Fault])
def test_every_state_goes_out_with_every_fault_or_none(
    state: SourceState, fault: Fault | None
) -> None:
    message = a_source_message(state, fault)
    fields = json.loads(message.model_dump_json())
    assert (fields["state"], fields["fault"]) == (state.value, fault and fault.value)
    assert parse_message(json.dumps(fields)) == message


def test_without_a_genre_a_prediction_has_no_name_either() -> None:
    message = a_prediction(Status.NOT_SURE, None)
    assert (message.genre, message.name) == (None, None)


def test_a_genre_unknown_to_aist_goes_by_the_name_that_the_model_has_for_it() -> None:
    message = a_prediction(genre="TANGO", labels=(*CODES[:5], "TANGO"))
    assert (message.genre, message.name) == ("TANGO", "argentine tango")


def test_a_probability_a_hair_over_one_counts_as_one() -> None:
    assert (
        a_prediction(confidence=float(np.nextafter(np.float32(1), np.float32(2)))).confidence == 1
    )


@pytest.mark.parametrize("status", [Status.NOT_SURE, Status.NO_PERSON, Status.WARMING_UP])
def test_no_message_can_name_a_genre_while_saying_that_there_is_none(status: Status) -> None:
    with pytest.raises(ValidationError, match="only with it"):
        a_prediction(status, "HO")


def test_no_message_can_say_genre_without_naming_one() -> None:
    with pytest.raises(ValidationError, match="only with it"):
        a_prediction(Status.GENRE, None)


def test_a_wall_clock_that_jumps_does_not_reorder_messages() -> None:
    wall = [1_700_000_000.0]
    clock = Clock.start(monotonic=lambda: 50.0, unix=lambda: wall[0])
    before = clock.unix(50.0)
    wall[0] -= 3600
    assert clock.unix(51.0) == before + 1


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"type": "skeleton"},
        {"status": "asleep"},
        {"confidence": 1.5},
        {"confidence": "0.5"},
        {"seq": -1},
        {"source": ""},
        {"probabilities": {"HO": None}},
        {"fps": float("nan")},
        {"unheard_of": 1},
        {"frames": {}},
        {"dancers": None},
        {"dancers": [{"id": 0}]},
    ],
)
def test_a_text_that_differs_from_the_schema_is_refused(change: dict[str, object]) -> None:
    fields = json.loads(a_prediction().model_dump_json()) | change
    with pytest.raises(MessageError, match="no message"):
        parse_message(json.dumps(fields))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = json.loads(a_prediction().model_dump_json())


@given(st.text() | st.binary())
def test_parsing_any_text_raises_only_the_documented_error(text: str | bytes) -> None:
    with pytest.raises(MessageError):
        parse_message(text)


@given(st.text(alphabet=st.characters(categories=["Cs", "Cc", "Nd"])))
def test_parsing_broken_unicode_raises_only_the_documented_error(text: str) -> None:
    with pytest.raises(MessageError):
        parse_message(text)


@given(field=st.sampled_from(sorted(FIELDS)), value=JSON)
def test_parsing_a_message_with_a_spoilt_field_raises_only_the_documented_error(
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


def test_the_examples_in_the_protocol_are_valid_messages() -> None:
    blocks = re.findall(
        r"```json\n(.*?)```", (DOCS / "reference/protocol.md").read_text(), re.DOTALL
    )
    messages = [json.loads(block) for block in blocks]
    ours = [each for each in messages if each["type"] in ("prediction", "source", "heartbeat")]
    for message in ours:
        jsonschema.validate(message, schema())
    assert {each["type"] for each in ours} == {"prediction", "source", "heartbeat"}


def test_the_protocol_explains_every_field_and_every_value() -> None:
    text = (DOCS / "reference/protocol.md").read_text()
    for definition in schema()["$defs"].values():
        for word in [*definition.get("properties", {}), *definition.get("enum", [])]:
            assert re.search(rf"`(\w+\.)?{word}[`.]", text), word
