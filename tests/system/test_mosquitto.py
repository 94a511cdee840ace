"""Against a real Mosquitto on a free port of this machine."""

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
    WITHIN,
    a_prediction,
    a_state,
    an_outlet,
    hear,
    mosquitto,
    subscriber,
    text,
    texts,
    warnings_of,
)

ROOT = Path(__file__).parents[2]
RUNNING = a_state()

PUBLISHER = """
import asyncio, sys
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.mqtt import MqttSink
from tests.testbed.mosquitto import a_state

async def main():
    async with SinkFanOut([MqttSink(sys.argv[1])]) as outlets:
        for source in ("left", "right"):
            await outlets.send(a_state(source=source))
        await asyncio.Event().wait()

asyncio.run(main())
"""


def expiry(message: Message) -> int | None:
    return getattr(message.properties, "MessageExpiryInterval", None)


async def nothing_more(ear: Client, topic: str, port: int) -> None:
    """Nothing was said on a topic before what is said now on another."""
    async with Client(HOST, port) as client:
        await client.publish("dancetype/end", qos=1)
    async with asyncio.timeout(WITHIN):
        async for message in ear.messages:
            assert not message.topic.matches(topic)
            if message.topic.value == "dancetype/end":
                return


async def test_a_subscriber_hears_messages_that_are_valid_against_the_schema(
    free_port: int, tmp_path: Path
) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as ear,
        an_outlet(free_port) as outlets,
    ):
        await outlets.send(RUNNING)
        status = await hear(ear)
        assert (status.topic.value, status.qos) == ("dancetype/clip/status", 1)
        assert parse_message(text(status)) == RUNNING
        for seq in range(1, 4):
            await outlets.send(a_prediction(seq))
            said = await hear(ear, "dancetype/clip/prediction")
            assert parse_message(text(said)) == a_prediction(seq)
            assert (said.qos, said.retain, expiry(said)) == (0, False, 2)
            jsonschema.validate(json.loads(text(said)), schema())


async def test_who_subscribes_late_hears_status_and_genre_but_no_old_prediction(
    free_port: int, tmp_path: Path
) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as early,
        an_outlet(free_port) as outlets,
    ):
        await outlets.send(RUNNING)
        await hear(early, "dancetype/clip/status")
        await outlets.send(a_prediction(1))
        await hear(early, "dancetype/clip/genre")
        async with subscriber(free_port) as late:
            held = {(one.topic.value, text(one)) for one in [await hear(late), await hear(late)]}
            assert held == {
                ("dancetype/clip/status", RUNNING.model_dump_json()),
                ("dancetype/clip/genre", "house"),
            }
            await outlets.send(a_prediction(2))
            assert parse_message(text(await hear(late))).seq == 2


async def test_the_genre_is_said_on_change_alone_expires_and_goes_with_the_source(
    free_port: int, tmp_path: Path
) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as ear,
        an_outlet(free_port) as outlets,
    ):
        await outlets.send(RUNNING)
        await hear(ear, "dancetype/clip/genre")  # Whatever there was before is cleared.
        await outlets.send(a_prediction(1))
        assert text(await hear(ear, "dancetype/clip/genre")) == "house"
        await outlets.send(a_prediction(2))
        await outlets.send(a_prediction(3, genre=None, status=Status.NO_PERSON))
        changed = await hear(ear, "dancetype/clip/genre")
        assert (text(changed), changed.qos, expiry(changed)) == ("no_person", 1, 300)
        await outlets.send(a_state(SourceState.STALLED))
        assert text(await hear(ear, "dancetype/clip/genre")) == ""
        await outlets.send(a_state())
        await hear(ear, "dancetype/clip/status")
        async with subscriber(free_port, "dancetype/clip/genre") as late:
            await nothing_more(ear, "dancetype/clip/genre", free_port)
            assert len(late.messages) == 0


async def test_a_broker_that_starts_late_is_published_to(free_port: int, tmp_path: Path) -> None:
    with warnings_of("dancetype.stream.sinks.mqtt") as warnings:
        async with an_outlet(free_port) as outlets:
            await outlets.send(RUNNING)
            async with asyncio.timeout(WITHIN):
                assert "no MQTT broker on that port" in await warnings.get()
            async with mosquitto(free_port, tmp_path), subscriber(free_port) as ear:
                assert parse_message(text(await hear(ear, "+/+/status"))) == RUNNING
                await outlets.send(a_prediction(1))
                said = await hear(ear, "+/+/prediction")
                assert parse_message(text(said)) == a_prediction(1)


async def test_stopping_clears_the_genre_and_says_stopped(free_port: int, tmp_path: Path) -> None:
    async with mosquitto(free_port, tmp_path), subscriber(free_port) as ear:
        async with an_outlet(free_port) as outlets:
            await outlets.send(RUNNING)
            await hear(ear, "dancetype/clip/genre")
            await outlets.send(a_prediction(1))
            assert text(await hear(ear, "dancetype/clip/genre")) == "house"
        assert await texts(ear, "dancetype/clip/#", 2) == ["", "stopped"]
        # A connection that is closed without a goodbye would have the broker say `offline`.
        await nothing_more(ear, "dancetype/clip/status", free_port)


async def test_when_the_process_dies_each_source_is_said_to_be_offline(
    free_port: int, tmp_path: Path
) -> None:
    async with mosquitto(free_port, tmp_path), subscriber(free_port) as ear:
        publisher = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PUBLISHER, f"mqtt://{HOST}:{free_port}", cwd=ROOT, stdout=DEVNULL
        )
        await texts(ear, "dancetype/+/status", 2)
        publisher.kill()
        await publisher.wait()
        assert await texts(ear, "dancetype/left/status", 1) == ["offline"]
        async with subscriber(free_port, "dancetype/right/status") as late:
            assert text(await hear(late, "#")) == "offline"


async def test_names_that_are_no_topic_levels_have_topics_all_the_same(
    free_port: int, tmp_path: Path
) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as ear,
        an_outlet(free_port) as outlets,
    ):
        await outlets.send(a_state(source="stage/left #1+"))
        said = await hear(ear, "#")
    assert said.topic.value == "dancetype/stage%2Fleft %231%2B/status"
    assert parse_message(text(said)).source == "stage/left #1+"


async def test_a_genre_left_behind_by_a_run_that_died_is_cleared(
    free_port: int, tmp_path: Path
) -> None:
    async with mosquitto(free_port, tmp_path), subscriber(free_port) as ear:
        async with Client(HOST, free_port) as dead:
            await dead.publish("dancetype/clip/genre", "krump", qos=1, retain=True)
        assert text(await hear(ear)) == "krump"
        async with an_outlet(free_port) as outlets:
            await outlets.send(a_state(SourceState.CONNECTING))
            assert text(await hear(ear, "dancetype/clip/genre")) == ""


async def test_two_clients_without_an_id_do_not_put_each_other_out(
    free_port: int, tmp_path: Path
) -> None:
    one, other = (MqttSink(f"mqtt://{HOST}:{free_port}") for _ in range(2))
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as ear,
        SinkFanOut([one]) as first,
        SinkFanOut([other]) as second,
    ):
        for outlets in (first, second, first, second):
            await outlets.send(RUNNING)
            await hear(ear, "dancetype/clip/status")
        assert all(one.links.values())
        assert all(other.links.values())


@pytest.fixture
def discovery(free_port: int) -> str:
    return "homeassistant/device/dancetype-clip/config"


async def test_home_assistant_is_told_at_once_and_again_when_it_has_started(
    free_port: int, tmp_path: Path, discovery: str
) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port, "#") as ear,
        an_outlet(free_port, homeassistant=True) as outlets,
    ):
        await outlets.send(RUNNING)
        first = await hear(ear, discovery)
        async with subscriber(free_port, discovery) as late:
            assert text(await hear(late, discovery)) == text(first)
        async with Client(HOST, free_port) as assistant:
            await assistant.publish("homeassistant/status", "offline", qos=1)
            await assistant.publish("homeassistant/status", "online", qos=1)
        assert text(await hear(ear, discovery)) == text(first)
        await outlets.send(a_prediction(1))
        assert text(await hear(ear, "dancetype/clip/confidence")) == "90"
        for topic in ("genre", "status", "confidence"):
            assert f'"dancetype/clip/{topic}"' in text(first)


async def test_home_assistant_is_told_nothing_unless_asked_for(
    free_port: int, tmp_path: Path
) -> None:
    async with mosquitto(free_port, tmp_path), subscriber(free_port, "#") as ear:
        async with an_outlet(free_port) as outlets:
            await outlets.send(RUNNING)
            await outlets.send(a_prediction(1))
            await hear(ear, "dancetype/clip/genre")
        await nothing_more(ear, "homeassistant/#", free_port)
