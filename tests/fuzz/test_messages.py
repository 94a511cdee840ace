import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dancetype.engine.errors import MessageError
from dancetype.stream.messages import parse_message
from tests.fuzz.fuzzing import (
    changed_documents,
    check_parser,
    damaged_bytes,
    fuzz_test,
    texts,
    values,
)

ANSWER = {
    "status": "genre",
    "genre": "HO",
    "name": "house",
    "confidence": 0.9,
    "probabilities": {"HO": 0.9, "BR": 0.1},
    "window": 4.0,
}
PREDICTION = {
    "version": 1,
    "type": "prediction",
    "source": "stage",
    "epoch": 0,
    "seq": 7,
    **ANSWER,
    "dancers": [{"id": 1, **ANSWER}],
    "times": {"sent": 3.0, "capture": 1.0, "pose": 2.0, "window_end": 1.0},
    "latency": {"capture": 0.1, "pose": 0.1, "classify": 0.1, "send": 0.1},
    "frames": {"captured": 9, "posed": 8, "dropped": 1},
    "fps": 30.0,
}
SOURCE = {
    "version": 1,
    "type": "source",
    "source": "stage",
    "epoch": 0,
    "seq": 0,
    "state": "failed",
    "reason": "gone",
    "fault": "not_found",
    "times": {"sent": 1.0},
}


def parse(text: str | bytes) -> None:
    with check_parser("messages", MessageError):
        message = parse_message(text)
        assert parse_message(message.model_dump_json()) == message


@pytest.mark.parametrize("message", [PREDICTION, SOURCE])
def test_unchanged_messages_are_valid(message: dict[str, object]) -> None:
    parse_message(json.dumps(message))


@fuzz_test
@given(texts | st.binary() | values.map(json.dumps))
@example("[" * 100_000)
@example("\ud800")
@example("")
def test_any_text_is_parsed_or_rejected(text: str | bytes) -> None:
    parse(text)


@fuzz_test
@given((changed_documents(PREDICTION) | changed_documents(SOURCE)).map(json.dumps))
@example(json.dumps({**SOURCE, "seq": 10**400}))
def test_changed_message_is_parsed_or_rejected(text: str) -> None:
    parse(text)


@fuzz_test
@given(damaged_bytes(json.dumps(SOURCE).encode()))
def test_damaged_message_is_parsed_or_rejected(text: bytes) -> None:
    parse(text)
