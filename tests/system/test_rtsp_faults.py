"""RTSP faults: a proxy breaks the connection between the real command and a real server."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from dancetype.engine.errors import Fault as SourceFault
from dancetype.stream.messages import SourceState
from tests.system.conftest import Figure
from tests.testbed.command import Command, Message, captured_after, is_prediction, is_state
from tests.testbed.fault_proxy import HOST, Fault, FaultProxyThread
from tests.testbed.rtsp_server import RejectingCamera, RtspServer, looping_url

STALLED, RECONNECTING = SourceState.STALLED, SourceState.RECONNECTING

FAULT_SECONDS: Final = 4.0
"""Minimum duration of a fault, in seconds."""
REPORTED_WITHIN: Final = 5.0
RECOVERED_WITHIN: Final = 5.0
# If a camera fails again sooner, the delay between attempts keeps growing.
STABLE_SECONDS: Final = 6.0
# A thread that reads from a dead connection ends after FFmpeg's time-out.
THREADS_ENDED_WITHIN: Final = 8.0
STREAM_FPS: Final = 10
PASSWORD: Final = "s3cret-pa55word"


@dataclass(frozen=True)
class Setup:
    """A camera, a proxy in front of it, and the command that reads it.

    Attributes:
        threads: Number of the command's threads without a fault.
        faults: Faults so far; a parallel run may execute some of the tests in another process.
    """

    camera: RtspServer
    proxy: FaultProxyThread
    command: Command
    threads: int
    faults: list[Fault] = field(default_factory=list)


@pytest.fixture(scope="module")
def setup(
    camera: RtspServer, pose_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("setup")
    with FaultProxyThread(HOST, camera.port) as proxy:
        source = f"cam={looping_url('show.mp4', proxy.port)}"
        with Command("--source", source, folder=folder) as command:
            command.wait_for(is_prediction, within=30)
            yield Setup(camera, proxy, command, command.threads)


def is_running(message: Message) -> bool:
    return is_state(message) and message.state is SourceState.RUNNING


def recovers_from(
    setup: Setup,
    *faults: Fault,
    state: SourceState,
    reported_as: SourceFault,
    new: Path | None = None,
) -> str:
    """Break the connection and restore it; return how long detection and recovery took."""
    command, proxy = setup.command, setup.proxy
    running = [message for message in command.messages if is_running(message)][-1]
    command.wait_for(
        captured_after(running.times.sent + STABLE_SECONDS),
        within=STABLE_SECONDS + RECOVERED_WITHIN,
    )
    before, start = len(command.messages), time.time()
    for fault in faults:
        proxy.set(fault)
    setup.faults.append(faults[-1])

    reported = command.wait_for(
        lambda message: (
            is_state(message) and (message.state, message.fault) == (state, reported_as)
        ),
        within=REPORTED_WITHIN,
        after=before,
    )
    if new:
        shutil.copy(new, setup.camera.folder / "show.mp4")
    time.sleep(max(start + FAULT_SECONDS - time.time(), 0))
    proxy.set(Fault.NONE)
    restored = time.time()
    recovered = command.wait_for(captured_after(restored), within=RECOVERED_WITHIN, after=before)
    command.wait_until(lambda: command.threads <= setup.threads, within=THREADS_ENDED_WITHIN)
    assert "Traceback" not in command.output
    return (
        f"`{state.value}` ({reported_as.value}) after {reported.times.sent - start:.1f} s; a fresh "
        f"prediction {recovered.times.sent - restored:.1f} s after recovery; no thread left behind"
    )


def test_reconnects_after_camera_refuses_connections(setup: Setup, figure: Figure) -> None:
    figure(
        "rtsp refused",
        recovers_from(setup, Fault.REFUSE, state=RECONNECTING, reported_as=SourceFault.REFUSED),
    )


def test_reconnects_after_camera_accepts_but_sends_nothing(setup: Setup, figure: Figure) -> None:
    text = recovers_from(
        setup, Fault.RESET, Fault.SILENT, state=RECONNECTING, reported_as=SourceFault.TIMED_OUT
    )
    figure("rtsp silent", text)


def test_continues_after_stream_freezes(setup: Setup, figure: Figure) -> None:
    figure(
        "rtsp stops",
        recovers_from(setup, Fault.FREEZE, state=STALLED, reported_as=SourceFault.TIMED_OUT),
    )


def test_reconnects_after_camera_resets_connections(setup: Setup, figure: Figure) -> None:
    figure(
        "rtsp reset",
        recovers_from(setup, Fault.RESET, state=RECONNECTING, reported_as=SourceFault.ENDED),
    )


def test_reconnects_after_stream_slows_to_one_byte_per_second(setup: Setup, figure: Figure) -> None:
    figure(
        "rtsp drips",
        recovers_from(setup, Fault.DRIP, state=STALLED, reported_as=SourceFault.TIMED_OUT),
    )


def test_bursts_of_frames_are_spread(setup: Setup, figure: Figure) -> None:
    command = setup.command
    before, start = len(command.messages), time.time()
    setup.proxy.set(Fault.BURSTS)
    setup.faults.append(Fault.BURSTS)
    bursty = command.wait_for(
        lambda message: is_state(message) and message.state is SourceState.BURSTY,
        within=10,
        after=before,
    )
    # Without a delay, the newest frame of each burst would be the only one.
    full = command.wait_for(
        lambda message: is_prediction(message) and message.window > 3.5,
        within=15,
        after=len(command.messages),
    )
    assert is_prediction(full)
    assert full.fps > 0.7 * STREAM_FPS
    assert full.latency.capture <= 1.1
    setup.proxy.set(Fault.NONE)
    running = command.wait_for(is_running, within=15, after=before)
    later = command.wait_for(captured_after(running.times.sent + 1), within=5, after=before)
    assert is_prediction(later)
    assert later.latency.capture < 0.5
    assert "Traceback" not in command.output
    seconds = bursty.times.sent - start
    figure(
        "rtsp bursts",
        f"`bursty` after {seconds:.1f} s; {full.fps:.1f} of {STREAM_FPS} frames per second are "
        f"processed, delayed by {full.latency.capture:.1f} s",
    )


def test_camera_may_return_with_another_frame_size(
    setup: Setup, videos: Path, figure: Figure
) -> None:
    new = videos / "other.mp4"
    text = recovers_from(
        setup, Fault.REFUSE, state=RECONNECTING, reported_as=SourceFault.REFUSED, new=new
    )
    figure("rtsp frame size", text)


def test_no_message_is_lost_and_each_reconnect_starts_an_epoch(setup: Setup) -> None:
    numbers = [message.seq for message in setup.command.messages]
    assert numbers == list(range(len(numbers)))
    running = [message.epoch for message in setup.command.messages if is_running(message)]
    assert running == sorted(running)
    reconnects = [fault for fault in setup.faults if fault not in (Fault.FREEZE, Fault.BURSTS)]
    assert len(set(running)) >= 1 + len(reconnects)


@pytest.mark.parametrize("scheme", ["Basic", "Digest"])
def test_wrong_password_is_reported_once_not_shown_and_not_retried(
    scheme: str, pose_model: Path, tmp_path: Path, figure: Figure
) -> None:
    with RejectingCamera(scheme) as camera:
        address = f"rtsp://dancer:{PASSWORD}@{HOST}:{camera.port}/live"
        # The second source keeps the command running.
        options = ("--source", f"cam={address}", "--source", "test:?fps=2")
        with Command(*options, folder=tmp_path) as command:
            failed = command.wait_for_state(SourceState.FAILED, within=10)
            assert (failed.source, failed.fault) == ("cam", SourceFault.AUTHENTICATION)
            requests = camera.requests
            time.sleep(FAULT_SECONDS)
            assert camera.requests == requests
            outputs = [command.get(path) for path in ("/", "/healthz", "/metrics")]
            command.stop()
        outputs += [command.output, (tmp_path / "messages.jsonl").read_text()]
        assert not [text for text in outputs if PASSWORD in text]
        assert camera.login_attempts == 1
        assert camera.requests <= 3
        figure(
            "rtsp password",
            f"{scheme}: {camera.requests} requests, "
            f"{camera.login_attempts} of them with the password, "
            f"and none in the {FAULT_SECONDS:g} s after; it is shown nowhere",
        )
