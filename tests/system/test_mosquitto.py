"""The MQTT sink with a real Mosquitto broker."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path

import jsonschema
import pytest
from aiomqtt import Client, Message

from dancetype.engine.rolling import Status
from dancetype.stream.messages import SourceState, parse_message, schema
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.mqtt import MqttSink
from tests.testbed.mosquitto import (
    HOST,
    TIMEOUT,
    capture_warnings,
    mosquitto,
    mqtt_sink,
    next_message,
    payload_text,
    payload_texts,
    prediction_message,
    source_message,
    subscriber,
)

ROOT = Path(__file__).parents[2]
RUNNING = source_message()

PUBLISHER = """
import asyncio, sys
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.mqtt import MqttSink
from tests.testbed.mosquitto import source_message

async def main():
    async with SinkFanOut([MqttSink(sys.argv[1])]) as sinks:
        for source in ("left", "right"):
            await sinks.send(source_message(source=source))
        await asyncio.Event().wait()

asyncio.run(main())
"""


def expiry(message: Message) -> int | None:
    return getattr(message.properties, "MessageExpiryInterval", None)


async def assert_no_more(client: Client, topic: str, port: int) -> None:
    """Assert that a topic gets no message before the one published here on another topic."""
    async with Client(HOST, port) as publisher:
        await publisher.publish("dancetype/end", qos=1)
    async with asyncio.timeout(TIMEOUT):
        async for message in client.messages:
            assert not message.topic.matches(topic)
            if message.topic.value == "dancetype/end":
                return


async def test_messages_are_valid_against_the_schema(free_port: int, tmp_path: Path) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as client,
        mqtt_sink(free_port) as sinks,
    ):
        await sinks.send(RUNNING)
        status = await next_message(client)
        assert (status.topic.value, status.qos) == ("dancetype/clip/status", 1)
        assert parse_message(payload_text(status)) == RUNNING
        for seq in range(1, 4):
            await sinks.send(prediction_message(seq))
            message = await next_message(client, "dancetype/clip/prediction")
            assert parse_message(payload_text(message)) == prediction_message(seq)
            assert (message.qos, message.retain, expiry(message)) == (0, False, 2)
            jsonschema.validate(json.loads(payload_text(message)), schema())


async def test_late_subscriber_gets_status_and_genre_but_no_old_prediction(
    free_port: int, tmp_path: Path
) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as early,
        mqtt_sink(free_port) as sinks,
    ):
        await sinks.send(RUNNING)
        await next_message(early, "dancetype/clip/status")
        await sinks.send(prediction_message(1))
        await next_message(early, "dancetype/clip/genre")
        async with subscriber(free_port) as late:
            retained = {
                (message.topic.value, payload_text(message))
                for message in [await next_message(late), await next_message(late)]
            }
            assert retained == {
                ("dancetype/clip/status", RUNNING.model_dump_json()),
                ("dancetype/clip/genre", "house"),
            }
            await sinks.send(prediction_message(2))
            assert parse_message(payload_text(await next_message(late))).seq == 2


async def test_genre_is_published_on_change_expires_and_is_cleared_on_a_stall(
    free_port: int, tmp_path: Path
) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as client,
        mqtt_sink(free_port) as sinks,
    ):
        await sinks.send(RUNNING)
        await next_message(
            client, "dancetype/clip/genre"
        )  # A genre from an earlier run is cleared.
        await sinks.send(prediction_message(1))
        assert payload_text(await next_message(client, "dancetype/clip/genre")) == "house"
        await sinks.send(prediction_message(2))
        await sinks.send(prediction_message(3, genre=None, status=Status.NO_PERSON))
        changed = await next_message(client, "dancetype/clip/genre")
        assert (payload_text(changed), changed.qos, expiry(changed)) == ("no_person", 1, 300)
        await sinks.send(source_message(SourceState.STALLED))
        assert payload_text(await next_message(client, "dancetype/clip/genre")) == ""
        await sinks.send(source_message())
        await next_message(client, "dancetype/clip/status")
        async with subscriber(free_port, "dancetype/clip/genre") as late:
            await assert_no_more(client, "dancetype/clip/genre", free_port)
            assert len(late.messages) == 0


async def test_publishes_to_a_broker_that_starts_later(free_port: int, tmp_path: Path) -> None:
    with capture_warnings("dancetype.stream.sinks.mqtt_connection") as warnings:
        async with mqtt_sink(free_port) as sinks:
            await sinks.send(RUNNING)
            async with asyncio.timeout(TIMEOUT):
                assert "no MQTT broker on that port" in await warnings.get()
            async with mosquitto(free_port, tmp_path), subscriber(free_port) as client:
                assert (
                    parse_message(payload_text(await next_message(client, "+/+/status"))) == RUNNING
                )
                await sinks.send(prediction_message(1))
                message = await next_message(client, "+/+/prediction")
                assert parse_message(payload_text(message)) == prediction_message(1)


async def test_stopping_clears_the_genre_and_publishes_stopped(
    free_port: int, tmp_path: Path
) -> None:
    async with mosquitto(free_port, tmp_path), subscriber(free_port) as client:
        async with mqtt_sink(free_port) as sinks:
            await sinks.send(RUNNING)
            await next_message(client, "dancetype/clip/genre")
            await sinks.send(prediction_message(1))
            assert payload_text(await next_message(client, "dancetype/clip/genre")) == "house"
        assert await payload_texts(client, "dancetype/clip/#", 2) == ["", "stopped"]
        # Without an MQTT DISCONNECT the broker would publish `offline`.
        await assert_no_more(client, "dancetype/clip/status", free_port)


async def test_each_source_is_offline_after_the_process_is_killed(
    free_port: int, tmp_path: Path
) -> None:
    async with mosquitto(free_port, tmp_path), subscriber(free_port) as client:
        publisher = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PUBLISHER, f"mqtt://{HOST}:{free_port}", cwd=ROOT, stdout=DEVNULL
        )
        await payload_texts(client, "dancetype/+/status", 2)
        publisher.kill()
        await publisher.wait()
        assert await payload_texts(client, "dancetype/left/status", 1) == ["offline"]
        async with subscriber(free_port, "dancetype/right/status") as late:
            assert payload_text(await next_message(late, "#")) == "offline"


async def test_source_names_are_escaped_in_topics(free_port: int, tmp_path: Path) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as client,
        mqtt_sink(free_port) as sinks,
    ):
        await sinks.send(source_message(source="stage/left #1+"))
        message = await next_message(client, "#")
    assert message.topic.value == "dancetype/stage%2Fleft %231%2B/status"
    assert parse_message(payload_text(message)).source == "stage/left #1+"


async def test_genre_retained_from_a_crashed_run_is_cleared(free_port: int, tmp_path: Path) -> None:
    async with mosquitto(free_port, tmp_path), subscriber(free_port) as client:
        async with Client(HOST, free_port) as dead:
            await dead.publish("dancetype/clip/genre", "krump", qos=1, retain=True)
        assert payload_text(await next_message(client)) == "krump"
        async with mqtt_sink(free_port) as sinks:
            await sinks.send(source_message(SourceState.CONNECTING))
            assert payload_text(await next_message(client, "dancetype/clip/genre")) == ""


async def test_two_sinks_without_client_id_do_not_disconnect_each_other(
    free_port: int, tmp_path: Path
) -> None:
    first_sink, second_sink = (MqttSink(f"mqtt://{HOST}:{free_port}") for _ in range(2))
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as client,
        SinkFanOut([first_sink]) as first,
        SinkFanOut([second_sink]) as second,
    ):
        for sinks in (first, second, first, second):
            await sinks.send(RUNNING)
            await next_message(client, "dancetype/clip/status")
        assert all(first_sink.connections.values())
        assert all(second_sink.connections.values())


@pytest.fixture
def discovery(free_port: int) -> str:
    return "homeassistant/device/dancetype-clip/config"


async def test_discovery_is_published_at_once_and_when_home_assistant_starts(
    free_port: int, tmp_path: Path, discovery: str
) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port, "#") as client,
        mqtt_sink(free_port, homeassistant=True) as sinks,
    ):
        await sinks.send(RUNNING)
        first = await next_message(client, discovery)
        async with subscriber(free_port, discovery) as late:
            assert payload_text(await next_message(late, discovery)) == payload_text(first)
        async with Client(HOST, free_port) as assistant:
            await assistant.publish("homeassistant/status", "offline", qos=1)
            await assistant.publish("homeassistant/status", "online", qos=1)
        assert payload_text(await next_message(client, discovery)) == payload_text(first)
        await sinks.send(prediction_message(1))
        assert payload_text(await next_message(client, "dancetype/clip/confidence")) == "90"
        for topic in ("genre", "status", "confidence"):
            assert f'"dancetype/clip/{topic}"' in payload_text(first)


async def test_home_assistant_gets_a_sensor_once_a_prediction_has_dancing(
    free_port: int, tmp_path: Path
) -> None:
    discovery, dancing = "homeassistant/device/dancetype-clip/config", "dancetype/clip/dancing"
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port, "#") as client,
        mqtt_sink(free_port, homeassistant=True) as sinks,
    ):
        await sinks.send(RUNNING)
        assert dancing not in payload_text(await next_message(client, discovery))
        await sinks.send(prediction_message(1, dancing=0.97))
        assert dancing in payload_text(await next_message(client, discovery))
        assert payload_text(await next_message(client, dancing)) == "97"


async def test_no_discovery_unless_enabled(free_port: int, tmp_path: Path) -> None:
    async with mosquitto(free_port, tmp_path), subscriber(free_port, "#") as client:
        async with mqtt_sink(free_port) as sinks:
            await sinks.send(RUNNING)
            await sinks.send(prediction_message(1))
            await next_message(client, "dancetype/clip/genre")
        await assert_no_more(client, "homeassistant/#", free_port)
