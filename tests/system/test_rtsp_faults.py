"""Between the real command and a real RTSP server stands a proxy that breaks the way."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from dancetype.engine.errors import Fault as Told
from dancetype.stream.messages import SourceState
from tests.system.conftest import Figure
from tests.testbed.command import Command, Message, captured_after, is_prediction, is_state
from tests.testbed.fault_proxy import HOST, Fault, FaultProxyThread
from tests.testbed.rtsp_server import RejectingCamera, RtspServer, looping_url

STALLED, RECONNECTING = SourceState.STALLED, SourceState.RECONNECTING

LASTING: Final = 4.0
"""Seconds that a fault lasts at least."""
TOLD_WITHIN: Final = 5.0
BACK_WITHIN: Final = 5.0
# A camera that is away again so soon has not been back: it is tried less and less often.
STEADY: Final = 6.0
# A thread that a dead connection holds is let go of after FFmpeg's own time-out.
THREADS_WITHIN: Final = 8.0
PASSWORD: Final = "s3cret-pa55word"


@dataclass(frozen=True)
class Stage:
    """A camera, the way to it, and the command that watches.

    Attributes:
        threads: of the command while all is well.
    """

    camera: RtspServer
    proxy: FaultProxyThread
    command: Command
    threads: int


@pytest.fixture(scope="module")
def stage(
    camera: RtspServer, pose_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with FaultProxyThread(HOST, camera.port) as proxy:
        source = f"cam={looping_url('show.mp4', proxy.port)}"
        with Command("--source", source, folder=folder) as command:
            command.wait_for(is_prediction, within=30)
            yield Stage(camera, proxy, command, command.threads)


def is_running(message: Message) -> bool:
    return is_state(message) and message.state is SourceState.RUNNING


def survive(
    stage: Stage, *faults: Fault, state: SourceState, told: Told, new: Path | None = None
) -> str:
    """Breaks the way, heals it, and says how long it took to be told and to be back."""
    command, proxy = stage.command, stage.proxy
    running = [message for message in command.messages if is_running(message)][-1]
    command.wait_for(captured_after(running.times.sent + STEADY), within=STEADY + BACK_WITHIN)
    before, start = len(command.messages), time.time()
    for fault in faults:
        proxy.set(fault)

    first = command.wait_for(
        lambda message: is_state(message) and (message.state, message.fault) == (state, told),
        within=TOLD_WITHIN,
        after=before,
    )
    if new:
        shutil.copy(new, stage.camera.folder / "show.mp4")
    time.sleep(max(start + LASTING - time.time(), 0))
    proxy.set(Fault.NONE)
    healed = time.time()
    fresh = command.wait_for(captured_after(healed), within=BACK_WITHIN, after=before)
    command.wait_until(lambda: command.threads <= stage.threads, within=THREADS_WITHIN)
    assert "Traceback" not in command.output
    return (
        f"`{state.value}` ({told.value}) after {first.times.sent - start:.1f} s; a fresh "
        f"prediction {fresh.times.sent - healed:.1f} s after the return; no thread left behind"
    )


def test_a_camera_that_refuses_is_told_and_found_again(stage: Stage, figure: Figure) -> None:
    figure("rtsp refused", survive(stage, Fault.REFUSE, state=RECONNECTING, told=Told.REFUSED))


def test_a_camera_that_accepts_and_stays_silent_is_told_and_found_again(
    stage: Stage, figure: Figure
) -> None:
    text = survive(stage, Fault.RESET, Fault.SILENT, state=RECONNECTING, told=Told.TIMED_OUT)
    figure("rtsp silent", text)


def test_a_stream_that_stands_still_is_told_and_goes_on(stage: Stage, figure: Figure) -> None:
    figure("rtsp stops", survive(stage, Fault.FREEZE, state=STALLED, told=Told.TIMED_OUT))


def test_a_camera_that_resets_is_told_and_found_again(stage: Stage, figure: Figure) -> None:
    figure("rtsp reset", survive(stage, Fault.RESET, state=RECONNECTING, told=Told.ENDED))


def test_a_stream_of_one_byte_a_second_is_told_and_found_again(
    stage: Stage, figure: Figure
) -> None:
    figure("rtsp drips", survive(stage, Fault.DRIP, state=STALLED, told=Told.TIMED_OUT))


def test_a_camera_may_come_back_with_another_frame_size(
    stage: Stage, shows: Path, figure: Figure
) -> None:
    new = shows / "other.mp4"
    text = survive(stage, Fault.REFUSE, state=RECONNECTING, told=Told.REFUSED, new=new)
    figure("rtsp frame size", text)


def test_through_all_faults_no_message_was_lost_and_each_return_was_an_epoch(stage: Stage) -> None:
    numbers = [message.seq for message in stage.command.messages]
    assert numbers == list(range(len(numbers)))
    running = [message.epoch for message in stage.command.messages if is_running(message)]
    assert running == sorted(running)
    assert len(set(running)) >= 6


@pytest.mark.parametrize("scheme", ["Basic", "Digest"])
def test_a_wrong_password_is_told_once_and_neither_shown_nor_tried_again(
    scheme: str, pose_model: Path, tmp_path: Path, figure: Figure
) -> None:
    with RejectingCamera(scheme) as camera:
        address = f"rtsp://dancer:{PASSWORD}@{HOST}:{camera.port}/live"
        # The other one keeps the command running.
        words = ("--source", f"cam={address}", "--source", "test:?fps=2")
        with Command(*words, folder=tmp_path) as command:
            failed = command.wait_for_state(SourceState.FAILED, within=10)
            assert (failed.source, failed.fault) == ("cam", Told.AUTHENTICATION)
            requests = camera.requests
            time.sleep(LASTING)
            assert camera.requests == requests
            shown = [command.get(path) for path in ("/", "/healthz", "/metrics")]
            command.stop()
        shown += [command.output, (tmp_path / "messages.jsonl").read_text()]
        assert not [text for text in shown if PASSWORD in text]
        assert camera.login_attempts == 1
        assert camera.requests <= 3
        figure(
            "rtsp password",
            f"{scheme}: {camera.requests} requests, "
            f"{camera.login_attempts} of them with the password, "
            f"and none in the {LASTING:g} s after; it is shown nowhere",
        )
