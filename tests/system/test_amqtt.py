"""The MQTT sink with a real broker that does not support MQTT 5."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiomqtt import Client, ProtocolVersion

from dancetype.stream.messages import parse_message
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.mqtt import MqttSink
from tests.testbed.amqtt_broker import amqtt_broker, install_amqtt
from tests.testbed.mosquitto import (
    HOST,
    TIMEOUT,
    capture_warnings,
    mqtt_sink,
    next_message,
    payload_text,
    prediction_message,
    source_message,
)

RUNNING = source_message(instance="first")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_amqtt(tmp_path_factory.mktemp("amqtt"))


@asynccontextmanager
async def subscriber(port: int, topic: str = "dancetype/#") -> AsyncIterator[Client]:
    async with Client(HOST, port, protocol=ProtocolVersion.V311) as client:
        await client.subscribe(topic, qos=1)
        yield client


async def test_messages_are_published_with_mqtt_3_1_1_and_the_log_says_so(
    python: Path, free_port: int
) -> None:
    with capture_warnings("dancetype.stream.sinks.mqtt_connection") as warnings:
        async with amqtt_broker(python, free_port), subscriber(free_port) as client:
            async with mqtt_sink(free_port, homeassistant=True) as sinks:
                await sinks.send(RUNNING)
                status = await next_message(client, "dancetype/clip/status")
                assert parse_message(payload_text(status)) == RUNNING
                await sinks.send(prediction_message(1))
                message = await next_message(client, "dancetype/clip/prediction")
                assert parse_message(payload_text(message)) == prediction_message(1)
                async with subscriber(free_port, "dancetype/clip/genre") as late:
                    assert payload_text(await next_message(late, "dancetype/clip/genre")) == "house"
            assert payload_text(await next_message(client, "dancetype/clip/status")) == "stopped"
    *failures, fallback = [warnings.get_nowait() for _ in range(warnings.qsize())]
    assert "mqtt_version_fallback" in fallback
    # On a busy machine, the broker may not answer in time.
    assert all("retrying with MQTT 3.1.1" in failure for failure in failures)


async def test_second_run_is_detected_with_mqtt_3_1_1_too(python: Path, free_port: int) -> None:
    sinks = [MqttSink(f"mqtt://{HOST}:{free_port}") for _ in range(2)]
    async with (
        amqtt_broker(python, free_port),
        subscriber(free_port) as client,
        SinkFanOut([sinks[0]]) as first,
    ):
        await first.send(RUNNING)
        await next_message(client, "dancetype/clip/status")
        async with SinkFanOut([sinks[1]]) as second:
            await second.send(source_message(instance="second"))
            async with asyncio.timeout(TIMEOUT):
                while [sink.shared_sources for sink in sinks] != [["clip"], ["clip"]]:
                    await asyncio.sleep(0.01)
        while payload_text(await next_message(client, "dancetype/clip/status")) != "stopped":
            pass
        last = await next_message(client, "dancetype/clip/status")
        assert parse_message(payload_text(last)) == RUNNING


async def test_last_will_is_published_with_mqtt_3_1_1(python: Path, free_port: int) -> None:
    async with amqtt_broker(python, free_port), subscriber(free_port) as client:
        sink = MqttSink(f"mqtt://{HOST}:{free_port}")
        await sink.send(RUNNING, RUNNING.model_dump_json())
        await next_message(client, "dancetype/clip/status")
        await sink._connections["clip"].abort()
        assert payload_text(await next_message(client, "dancetype/clip/status")) == "offline"
