"""Shutdown under load, and loss of the disk or of a webcam."""

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

from dancetype.engine.errors import Fault as SourceFault
from dancetype.stream.messages import SourceState
from tests.system.conftest import Figure
from tests.testbed.command import Command, is_prediction, is_state
from tests.testbed.fault_proxy import HOST, Fault, FaultProxyThread
from tests.testbed.rtsp_server import RtspServer, looping_url
from tests.testbed.websocket_clients import finish_handshake, open_client

STOPPED_WITHIN: Final = 2.0
CLIENTS: Final = 5


def prediction_sources(client: ClientConnection) -> Iterator[str]:
    """Yield the source of each prediction received."""
    for text in client:
        message = json.loads(text)
        if message["type"] == "prediction":
            yield message["source"]


def close_code(client: ClientConnection) -> int | None:
    """Read to the end; return the close code of the server."""
    with suppress(ConnectionClosed):
        for _ in client:
            pass
    return client.close_code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_a_busy_run_with_frozen_camera_and_no_broker(
    camera: RtspServer,
    pose_model: Path,
    free_port: int,
    tmp_path: Path,
    number: signal.Signals,
    figure: Figure,
) -> None:
    with FaultProxyThread(HOST, camera.port) as proxy, ExitStack() as stack:
        options = [
            *("--source", f"cam={looping_url('show.mp4', proxy.port)}", "--source", "drawn=test:"),
            *("--mqtt", f"mqtt://{HOST}:{free_port}", "--hop", "0.05"),
        ]
        command = stack.enter_context(Command(*options, folder=tmp_path))
        for source in ("cam", "drawn"):
            command.wait_for(
                lambda message, source=source: is_prediction(message) and message.source == source,  # type: ignore[misc]
                within=30,
            )
        pool = stack.enter_context(ThreadPoolExecutor(CLIENTS))
        close_codes = [
            pool.submit(close_code, stack.enter_context(connect(f"ws://{command.address}/ws")))
            for _ in range(CLIENTS)
        ]
        stuck_client = stack.enter_context(
            closing(open_client(int(command.address.rpartition(":")[2]), receive_buffer=2048))
        )
        finish_handshake(stuck_client)
        command.wait_for(is_prediction, within=5, after=len(command.messages) + 20)
        proxy.set(Fault.FREEZE)
        seconds = command.stop(number)
    assert seconds < STOPPED_WITHIN
    assert command.exit_code == 0
    for source in ("cam", "drawn"):
        last = [message for message in command.messages if message.source == source][-1]
        assert is_state(last)
        assert (last.state, last.reason) == (SourceState.ENDED, "stopped")
    assert {code.result(10) for code in close_codes} == {1001}
    assert "Traceback" not in command.output
    figure("sigterm", f"{number.name}: stopped after {seconds:.1f} s with code 0")


def test_full_disk_is_reported_once_and_stops_nothing_else(
    pose_model: Path, tmp_path: Path, figure: Figure
) -> None:
    options = ("--source", "drawn=test:?fps=10")
    with Command(*options, folder=tmp_path, jsonl=Path("/dev/full")) as command:
        with connect(f"ws://{command.address}/ws") as client:
            received = prediction_sources(client)
            for _ in range(20):
                next(received)
            health = json.loads(command.get("/healthz"))
        command.stop()
    assert health["sources"] == {"drawn": "running"}
    assert command.output.count("No space left on device") == 1
    assert "Traceback" not in command.output
    assert command.exit_code == 1
    figure(
        "disk full",
        "reported once; the next 20 predictions were sent to the WebSocket client",
    )


def test_missing_webcam_is_reported_and_the_other_source_continues(
    pose_model: Path, tmp_path: Path, figure: Figure
) -> None:
    options = ("--source", "cam=webcam:63", "--source", "drawn=test:?fps=10")
    with Command(*options, folder=tmp_path) as command:
        failed = command.wait_for_state(SourceState.FAILED, within=30)
        assert (failed.source, failed.fault) == ("cam", SourceFault.NOT_FOUND)
        command.wait_for(is_prediction, within=20, after=len(command.messages) + 20)
        command.stop()
    assert "Traceback" not in command.output
    figure("camera unplugged", "`failed` (not_found); the other source continued")
