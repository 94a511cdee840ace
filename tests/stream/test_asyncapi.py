import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml

from dancetype.engine.errors import Fault
from dancetype.engine.rolling import Status
from dancetype.stream.messages import (
    Heartbeat,
    PredictionMessage,
    SourceMessage,
    SourceState,
    SourceTimes,
)
from dancetype.stream.sinks.homeassistant import (
    BIRTH,
    BIRTH_TOPIC,
    NUMBERS_EVERY,
    discovery_payload,
    discovery_topic,
)
from dancetype.stream.sinks.mqtt_topics import GENRE_EXPIRY, PREDICTION_EXPIRY, topic_level
from dancetype.stream.sinks.other_runs import OFFLINE, STOPPED
from dancetype.stream.web.subscription import CloseClient, Hello, Subscribe, read_request
from tests.asyncapi import schemas
from tests.messages import make_prediction, make_source_message

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())


def is_valid(message: Any, name: str) -> bool:
    """Return whether `message` is valid against the schema of the named message."""
    payload = DOCUMENT["components"]["messages"][name]["payload"]
    schema = {"components": DOCUMENT["components"], "allOf": [payload]}
    return jsonschema.Draft7Validator(schema).is_valid(message)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(reference: str) -> Any:
    value = DOCUMENT
    for key in reference.removeprefix("#/").split("/"):
        value = value[key]
    return value


def test_schemas_in_the_document_match_the_models() -> None:
    update = "python -m tests.asyncapi docs/asyncapi.yaml"
    assert DOCUMENT["components"]["schemas"] == schemas(), update
    models = (PredictionMessage, SourceMessage, Heartbeat, Hello, Subscribe)
    payloads = {
        get_args(model.model_fields["type"].annotation)[0]: f"#/components/schemas/{model.__name__}"
        for model in models
    }
    messages = DOCUMENT["components"]["messages"]
    assert payloads == {name: messages[name]["payload"]["$ref"] for name in payloads}
    assert set(payloads) == set(DOCUMENT["channels"]["websocket"]["messages"])


def test_mqtt_payloads_and_bindings_in_the_document_match_the_code() -> None:
    for server in ("mqtt", "mqttTls"):
        will = DOCUMENT["servers"][server]["bindings"]["mqtt"]["lastWill"]
        assert (will["topic"], will["message"]) == ("dancetype/{source}/status", OFFLINE)
        assert (will["qos"], will["retain"]) == (1, True)
    messages = DOCUMENT["components"]["messages"]
    assert messages["offline"]["payload"]["const"] == OFFLINE
    assert messages["stopped"]["payload"]["const"] == STOPPED
    assert f"every {NUMBERS_EVERY:g} s" in messages["confidence"]["summary"]
    assert f"{BIRTH_TOPIC} is {BIRTH}" in DOCUMENT["channels"]["homeAssistant"]["description"]
    bindings = {
        name: operation["bindings"]["mqtt"]
        for name, operation in DOCUMENT["operations"].items()
        if "bindings" in operation
    }
    assert {name: (binding["qos"], binding["retain"]) for name, binding in bindings.items()} == {
        "publishPrediction": (0, False),
        "publishStatus": (1, True),
        "publishGenre": (1, True),
        "publishConfidence": (0, False),
        "publishDancing": (0, False),
        "publishDiscovery": (1, True),
    }
    assert {name: binding.get("messageExpiryInterval") for name, binding in bindings.items()} == {
        "publishPrediction": PREDICTION_EXPIRY,
        "publishStatus": None,
        "publishGenre": GENRE_EXPIRY,
        "publishConfidence": None,
        "publishDancing": None,
        "publishDiscovery": None,
    }


def test_every_reference_can_be_resolved() -> None:
    assert all(resolve(reference) for reference in references(DOCUMENT))


def test_every_component_is_used() -> None:
    used = set(references(DOCUMENT))
    for kind, components in DOCUMENT["components"].items():
        assert {f"#/components/{kind}/{name}" for name in components} <= used


def test_operation_only_has_messages_of_its_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        names = [message["$ref"] for message in operation["messages"]]
        assert names
        assert all(name.startswith(f"{channel}/messages/") for name in names)


@pytest.mark.parametrize(
    "message",
    [
        make_prediction(),
        make_prediction(status=Status.GENRE, genre="HO", dancers=2, frames=(3, 2, 1), latency=0.1),
        make_prediction(status=Status.NOT_SURE, dancing=0.25),
        make_source_message(SourceState.RUNNING),
        make_source_message(SourceState.FAILED, fault=Fault.AUTHENTICATION, reason="unknown user"),
        Heartbeat(dropped={"stage": 3}, times=SourceTimes(sent=1000.0)),
    ],
)
def test_sent_message_is_valid_and_invalid_with_unknown_fields(
    message: PredictionMessage | SourceMessage | Heartbeat,
) -> None:
    fields = json.loads(message.model_dump_json())
    assert is_valid(fields, message.type)
    assert not is_valid(fields | {"unknown": 1}, message.type)
    assert not is_valid(fields | {"times": {}}, message.type)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("prediction", "status", "unknown"),
        ("prediction", "confidence", 1.5),
        ("prediction", "dancing", -0.5),
        ("prediction", "dancers", [{"id": 1}]),
        ("source", "state", "unknown"),
        ("source", "fault", "unknown"),
        ("heartbeat", "dropped", {"stage": -1}),
    ],
)
def test_value_that_is_never_sent_is_invalid(name: str, field: str, value: object) -> None:
    message = {
        "prediction": make_prediction(),
        "source": make_source_message(SourceState.RUNNING),
        "heartbeat": Heartbeat(dropped={}, times=SourceTimes(sent=0.0)),
    }[name]
    assert not is_valid(json.loads(message.model_dump_json()) | {field: value}, name)


@pytest.mark.parametrize(
    "request_",
    [
        {"type": "hello"},
        {"type": "hello", "token": "0123456789abcdef", "sources": ["stage"]},
        {"type": "subscribe"},
        {"type": "subscribe", "sources": ["stage", "hall"]},
        {"type": "subscribe", "sources": [""]},
        {"type": "subscribe", "sources": "stage"},
        {"type": "subscribe", "sources": [str(number) for number in range(65)]},
        {"type": "subscribe", "token": "0123456789abcdef"},
        {"type": "hello", "token": 7},
        {"type": "hello", "token": "x" * 513},
        {"sources": []},
    ],
)
def test_document_accepts_exactly_the_requests_that_the_server_accepts(
    request_: dict[str, Any],
) -> None:
    try:
        allowed = read_request(json.dumps(request_)) is not None
    except CloseClient:
        allowed = False
    assert any(is_valid(request_, name) for name in ("hello", "subscribe")) is allowed


def test_examples_in_the_protocol_are_valid() -> None:
    blocks = re.findall(
        r"```json\n(.*?)```", (DOCS / "reference/protocol.md").read_text(), re.DOTALL
    )
    messages = [message for block in blocks if "type" in (message := json.loads(block))]
    assert messages
    assert all(is_valid(message, message["type"]) for message in messages)


def test_home_assistant_discovery_matches_the_document() -> None:
    address = DOCUMENT["channels"]["homeAssistant"]["address"]
    assert re.fullmatch(address.format(device="dancetype-.+"), discovery_topic("stage"))
    base = f"dancetype/{topic_level('stage')}"
    payload = discovery_payload("stage", base=base, version="1", genre_expires=300, dancing=True)
    assert is_valid(json.loads(payload), "discovery")
    addresses = {
        channel["address"].format(source="stage", device="")
        for channel in DOCUMENT["channels"].values()
    }
    topics = re.findall(r'_topic": "([^"]+)"', payload)
    assert topics
    assert set(topics) <= addresses


@pytest.mark.parametrize("payload", ["offline", "stopped"])
def test_status_payloads_make_entities_unavailable_in_home_assistant(payload: str) -> None:
    assert is_valid(payload, payload)
    discovery = discovery_payload("stage", base="dancetype/stage", version="1", genre_expires=300)
    assert f"'{payload}'" in json.loads(discovery)["availability_template"]
