import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from dancetype.engine.media.track import read_tracks
from dancetype.stream.messages import PredictionMessage, SourceMessage, SourceState, parse_message
from dancetype.stream.sources.file import FileSource


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def served(sample_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample clip, and with two seconds of it, as cameras send: in H.264."""
    folder = tmp_path_factory.mktemp("served")
    with closing(FileSource(sample_clip)) as source:
        frames = [frame for frame in iter(source.read, None) if frame]
    images = [cv2.resize(frame.image, (640, 360)).astype(np.uint8) for frame in frames]
    for name, part in (("long.mp4", images), ("short.mp4", images[:60])):
        with av.open(str(folder / name), "w") as file:
            video = file.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
            video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
            for image in part:
                file.mux(video.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
            file.mux(video.encode())
    return folder


@pytest.fixture(scope="module")
def address(served: Path) -> Iterator[str]:
    """A real RTSP server; it plays a file once, at real-time pace, and hangs up."""
    port = free_port()
    command = [
        *(str(Path(sys.executable).with_name("rtsp-server")), "-d", str(served)),
        *("-H", "127.0.0.1", "-p", str(port), "-cp", str(free_port())),
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert server.stdout is not None
    while "listening on" not in (line := server.stdout.readline()):
        assert line, "the RTSP server did not start"
    yield f"rtsp://127.0.0.1:{port}"
    server.terminate()
    server.communicate(timeout=10)


def run(address: str, out: Path, seconds: float) -> list[PredictionMessage | SourceMessage]:
    command = [
        *(sys.executable, "-m", "dancetype", "run", "--no-serve", "--source", f"cam={address}"),
        *("--seconds", str(seconds), "--jsonl", str(out)),
    ]
    subprocess.run(command, timeout=60, stdout=subprocess.DEVNULL)
    return [parse_message(line) for line in out.read_text().splitlines()]


def test_a_real_rtsp_camera_is_read_live(address: str, tmp_path: Path, pose_model: Path) -> None:
    messages = run(f"{address}/long.mp4", tmp_path / "messages.jsonl", seconds=6)
    states = [message.state for message in messages if isinstance(message, SourceMessage)]
    assert states == [SourceState.CONNECTING, SourceState.RUNNING, SourceState.ENDED]
    predictions = [message for message in messages if isinstance(message, PredictionMessage)]
    assert len(predictions) > 8
    last = predictions[-1]
    assert last.window > 1
    assert last.frames.captured >= last.frames.posed + last.frames.dropped
    # A live source is never far behind, however busy the machine.
    assert last.latency.capture < 0.5


def test_a_camera_that_breaks_off_is_told_and_found_again(
    address: str, tmp_path: Path, pose_model: Path
) -> None:
    messages = run(f"{address}/short.mp4", tmp_path / "messages.jsonl", seconds=9)
    states = [
        (message.state, message.epoch) for message in messages if isinstance(message, SourceMessage)
    ]
    assert states[:4] == [
        *((SourceState.CONNECTING, 0), (SourceState.RUNNING, 0)),
        *((SourceState.RECONNECTING, 0), (SourceState.RUNNING, 1)),
    ]
    reasons = [message.reason for message in messages if isinstance(message, SourceMessage)]
    assert "the stream has ended; retrying in 0." in str(reasons[2])


def test_a_camera_that_breaks_off_is_recorded_in_one_track(
    address: str, tmp_path: Path, pose_model: Path
) -> None:
    command = [
        *(sys.executable, "-m", "dancetype", "record", f"cam={address}/short.mp4"),
        *("--genre", "none", "--dancer", "Ann", "--out", str(tmp_path), "--seconds", "5"),
    ]
    run = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "the stream has ended; retrying in 0." in run.stderr
    (track,) = read_tracks(tmp_path)
    gaps = np.diff(track.times)
    assert track.name.endswith("-cam-none-Ann")
    assert 2 < track.times[-1] < 5
    # While the camera is away there are no frames, and so no dance.
    assert gaps.max() > 0.2
