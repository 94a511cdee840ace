"""Streams of each protocol, from a real sender to the real command."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from dancetype.stream.messages import SourceState
from tests.system.conftest import Figure
from tests.testbed.command import Command, captured_after, is_prediction
from tests.testbed.rtsp_server import HOST, find_free_port
from tests.testbed.senders import PlaylistServer, Sender

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
    """

    url: str
    sender: Sender
    freezes: bool


@pytest.fixture(params=["mjpeg", "hls", "srt", "srt listener", "rtmp", "udp", "multicast", "pipe"])
def stream(request: pytest.FixtureRequest, videos: Path, tmp_path: Path) -> Iterator[Stream]:
    video, port = videos / "small.mp4", find_free_port()
    with ExitStack() as stack:
        match request.param:
            case "mjpeg":
                url = f"http://{HOST}:{port}/video.mjpg"
                options = ("-c:v", "mjpeg", "-f", "mpjpeg", "-listen", "1")
                kind = ("-content_type", "multipart/x-mixed-replace;boundary=ffmpeg")
                sender, url = Sender(video, *options, *kind, url), f"{url}?pw={SECRET}"
            case "hls":
                server = stack.enter_context(PlaylistServer(tmp_path))
                # Segments start with a key frame, and those in the playlist are played to the end.
                options = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10")
                options += ("-f", "hls", "-hls_time", "1", "-hls_flags", "delete_segments")
                sender = Sender(video, *options, tmp_path / "live.m3u8")
                url = f"{server.url}/live.m3u8?token={SECRET}"
            case "srt":
                url = f"srt://{HOST}:{port}?passphrase={SECRET}"
                sender = Sender(video, "-f", "mpegts", f"{url}&mode=listener")
            case "srt listener":
                url = f"srt://{HOST}:{port}?passphrase={SECRET}"
                sender, url = Sender(video, "-f", "mpegts", url), f"{url}&mode=listener"
            case "rtmp":
                url = f"rtmp://{HOST}:{port}/live/{SECRET[:1]}?key={SECRET}"
                sender = Sender(video, "-f", "flv", "-listen", "1", url)
            case "udp":
                url = f"udp://{HOST}:{port}"
                sender = Sender(video, "-f", "mpegts", f"{url}?pkt_size=1316")
                url = f"{url}?x={SECRET}"
            case "multicast":
                url = f"udp://@239.255.12.34:{port}"
                sender = Sender(video, "-f", "mpegts", f"{url}?pkt_size=1316&ttl=0")
            case _:
                url = str(tmp_path / "pipe.ts")
                os.mkfifo(url)
                sender = Sender(video, "-f", "mpegts", url)
        yield Stream(url, stack.enter_context(sender), freezes=request.param != "hls")


def test_stream_is_classified_and_reconnected_without_showing_secrets(
    stream: Stream, request: pytest.FixtureRequest, pose_model: Path, tmp_path: Path, figure: Figure
) -> None:
    source = ("--source", f"cam={stream.url}")
    with Command(*source, folder=tmp_path) as command:
        first = command.wait_for(is_prediction, within=STARTED_WITHIN)
        assert is_prediction(first)
        assert first.latency.capture < 1

        if stream.freezes:
            before = len(command.messages)
            stream.sender.freeze()
            command.wait_for_state(SourceState.STALLED, within=REPORTED_WITHIN, after=before)
            stream.sender.resume()
            command.wait_for_state(SourceState.RUNNING, within=RECOVERED_WITHIN, after=before)

        stream.sender.stop()
        before = len(command.messages)
        lost = command.wait_for_state(
            SourceState.RECONNECTING, within=REPORTED_WITHIN, after=before
        )
        assert lost.fault

        stream.sender.start()
        running = command.wait_for_state(SourceState.RUNNING, within=RECOVERED_WITHIN, after=before)
        assert running.epoch > lost.epoch
        command.wait_for(captured_after(running.times.sent), within=RECOVERED_WITHIN, after=before)
        outputs = [command.get(path) for path in ("/", "/status", "/metrics")]
        command.stop()
    outputs += [command.output, (tmp_path / "messages.jsonl").read_text()]
    assert not [text for text in outputs if SECRET in text]
    assert "Traceback" not in command.output
    figure(
        f"stream {request.node.callspec.params['stream']}",
        f"`reconnecting` ({lost.fault.value}) when the sender ends; running again after it starts",
    )
