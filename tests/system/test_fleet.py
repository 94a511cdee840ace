"""A fleet on several Ray nodes of this machine, with a real broker, one of which is killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final

from aiomqtt import Message

from dancetype.stream.fleet.actor import Lease
from dancetype.stream.messages import PredictionMessage, SourceMessage, parse_message
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.mqtt import MqttSink
from tests.testbed.command import CHECKOUT
from tests.testbed.mosquitto import (
    HOST,
    mosquitto,
    next_message,
    payload_text,
    source_message,
    subscriber,
)
from tests.testbed.ray_nodes import kill_node, kill_tree, ray_head
from tests.testbed.rtsp_server import find_free_port

CAMERAS: Final = [f"cam-{number}" for number in range(8)]
NODES: Final = 4
# Room for all eight on three nodes.
CORES: Final = 3
# Ray takes its time on a machine that has other things to do.
UP_WITHIN: Final = 120.0
BACK_WITHIN: Final = 15.0
PASSWORD: Final = "not-to-be-seen"


class Ear:
    """Hears every message at the broker, in their order."""

    def __init__(self) -> None:
        self.messages: list[tuple[float, PredictionMessage | SourceMessage]] = []
        self._came = asyncio.Condition()

    async def listen(self, port: int) -> None:
        async with subscriber(port, max_queued_incoming_messages=0) as client:
            async for message in client.messages:
                said = payload_text(message)
                if said.startswith("{"):
                    async with self._came:
                        self.messages.append((monotonic(), parse_message(said)))
                        self._came.notify_all()

    async def predicts(self, cameras: set[str], *, since: float, within: float) -> float:
        """Seconds from `since` until each of these has sent a prediction."""

        def there() -> bool:
            fresh = {
                message.source
                for at, message in self.messages
                if at > since and isinstance(message, PredictionMessage)
            }
            return cameras <= fresh

        async with asyncio.timeout(within + since - monotonic()), self._came:
            await self._came.wait_for(there)
        return monotonic() - since

    def epochs(self, camera: str) -> list[int]:
        """First epochs of the processes that spoke, in the order in which they did."""
        spoken = [message.epoch for _, message in self.messages if message.source == camera]
        return [now for before, now in zip([-1, *spoken], spoken, strict=False) if now != before]


def tables(cameras: Sequence[str]) -> str:
    """A file of cameras."""
    each = "".join(f'[cameras.{name}]\nsource = "test:?fps=2"\n' for name in cameras)
    return f"[defaults]\ncpus = 1\npose_fps = 2\n{each}"


def status(port: int) -> dict[str, Any]:
    """What the page knows of each camera."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/status", timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)["cameras"]
    return found


async def live(port: int) -> dict[str, Any]:
    """The same, once it knows that all of them are live; it is told of that once a second."""
    async with asyncio.timeout(10):
        while True:
            cameras = status(port)
            if all(camera["live"] for camera in cameras.values()):
                return cameras
            await asyncio.sleep(0.1)


@asynccontextmanager
async def heard(port: int) -> AsyncIterator[Ear]:
    ear = Ear()
    listening = asyncio.create_task(ear.listen(port))
    try:
        yield ear
    finally:
        listening.cancel()
        await asyncio.wait({listening})


@contextmanager
def command(*words: str, said: Path, broker: int) -> "Iterator[subprocess.Popen[bytes]]":
    """`dancetype fleet` as a process."""
    environment = {**os.environ, "DANCETYPE_MQTT": f"mqtt://user:{PASSWORD}@{HOST}:{broker}"}
    line = [sys.executable, "-m", "dancetype", "fleet", *words]
    with said.open("wb") as file:
        process = subprocess.Popen(line, stdout=file, stderr=file, cwd=CHECKOUT, env=environment)
    try:
        yield process
    finally:
        kill_tree(process.pid)


async def test_when_a_node_of_four_is_killed_all_eight_cameras_publish_again_and_none_twice(
    pose_model: Path, tmp_path: Path
) -> None:
    broker, page = find_free_port(), find_free_port()
    file, said = tmp_path / "cameras.toml", tmp_path / "said"
    file.write_text(tables(CAMERAS[:1]))
    async with mosquitto(broker, tmp_path), heard(broker) as ear:
        with ray_head(cores=CORES) as cluster:
            words = ["--cameras", str(file), "--address", cluster.address, "--port", str(page)]
            with command(*words, said=said, broker=broker) as process:
                start = monotonic()
                nodes = [
                    await asyncio.to_thread(cluster.add_node, num_cpus=CORES)
                    for _ in range(NODES - 1)
                ]
                await ear.predicts({CAMERAS[0]}, since=start, within=UP_WITHIN)
                file.write_text(tables(CAMERAS))
                await ear.predicts(set(CAMERAS), since=start, within=UP_WITHIN)
                before = status(page)
                killed = monotonic()
                kill_node(nodes[0])
                # What had been sent before may still be on its way.
                took = await ear.predicts(set(CAMERAS), since=killed + 1, within=BACK_WITHIN - 1)
                after = await live(page)
                moved = {name for name in CAMERAS if after[name]["epoch"] != before[name]["epoch"]}
                process.send_signal(signal.SIGTERM)
                await asyncio.to_thread(process.wait, 20)
    print(f"{len(moved)} cameras were on it; all published again after {took + 1:.1f} s")
    assert moved
    for name in CAMERAS:
        epochs = ear.epochs(name)
        assert epochs == sorted(set(epochs)), f"{name}: two processes took turns: {epochs}"
        assert len(epochs) == 1 + (name in moved)
    assert process.returncode == 0, said.read_text()
    assert PASSWORD not in said.read_text()


async def test_a_process_that_was_replaced_cannot_come_back_and_the_one_in_office_can(
    tmp_path: Path,
) -> None:
    port = find_free_port()
    leases = [Lease(monotonic), Lease(monotonic)]
    async with mosquitto(port, tmp_path), subscriber(port, "dancetype/clip/status") as ear:
        old, new = (
            SinkFanOut(
                [MqttSink(f"mqtt://{HOST}:{port}", client_id="fleet", may_connect=lease.confirmed)]
            )
            for lease in leases
        )
        async with old, new:
            await old.send(source_message().model_copy(update={"epoch": 1}))
            async with asking(leases[0]):
                assert spoken(await next_message(ear)) == 1
            # From here on nobody asks for the old one, which the broker puts out.
            await new.send(source_message().model_copy(update={"epoch": 2}))
            async with asking(leases[1]):
                assert spoken(await next_message(ear)) == "offline"
                assert spoken(await next_message(ear)) == 2
                await old.send(source_message().model_copy(update={"epoch": 1}))
                await new.send(source_message().model_copy(update={"epoch": 3}))
                assert spoken(await next_message(ear)) == 3
            # Had it been asked for by mistake, the new one would have the last word all the same.
            async with asking(leases[0]):
                assert spoken(await next_message(ear)) == "offline"
                assert spoken(await next_message(ear)) == 1
            async with asking(leases[1]):
                assert spoken(await next_message(ear)) == "offline"
                assert spoken(await next_message(ear)) == 3


def spoken(message: Message) -> int | str:
    """The epoch of a source message, or the word in its place."""
    said = payload_text(message)
    return parse_message(said).epoch if said.startswith("{") else said


@asynccontextmanager
async def asking(lease: Lease) -> AsyncIterator[None]:
    """A supervisor who asks over and over."""

    async def ask() -> None:
        while True:
            await lease.renew()
            await asyncio.sleep(0.02)

    task = asyncio.create_task(ask())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
