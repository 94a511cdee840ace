import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from dancetype.engine.media.track import read_tracks
from dancetype.stream.messages import PredictionMessage, SourceMessage, SourceState, parse_message
from dancetype.stream.sources.file import FileSource
from dancetype.stream.sources.network import NetworkSource
from dancetype.stream.sources.uri import parse_uri
from tests.testbed.rtsp_server import find_free_port
from tests.testbed.videos import coloured_frames, write_video


@pytest.fixture(scope="module")
def video_folder(sample_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample clip and its first two seconds, in H.264 as cameras send it."""
    folder = tmp_path_factory.mktemp("videos")
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
def server_url(video_folder: Path) -> Iterator[str]:
    """A real RTSP server, which plays a file once in real time and closes the connection."""
    port = find_free_port()
    command = [
        *(str(Path(sys.executable).with_name("rtsp-server")), "-d", str(video_folder)),
        *("-H", "127.0.0.1", "-p", str(port), "-cp", str(find_free_port())),
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert server.stdout is not None
    while "listening on" not in (line := server.stdout.readline()):
        assert line, "the RTSP server did not start"
    yield f"rtsp://127.0.0.1:{port}"
    server.terminate()
    server.communicate(timeout=10)


def run(server_url: str, out: Path, seconds: float) -> list[PredictionMessage | SourceMessage]:
    command = [
        *(sys.executable, "-m", "dancetype", "run", "--no-serve", "--source", f"cam={server_url}"),
        *("--seconds", str(seconds), "--jsonl", str(out)),
    ]
    subprocess.run(command, timeout=60, stdout=subprocess.DEVNULL)
    return [parse_message(line) for line in out.read_text().splitlines()]


def test_reads_rtsp_camera_live(server_url: str, tmp_path: Path, pose_model: Path) -> None:
    messages = run(f"{server_url}/long.mp4", tmp_path / "messages.jsonl", seconds=6)
    states = [message.state for message in messages if isinstance(message, SourceMessage)]
    assert states == [SourceState.CONNECTING, SourceState.RUNNING, SourceState.ENDED]
    predictions = [message for message in messages if isinstance(message, PredictionMessage)]
    assert len(predictions) > 8
    last = predictions[-1]
    assert last.window > 1
    assert last.frames.captured >= last.frames.posed + last.frames.dropped
    # A live source never lags far behind, even on a busy machine.
    assert last.latency.capture < 0.5


def test_frames_of_a_camera_have_square_pixels(server_url: str, video_folder: Path) -> None:
    times = np.arange(30) / 30
    for name, aspect, width in (("wide", Fraction(4, 3), 640), ("narrow", Fraction(8, 9), 427)):
        images = coloured_frames(30, size=(480, 360))
        write_video(video_folder / f"{name}.mp4", images, times, pixel_aspect=aspect)
        with closing(NetworkSource(parse_uri(f"{server_url}/{name}.mp4"), epoch=0)) as source:
            assert source.read().image.shape == (360, width, 3)


def test_reconnects_after_camera_ends_the_stream(
    server_url: str, tmp_path: Path, pose_model: Path
) -> None:
    messages = run(f"{server_url}/short.mp4", tmp_path / "messages.jsonl", seconds=9)
    states = [
        (message.state, message.epoch) for message in messages if isinstance(message, SourceMessage)
    ]
    assert states[:4] == [
        *((SourceState.CONNECTING, 0), (SourceState.RUNNING, 0)),
        *((SourceState.RECONNECTING, 0), (SourceState.RUNNING, 1)),
    ]
    reasons = [message.reason for message in messages if isinstance(message, SourceMessage)]
    assert "the stream has ended; retrying in 0." in str(reasons[2])


def test_record_continues_one_track_across_a_reconnect(
    server_url: str, tmp_path: Path, pose_model: Path
) -> None:
    command = [
        *(sys.executable, "-m", "dancetype", "record", f"cam={server_url}/short.mp4"),
        *("--genre", "none", "--dancer", "Ann", "--out", str(tmp_path), "--seconds", "5"),
    ]
    run = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "the stream has ended; retrying in 0." in run.stderr
    (track,) = read_tracks(tmp_path)
    gaps = np.diff(track.times)
    assert track.name.endswith("-cam-none-Ann")
    assert 2 < track.times[-1] < 5
    # There are no frames while the camera is disconnected.
    assert gaps.max() > 0.2
