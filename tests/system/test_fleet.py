"""A fleet on several Ray nodes of this machine, with a real broker; one node is killed."""

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
from tests.testbed.service_manager import ServiceManager

CAMERAS: Final = [f"cam-{number}" for number in range(8)]
NODES: Final = 4
# Three nodes have enough cores for all eight cameras.
CORES: Final = 3
# Ray starts slowly on a busy machine.
STARTED_WITHIN: Final = 120.0
RECOVERED_WITHIN: Final = 15.0
PASSWORD: Final = "never-logged"


class MessageLog:
    """All messages at the broker, in order."""

    def __init__(self) -> None:
        self.messages: list[tuple[float, PredictionMessage | SourceMessage]] = []
        self._changed = asyncio.Condition()

    async def record(self, port: int) -> None:
        async with subscriber(port, max_queued_incoming_messages=0) as client:
            async for message in client.messages:
                text = payload_text(message)
                if text.startswith("{"):
                    async with self._changed:
                        self.messages.append((monotonic(), parse_message(text)))
                        self._changed.notify_all()

    async def wait_for_predictions(
        self, cameras: set[str], *, since: float, within: float
    ) -> float:
        """Wait until each camera has sent a prediction; return the seconds from `since`."""

        def all_predicting() -> bool:
            fresh = {
                message.source
                for at, message in self.messages
                if at > since and isinstance(message, PredictionMessage)
            }
            return cameras <= fresh

        async with asyncio.timeout(within + since - monotonic()), self._changed:
            await self._changed.wait_for(all_predicting)
        return monotonic() - since

    def epochs(self, camera: str) -> list[int]:
        """Return the epochs in the order of their first message."""
        epochs = [message.epoch for _, message in self.messages if message.source == camera]
        return [
            epoch
            for previous, epoch in zip([-1, *epochs], epochs, strict=False)
            if epoch != previous
        ]


def cameras_toml(cameras: Sequence[str]) -> str:
    """Return the content of a cameras file."""
    tables = "".join(f'[cameras.{name}]\nsource = "test:?fps=2"\n' for name in cameras)
    return f"[defaults]\ncpus = 1\npose_fps = 2\n{tables}"


def status(port: int) -> dict[str, Any]:
    """Return the state of each camera from the status page."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/status", timeout=5) as response:
        cameras: dict[str, Any] = json.load(response)["cameras"]
    return cameras


async def wait_until_live(port: int) -> dict[str, Any]:
    """Return the status as soon as all cameras are live; it is updated once a second."""
    async with asyncio.timeout(10):
        while True:
            cameras = status(port)
            if all(camera["live"] for camera in cameras.values()):
                return cameras
            await asyncio.sleep(0.1)


@asynccontextmanager
async def message_log(port: int) -> AsyncIterator[MessageLog]:
    log = MessageLog()
    recording = asyncio.create_task(log.record(port))
    try:
        yield log
    finally:
        recording.cancel()
        await asyncio.wait({recording})


@contextmanager
def fleet_process(
    *options: str, output: Path, broker: int, manager: ServiceManager
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run `dancetype fleet` as a process."""
    url = f"mqtt://user:{PASSWORD}@{HOST}:{broker}"
    environment = {**os.environ, **manager.environment, "DANCETYPE_MQTT": url}
    command = [sys.executable, "-m", "dancetype", "fleet", *options]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=CHECKOUT, env=environment)
    try:
        yield process
    finally:
        kill_tree(process.pid)


async def test_cameras_of_a_killed_node_move_and_no_camera_runs_twice(
    pose_model: Path, tmp_path: Path
) -> None:
    broker, page_port = find_free_port(), find_free_port()
    cameras_file, output = tmp_path / "cameras.toml", tmp_path / "output"
    cameras_file.write_text(cameras_toml(CAMERAS[:1]))
    async with mosquitto(broker, tmp_path), message_log(broker) as log:
        with ray_head(cores=CORES) as cluster, ServiceManager(str(tmp_path / "notify")) as manager:
            options = ["--cameras", str(cameras_file), "--address", cluster.address]
            options += ["--port", str(page_port)]
            with fleet_process(*options, output=output, broker=broker, manager=manager) as process:
                start = monotonic()
                nodes = [
                    await asyncio.to_thread(cluster.add_node, num_cpus=CORES)
                    for _ in range(NODES - 1)
                ]
                await log.wait_for_predictions({CAMERAS[0]}, since=start, within=STARTED_WITHIN)
                cameras_file.write_text(cameras_toml(CAMERAS))
                await log.wait_for_predictions(set(CAMERAS), since=start, within=STARTED_WITHIN)
                running = f"STATUS=cameras: {len(CAMERAS)} running"
                reports = await asyncio.to_thread(
                    manager.receive_until, running, within=STARTED_WITHIN
                )
                before = status(page_port)
                killed_at = monotonic()
                kill_node(nodes[0])
                # Messages sent before the kill may still be in transit.
                recovery = await log.wait_for_predictions(
                    set(CAMERAS), since=killed_at + 1, within=RECOVERED_WITHIN - 1
                )
                after = await wait_until_live(page_port)
                moved = {name for name in CAMERAS if after[name]["epoch"] != before[name]["epoch"]}
                process.send_signal(signal.SIGTERM)
                await asyncio.to_thread(process.wait, 20)
            reports += [line for lines in manager.received() for line in lines]
    print(f"{len(moved)} cameras ran on it; all published again after {recovery + 1:.1f} s")
    assert moved
    for name in CAMERAS:
        epochs = log.epochs(name)
        assert epochs == sorted(set(epochs)), f"{name}: two processes alternated: {epochs}"
        assert len(epochs) == 1 + (name in moved)
    assert process.returncode == 0, output.read_text()
    assert PASSWORD not in output.read_text()
    assert reports[0] == "READY=1"
    assert running in reports
    assert "STOPPING=1" in reports


async def test_replaced_process_stays_disconnected_and_current_one_reconnects(
    tmp_path: Path,
) -> None:
    port = find_free_port()
    leases = [Lease(monotonic), Lease(monotonic)]
    async with mosquitto(port, tmp_path), subscriber(port, "dancetype/clip/status") as client:
        old, new = (
            SinkFanOut(
                [
                    MqttSink(
                        f"mqtt://{HOST}:{port}",
                        client_id="fleet",
                        before_connect=lease.wait_for_polls,
                    )
                ]
            )
            for lease in leases
        )
        async with old, new:
            await old.send(source_message().model_copy(update={"epoch": 1}))
            async with supervised(leases[0]):
                assert published(await next_message(client)) == 1
            # The old process's lease is no longer renewed, and the broker disconnects it.
            await new.send(source_message().model_copy(update={"epoch": 2}))
            async with supervised(leases[1]):
                assert published(await next_message(client)) == "offline"
                assert published(await next_message(client)) == 2
                await old.send(source_message().model_copy(update={"epoch": 1}))
                await new.send(source_message().model_copy(update={"epoch": 3}))
                assert published(await next_message(client)) == 3
            # Even if the old lease were renewed by mistake, the new process would win in the end.
            async with supervised(leases[0]):
                assert published(await next_message(client)) == "offline"
                assert published(await next_message(client)) == 1
            async with supervised(leases[1]):
                assert published(await next_message(client)) == "offline"
                assert published(await next_message(client)) == 3


def published(message: Message) -> int | str:
    """Return the epoch of a source message, or the text published instead."""
    text = payload_text(message)
    return parse_message(text).epoch if text.startswith("{") else text


@asynccontextmanager
async def supervised(lease: Lease) -> AsyncIterator[None]:
    """Renew a lease continuously, as a supervisor does."""

    async def renew() -> None:
        while True:
            await lease.renew()
            await asyncio.sleep(0.02)

    task = asyncio.create_task(renew())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
