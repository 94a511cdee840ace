"""The payload is checked as in Home Assistant 2024.12, but unknown keys, which Home Assistant
ignores, are errors."""

import json
import re
from contextlib import suppress
from typing import Annotated, Any, Literal

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from dancetype.stream.sinks.homeassistant import discovery_payload, discovery_topic, object_id

Topic = Annotated[str, Field(min_length=1, pattern=r"^[^+#\x00]+$")]
Template = Annotated[str, Field(pattern=r"^\{\{ .+ \}\}$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Entity(Strict):
    unique_id: Annotated[str, Field(min_length=1)]
    name: str
    state_topic: Topic
    icon: Annotated[str, Field(pattern="^mdi:[a-z-]+$")] | None = None
    value_template: Template | None = None
    expire_after: PositiveInt | None = None
    entity_category: Literal["diagnostic", "config"] | None = None
    json_attributes_topic: Topic | None = None
    json_attributes_template: Template | None = None


class Sensor(Entity):
    platform: Literal["sensor"]
    unit_of_measurement: str | None = None
    state_class: Literal["measurement", "total", "total_increasing"] | None = None
    suggested_display_precision: int | None = None


class BinarySensor(Entity):
    platform: Literal["binary_sensor"]
    device_class: Literal["connectivity", "problem", "running"]


class Device(Strict):
    identifiers: Annotated[list[str], Field(min_length=1)]
    name: str
    manufacturer: str
    model: str
    sw_version: str


class Origin(Strict):
    name: str
    sw_version: str


class Discovery(Strict):
    device: Device
    origin: Origin
    components: dict[str, Annotated[Sensor | BinarySensor, Field(discriminator="platform")]]
    availability_topic: Topic
    availability_template: Template
    qos: Literal[0, 1, 2]


def payload(source: str = "stage") -> str:
    return discovery_payload(source, base="dancetype/stage", version="1.2.3", genre_expires=300)


def test_payload_has_the_documented_format() -> None:
    discovery = Discovery.model_validate_json(payload())
    topics = {key: entity.state_topic for key, entity in discovery.components.items()}
    assert topics == {
        "genre": "dancetype/stage/genre",
        "confidence": "dancetype/stage/confidence",
        "running": "dancetype/stage/status",
        "fault": "dancetype/stage/status",
    }
    assert discovery.availability_topic == "dancetype/stage/status"
    assert len({entity.unique_id for entity in discovery.components.values()}) == 4


def test_model_with_dancing_has_a_sensor_for_it() -> None:
    text = discovery_payload(
        "stage", base="dancetype/stage", version="1.2.3", genre_expires=300, dancing=True
    )
    components = Discovery.model_validate_json(text).components
    assert components["dancing"].state_topic == "dancetype/stage/dancing"
    assert len({entity.unique_id for entity in components.values()}) == 5
    others = {key: entity for key, entity in components.items() if key != "dancing"}
    assert others == Discovery.model_validate_json(payload()).components


def test_payload_is_the_same_after_a_restart() -> None:
    assert payload() == payload()


@given(st.text(min_size=1))
def test_topic_of_any_source_is_valid_for_home_assistant(source: str) -> None:
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", discovery_topic(source))
    Discovery.model_validate_json(payload(source))


@given(st.text(), st.text())
def test_different_sources_have_different_object_ids(first: str, second: str) -> None:
    assert (object_id(first) == object_id(second)) is (first == second)


def rendered(template: str, value: str) -> str:
    """Render a template like Home Assistant, which defines `value_json` for JSON only."""
    variables: dict[str, Any] = {"value": value}
    with suppress(ValueError):
        variables["value_json"] = json.loads(value)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    return str(environment.from_string(template).render(variables))


SOURCE_MESSAGE = '{"state": "%s", "fault": %s, "reason": null}'


@pytest.mark.parametrize(
    ("status", "running", "fault", "available"),
    [
        (SOURCE_MESSAGE % ("running", "null"), "ON", "OFF", "online"),
        (SOURCE_MESSAGE % ("stalled", '"timed_out"'), "OFF", "ON", "online"),
        (SOURCE_MESSAGE % ("ended", "null"), "OFF", "OFF", "online"),
        ("offline", "OFF", "OFF", "offline"),
        ("stopped", "OFF", "OFF", "offline"),
    ],
)
def test_templates_interpret_the_status(
    status: str, running: str, fault: str, available: str
) -> None:
    discovery = Discovery.model_validate_json(payload())
    assert rendered(discovery.components["running"].value_template or "", status) == running
    assert rendered(discovery.components["fault"].value_template or "", status) == fault
    assert rendered(discovery.availability_template, status) == available
    json.loads(rendered(discovery.components["fault"].json_attributes_template or "", status))


def test_genre_template_returns_the_genre_or_none() -> None:
    template = Discovery.model_validate_json(payload()).components["genre"].value_template or ""
    assert rendered(template, "house") == "house"
    assert rendered(template, "") == "None"
