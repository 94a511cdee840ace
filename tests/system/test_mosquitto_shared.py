"""Two runs with the same source name on one broker."""

import asyncio
import json
import logging
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path

import pytest
from aiomqtt import Client
from jinja2 import Environment

from dancetype.stream.messages import SourceMessage, SourceState, parse_message
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.homeassistant import discovery_payload
from dancetype.stream.sinks.mqtt import MqttSink
from dancetype.stream.sinks.mqtt_topics import GENRE_EXPIRY
from tests.system.conftest import Figure
from tests.testbed.mosquitto import (
    HOST,
    TIMEOUT,
    capture_warnings,
    mosquitto,
    next_message,
    payload_text,
    prediction_message,
    source_message,
    subscriber,
)

ROOT = Path(__file__).parents[2]
FIRST = source_message(instance="first")
SECOND = source_message(SourceState.STALLED, instance="second")
RUN = [sys.executable, "-m", "dancetype", "run", "--no-serve", "--source", "clip=test:"]


def is_available(status: str) -> bool:
    """Return whether Home Assistant shows a device with this status as available."""
    discovery = json.loads(
        discovery_payload("clip", base="x", version="1", genre_expires=GENRE_EXPIRY)
    )
    template = Environment().from_string(discovery["availability_template"])
    return template.render(value=status) == "online"


async def wait_for_status(client: Client, message: SourceMessage | str) -> None:
    text = message if isinstance(message, str) else message.model_dump_json()
    while payload_text(await next_message(client, "dancetype/clip/status")) != text:
        pass


async def retained(port: int, topic: str) -> str:
    async with subscriber(port, f"dancetype/clip/{topic}") as late:
        return payload_text(await next_message(late))


async def test_both_runs_report_each_other_once(free_port: int, tmp_path: Path) -> None:
    sinks = [MqttSink(f"mqtt://{HOST}:{free_port}") for _ in range(2)]
    with capture_warnings("dancetype.stream.sinks.other_runs") as warnings:
        async with (
            mosquitto(free_port, tmp_path),
            subscriber(free_port) as client,
            SinkFanOut([sinks[0]]) as first,
            SinkFanOut([sinks[1]]) as second,
        ):
            await first.send(FIRST)
            await wait_for_status(client, FIRST)
            assert sinks[0].shared_sources == []
            await second.send(SECOND)
            async with asyncio.timeout(TIMEOUT):
                reports = [await warnings.get() for _ in range(2)]
            assert [sink.shared_sources for sink in sinks] == [["clip"], ["clip"]]
            # The second run answers the answer of the first one; nothing follows.
            for message in (SECOND, FIRST, SECOND):
                await wait_for_status(client, message)
            await first.send(source_message(instance="first", seq=5))
            await wait_for_status(client, source_message(instance="first", seq=5))
            assert warnings.empty()
    for report in reports:
        assert report.startswith("mqtt_topic_shared")
        assert "topic='dancetype/clip'" in report
        assert "choose another name" in report


@pytest.mark.parametrize("end", ["stopped", "offline"])
async def test_state_and_genre_of_the_other_run_remain_when_one_ends(
    free_port: int, tmp_path: Path, figure: Figure, end: str
) -> None:
    running = source_message(instance="second")
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as client,
        SinkFanOut([MqttSink(f"mqtt://{HOST}:{free_port}")]) as second,
    ):
        first = MqttSink(f"mqtt://{HOST}:{free_port}")
        await first.send(FIRST, FIRST.model_dump_json())
        await wait_for_status(client, FIRST)
        await second.send(running)
        await second.send(prediction_message(1))
        await wait_for_status(client, running)
        if end == "stopped":
            await first.__aexit__()
        else:
            await first._connections["clip"].abort()
        await wait_for_status(client, end)
        start = asyncio.get_running_loop().time()
        await wait_for_status(client, running)
        delay = asyncio.get_running_loop().time() - start
        status = await retained(free_port, "status")
        assert parse_message(status) == running
        assert is_available(status)
        assert not is_available(end)
        assert await retained(free_port, "genre") == "house"
    if end == "stopped":
        text = f"the status of the other run is published again after {delay * 1e3:.0f} ms"
        figure("mosquitto shared", text)


async def test_commands_with_the_same_source_report_each_other_and_the_last_one_stays_available(
    free_port: int, tmp_path: Path
) -> None:
    broker = ["--mqtt", f"mqtt://{HOST}:{free_port}"]
    async with mosquitto(free_port, tmp_path), subscriber(free_port) as client:
        logs = [tmp_path / "first.log", tmp_path / "second.log"]
        first, second = [
            await asyncio.create_subprocess_exec(
                *RUN, *broker, cwd=ROOT, stdout=DEVNULL, stderr=log.open("wb")
            )
            for log in logs
        ]
        try:
            async with asyncio.timeout(60):
                while not all("mqtt_topic_shared" in log.read_text() for log in logs):
                    await asyncio.sleep(0.1)
            first.terminate()
            await first.wait()
            await wait_for_status(client, "stopped")
            last = await next_message(client, "dancetype/clip/status")
            assert is_available(payload_text(last))
            assert await retained(free_port, "status") == payload_text(last)
        finally:
            for process in (first, second):
                if process.returncode is None:
                    process.terminate()
                await process.wait()
        assert await retained(free_port, "status") == "stopped"


async def test_run_whose_user_may_not_read_publishes_without_detection(
    free_port: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "acl").write_text("topic write dancetype/#\n")
    settings = f"allow_anonymous true\nacl_file {tmp_path / 'acl'}"
    sinks = [MqttSink(f"mqtt://{HOST}:{free_port}") for _ in range(2)]
    async with (
        mosquitto(free_port, tmp_path, settings),
        SinkFanOut([sinks[0]]) as first,
        SinkFanOut([sinks[1]]) as second,
    ):
        await first.send(FIRST)
        await second.send(SECOND)
        async with asyncio.timeout(TIMEOUT):
            while [sink.connections for sink in sinks] != [{"clip": True}] * 2:
                await asyncio.sleep(0.01)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
