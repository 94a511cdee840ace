"""Streams of each protocol, from a real sender to the real command."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from dancetype.stream.messages import SourceState
from tests.system.conftest import Figure
from tests.testbed.command import Command, captured_after, is_prediction
from tests.testbed.ndi_sender import write_ndi_config
from tests.testbed.rtsp_server import HOST, find_free_port
from tests.testbed.senders import PlaylistServer, Sender, ffmpeg_sender

SECRET: Final = "s3cret-pa55word"
STARTED_WITHIN: Final = 40.0
REPORTED_WITHIN: Final = 8.0
RECOVERED_WITHIN: Final = 20.0


@dataclass(frozen=True)
class Stream:
    """A stream.

    Attributes:
        url: URL with a secret.
        sender: Sender of the stream.
        freezes: Whether the stream freezes with its sender, because nothing is buffered.
        environment: Variables for the command.
    """

    url: str
    sender: Sender
    freezes: bool
    environment: dict[str, str]


STREAMS: Final = ("mjpeg", "hls", "srt", "srt listener", "rtmp", "udp", "multicast", "pipe", "ndi")


@pytest.fixture(params=STREAMS)
def stream(request: pytest.FixtureRequest, videos: Path, tmp_path: Path) -> Iterator[Stream]:
    video, port = videos / "small.mp4", find_free_port()
    environment: dict[str, str] = {}
    with ExitStack() as stack:
        match request.param:
            case "mjpeg":
                url = f"http://{HOST}:{port}/video.mjpg"
                options = ["-c:v", "mjpeg", "-f", "mpjpeg", "-listen", "1"]
                options += ["-content_type", "multipart/x-mixed-replace;boundary=ffmpeg"]
                sender, url = ffmpeg_sender(video, *options, url), f"{url}?pw={SECRET}"
            case "hls":
                server = stack.enter_context(PlaylistServer(tmp_path))
                # Segments start with a key frame, and those in the playlist are played to the end.
                options = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "10"]
                options += ["-f", "hls", "-hls_time", "1", "-hls_flags", "delete_segments"]
                sender = ffmpeg_sender(video, *options, tmp_path / "live.m3u8")
                url = f"{server.url}/live.m3u8?token={SECRET}"
            case "srt":
                url = f"srt://{HOST}:{port}?passphrase={SECRET}"
                sender = ffmpeg_sender(video, "-f", "mpegts", f"{url}&mode=listener")
            case "srt listener":
                url = f"srt://{HOST}:{port}?passphrase={SECRET}"
                sender, url = ffmpeg_sender(video, "-f", "mpegts", url), f"{url}&mode=listener"
            case "rtmp":
                url = f"rtmp://{HOST}:{port}/live/{SECRET[:1]}?key={SECRET}"
                sender = ffmpeg_sender(video, "-f", "flv", "-listen", "1", url)
            case "udp":
                url = f"udp://{HOST}:{port}"
                sender = ffmpeg_sender(video, "-f", "mpegts", f"{url}?pkt_size=1316")
                url = f"{url}?x={SECRET}"
            case "multicast":
                url = f"udp://@239.255.12.34:{port}"
                sender = ffmpeg_sender(video, "-f", "mpegts", f"{url}?pkt_size=1316&ttl=0")
            case "ndi":
                pytest.importorskip("cyndilib")
                url, environment = f"ndi:stage {port}", write_ndi_config(tmp_path)
                module = ("-m", "tests.testbed.ndi_sender", f"stage {port}", str(video))
                sender = Sender([sys.executable, *module], environment=environment)
            case _:
                url = str(tmp_path / "pipe.ts")
                os.mkfifo(url)
                sender = ffmpeg_sender(video, "-f", "mpegts", url)
        stack.callback(sender.stop)
        yield Stream(url, sender, freezes=request.param != "hls", environment=environment)


def test_stream_is_classified_and_reconnected_without_showing_secrets(
    stream: Stream, request: pytest.FixtureRequest, pose_model: Path, tmp_path: Path, figure: Figure
) -> None:
    source = ("--source", f"cam={stream.url}")
    with Command(*source, folder=tmp_path, environment=stream.environment) as command:
        # A sender that connects to a listener gives up soon.
        command.wait_for_state(SourceState.CONNECTING, within=STARTED_WITHIN)
        stream.sender.start()
        first = command.wait_for(is_prediction, within=STARTED_WITHIN)
        assert is_prediction(first)
        assert first.latency.capture < 1

        if stream.freezes:
            before = len(command.messages)
            stream.sender.freeze()
            command.wait_for_state(SourceState.STALLED, within=REPORTED_WITHIN, after=before)
            stream.sender.resume()
            command.wait_for_state(SourceState.RUNNING, within=RECOVERED_WITHIN, after=before)

        ended = time.time()
        stream.sender.stop()
        before = len(command.messages)
        lost = command.wait_for_state(
            SourceState.RECONNECTING, within=REPORTED_WITHIN, after=before
        )
        assert lost.fault

        started = time.time()
        stream.sender.start()
        running = command.wait_for_state(SourceState.RUNNING, within=RECOVERED_WITHIN, after=before)
        assert running.epoch > lost.epoch
        command.wait_for(captured_after(running.times.sent), within=RECOVERED_WITHIN, after=before)
        outputs = [command.get(path) for path in ("/", "/status", "/metrics")]
        command.stop()
    outputs += [command.output, (tmp_path / "messages.jsonl").read_text()]
    assert not [text for text in outputs if SECRET in text]
    assert "Traceback" not in command.output
    name = request.node.callspec.params["stream"]
    seconds = (lost.times.sent - ended, running.times.sent - started)
    figure(
        "streams",
        f"{name}: `reconnecting` ({lost.fault.value}) after {seconds[0]:.1f} s, running "
        f"{seconds[1]:.1f} s after the sender has started again",
    )
