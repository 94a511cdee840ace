"""Against a real Mosquitto on a free port of this machine."""

import asyncio
import json
import logging
import os
import shutil
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from time import monotonic
from urllib.parse import quote

import jsonschema
import pytest
from aiomqtt import Client

from engine.genres import CODES
from engine.rolling import Status
from stream.messages import (
    Clock,
    FrameCounts,
    Latency,
    PredictionMessage,
    PredictionTimes,
    SourceState,
    parse_message,
    schema,
    source_message,
)
from stream.outlets.base import Outlets
from stream.outlets.mqtt import MqttOutlet

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]
# Debian puts the broker where only root's PATH leads.
PATH = f"{os.environ['PATH']}:/usr/sbin"
MOSQUITTO = shutil.which("mosquitto", path=PATH)
MOSQUITTO_PASSWD = shutil.which("mosquitto_passwd", path=PATH)
# The longest wait between two tries, and some time to connect.
WITHIN = 8.0

RUNNING = source_message(
    SourceState.RUNNING, source="clip", epoch=0, seq=0, sent=0.0, clock=Clock(monotonic, offset=0.0)
)

PUBLISHER = """
import asyncio, sys
from time import monotonic
from stream.messages import Clock, SourceState, source_message
from stream.outlets.mqtt import MqttOutlet
from stream.outlets.base import Outlets

async def main():
    async with Outlets([MqttOutlet(sys.argv[1])]) as outlets:
        for source in ("left", "right"):
            await outlets.send(source_message(
                SourceState.RUNNING, source=source, epoch=0, seq=0, sent=0.0,
                clock=Clock(monotonic, offset=0.0),
            ))
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])


@asynccontextmanager
async def mosquitto(
    port: int, folder: Path, access: str = "allow_anonymous true"
) -> AsyncIterator[None]:
    """A broker that takes connections while this is entered, and is killed thereafter."""
    assert MOSQUITTO, "these tests need a broker: apt-get install mosquitto"
    settings = folder / "mosquitto.conf"
    # Started by root it would change to a user who may not read the folders of tests.
    settings.write_text(f"listener {port} {HOST}\nuser root\n{access}\n")
    broker = await asyncio.create_subprocess_exec(MOSQUITTO, "-c", str(settings), stderr=PIPE)
    assert broker.stderr
    try:
        async with asyncio.timeout(WITHIN):
            while b"running" not in (line := await broker.stderr.readline()):
                assert line, "mosquitto ended"
        yield
    finally:
        broker.kill()
        await broker.wait()


@asynccontextmanager
async def subscriber(
    port: int, login: tuple[str | None, str | None] = (None, None)
) -> AsyncIterator[Client]:
    """A client that hears everything."""
    async with Client(HOST, port, username=login[0], password=login[1]) as client:
        await client.subscribe("dancetype/#", qos=1)
        yield client


async def hear(client: Client) -> tuple[str, str, bool]:
    """The next message: topic, text and whether it had been retained."""
    async with asyncio.timeout(WITHIN):
        message = await anext(client.messages)
    assert isinstance(message.payload, bytes)
    return message.topic.value, message.payload.decode(), message.retain


@contextmanager
def warnings_of(name: str) -> Iterator[asyncio.Queue[str]]:
    """What is logged under `name` from level WARNING on, as it comes."""
    queue = asyncio.Queue[str]()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: queue.put_nowait(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger(name).addHandler(handler)
    try:
        yield queue
    finally:
        logging.getLogger(name).removeHandler(handler)


def a_prediction(seq: int, source: str = "clip") -> PredictionMessage:
    return PredictionMessage(
        source=source,
        epoch=0,
        seq=seq,
        status=Status.GENRE,
        genre="HO",
        name="house",
        confidence=0.9,
        probabilities=dict.fromkeys(CODES, 0.1),
        window=4.0,
        times=PredictionTimes(capture=1.0, pose=1.05, window_end=1.0, sent=1.07),
        latency=Latency(capture=0.01, pose=0.04, classify=0.01, send=0.01),
        frames=FrameCounts(captured=30, posed=30, dropped=0),
        fps=30.0,
    )


def an_outlet(port: int, login: str = "") -> Outlets:
    return Outlets([MqttOutlet(f"mqtt://{login}{HOST}:{port}")])


async def test_a_subscriber_hears_messages_that_are_valid_against_the_schema(
    port: int, tmp_path: Path
) -> None:
    async with mosquitto(port, tmp_path), subscriber(port) as ear, an_outlet(port) as outlets:
        await outlets.send(RUNNING)
        topic, text, _ = await hear(ear)
        assert (topic, parse_message(text)) == ("dancetype/clip/status", RUNNING)
        for seq in range(1, 4):
            await outlets.send(a_prediction(seq))
            topic, text, _ = await hear(ear)
            assert (topic, parse_message(text)) == ("dancetype/clip/prediction", a_prediction(seq))
            jsonschema.validate(json.loads(text), schema())


async def test_who_subscribes_late_hears_the_status_but_no_old_prediction(
    port: int, tmp_path: Path
) -> None:
    async with mosquitto(port, tmp_path), subscriber(port) as early, an_outlet(port) as outlets:
        await outlets.send(RUNNING)
        await hear(early)
        await outlets.send(a_prediction(1))
        await hear(early)
        async with subscriber(port) as late:
            assert await hear(late) == ("dancetype/clip/status", RUNNING.model_dump_json(), True)
            await outlets.send(a_prediction(2))
            assert parse_message((await hear(late))[1]).seq == 2


async def test_a_broker_that_starts_late_is_published_to(port: int, tmp_path: Path) -> None:
    with warnings_of("stream.outlets.mqtt") as warnings:
        async with an_outlet(port) as outlets:
            await outlets.send(RUNNING)
            async with asyncio.timeout(WITHIN):
                await warnings.get()
            async with mosquitto(port, tmp_path), subscriber(port) as ear:
                assert parse_message((await hear(ear))[1]) == RUNNING
                await outlets.send(a_prediction(1))
                assert parse_message((await hear(ear))[1]) == a_prediction(1)


async def test_a_broker_that_comes_back_is_told_the_status_again(port: int, tmp_path: Path) -> None:
    async with an_outlet(port) as outlets:
        await outlets.send(RUNNING)
        for _ in range(2):
            async with mosquitto(port, tmp_path), subscriber(port) as ear:
                assert parse_message((await hear(ear))[1]) == RUNNING


async def test_stopping_publishes_what_is_left_and_then_says_offline(
    port: int, tmp_path: Path
) -> None:
    async with mosquitto(port, tmp_path), subscriber(port) as ear:
        async with an_outlet(port) as outlets:
            await outlets.send(RUNNING)
            await outlets.send(a_prediction(1))
        texts = [(await hear(ear))[1] for _ in range(3)]
    assert texts == [RUNNING.model_dump_json(), a_prediction(1).model_dump_json(), "offline"]


async def test_when_the_process_dies_each_source_is_said_to_be_offline(
    port: int, tmp_path: Path
) -> None:
    async with mosquitto(port, tmp_path), subscriber(port) as ear:
        publisher = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PUBLISHER, f"mqtt://{HOST}:{port}", cwd=ROOT, stdout=DEVNULL
        )
        await asyncio.gather(hear(ear), hear(ear))
        publisher.kill()
        await publisher.wait()
        wills = {(await hear(ear))[:2] for _ in range(2)}
    assert wills == {("dancetype/left/status", "offline"), ("dancetype/right/status", "offline")}


async def test_names_that_are_no_topic_levels_have_topics_all_the_same(
    port: int, tmp_path: Path
) -> None:
    async with mosquitto(port, tmp_path), subscriber(port) as ear, an_outlet(port) as outlets:
        await outlets.send(a_prediction(0, "stage/left #1+"))
        topic, text, _ = await hear(ear)
    assert topic == "dancetype/stage%2Fleft %231%2B/prediction"
    assert parse_message(text).source == "stage/left #1+"


async def test_a_broker_that_is_not_there_delays_neither_messages_nor_the_end(port: int) -> None:
    async with an_outlet(port) as outlets:
        started = monotonic()
        for seq in range(100):
            await outlets.send(a_prediction(seq))
            await asyncio.sleep(0)
        told_to_stop = monotonic()
    assert told_to_stop - started < 0.5
    assert monotonic() - told_to_stop < 1.5


@pytest.mark.parametrize("password", ["s3cret/", "wr0ng"])
async def test_a_login_is_used_and_its_password_shown_nowhere(
    port: int, tmp_path: Path, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logins = tmp_path / "logins"
    assert MOSQUITTO_PASSWD
    making = await asyncio.create_subprocess_exec(
        MOSQUITTO_PASSWD, "-b", "-c", str(logins), "dancer", "s3cret/"
    )
    assert await making.wait() == 0
    access = f"allow_anonymous false\npassword_file {logins}"
    login = f"dancer:{quote(password, safe='')}@"
    with warnings_of("stream.outlets.mqtt") as warnings:
        async with mosquitto(port, tmp_path, access), an_outlet(port, login) as outlets:
            await outlets.send(RUNNING)
            if password == "wr0ng":
                async with asyncio.timeout(WITHIN):
                    assert "Not authorized" in await warnings.get()
            else:
                async with subscriber(port, ("dancer", password)) as ear:
                    assert parse_message((await hear(ear))[1]) == RUNNING
    assert password.strip("/") not in caplog.text
