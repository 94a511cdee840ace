"""The command is stopped at a bad time, or loses what it writes to or reads from."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Final

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from dancetype.engine.errors import Fault as Told
from dancetype.stream.messages import SourceState
from tests.system.conftest import Figure
from tests.testbed.command import Command, is_prediction, is_state
from tests.testbed.fault_proxy import HOST, Fault, FaultProxyThread
from tests.testbed.rtsp_server import RtspServer, looping_url
from tests.testbed.websocket_clients import finish_handshake, open_client

WITHIN: Final = 2.0
CLIENTS: Final = 5


def predictions(client: ClientConnection) -> Iterator[str]:
    """Names of the sources of the predictions that come."""
    for text in client:
        message = json.loads(text)
        if message["type"] == "prediction":
            yield message["source"]


def goodbye(client: ClientConnection) -> int | None:
    """Reads to the end; the code with which the server closed."""
    with suppress(ConnectionClosed):
        for _ in client:
            pass
    return client.close_code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_under_load_with_its_camera_frozen_and_its_broker_away(
    camera: RtspServer,
    pose_model: Path,
    free_port: int,
    tmp_path: Path,
    number: signal.Signals,
    figure: Figure,
) -> None:
    with FaultProxyThread(HOST, camera.port) as proxy, ExitStack() as stack:
        words = [
            *("--source", f"cam={looping_url('show.mp4', proxy.port)}", "--source", "drawn=test:"),
            *("--mqtt", f"mqtt://{HOST}:{free_port}", "--hop", "0.05"),
        ]
        command = stack.enter_context(Command(*words, folder=tmp_path))
        for source in ("cam", "drawn"):
            command.wait_for(
                lambda message, source=source: is_prediction(message) and message.source == source,  # type: ignore[misc]
                within=30,
            )
        pool = stack.enter_context(ThreadPoolExecutor(CLIENTS))
        goodbyes = [
            pool.submit(goodbye, stack.enter_context(connect(f"ws://{command.address}/ws")))
            for _ in range(CLIENTS)
        ]
        deaf = stack.enter_context(
            closing(open_client(int(command.address.rpartition(":")[2]), receive_buffer=2048))
        )
        finish_handshake(deaf)
        command.wait_for(is_prediction, within=5, after=len(command.messages) + 20)
        proxy.set(Fault.FREEZE)
        seconds = command.stop(number)
    assert seconds < WITHIN
    assert command.exit_code == 0
    for source in ("cam", "drawn"):
        last = [message for message in command.messages if message.source == source][-1]
        assert is_state(last)
        assert (last.state, last.reason) == (SourceState.ENDED, "stopped")
    assert {each.result(10) for each in goodbyes} == {1001}
    assert "Traceback" not in command.output
    figure("sigterm", f"{number.name}: ended after {seconds:.1f} s with code 0")


def test_a_full_disk_is_told_once_and_nothing_else_stops(
    pose_model: Path, tmp_path: Path, figure: Figure
) -> None:
    words = ("--source", "drawn=test:?fps=10")
    with Command(*words, folder=tmp_path, jsonl=Path("/dev/full")) as command:
        with connect(f"ws://{command.address}/ws") as client:
            came = predictions(client)
            for _ in range(20):
                next(came)
            health = json.loads(command.get("/healthz"))
        command.stop()
    assert health["sources"] == {"drawn": "running"}
    assert command.output.count("No space left on device") == 1
    assert "Traceback" not in command.output
    assert command.exit_code == 0
    figure("disk full", "told once; 20 predictions in a row went out by WebSocket all the same")


def test_a_webcam_that_is_not_there_is_told_and_the_other_source_goes_on(
    pose_model: Path, tmp_path: Path, figure: Figure
) -> None:
    words = ("--source", "cam=webcam:63", "--source", "drawn=test:?fps=10")
    with Command(*words, folder=tmp_path) as command:
        failed = command.wait_for_state(SourceState.FAILED, within=30)
        assert (failed.source, failed.fault) == ("cam", Told.NOT_FOUND)
        command.wait_for(is_prediction, within=20, after=len(command.messages) + 20)
        command.stop()
    assert "Traceback" not in command.output
    figure("camera unplugged", "`failed` (not_found); the other source went on")
