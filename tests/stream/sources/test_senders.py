"""Senders that connect to this machine: SRT, UDP and pipes."""

import os
import socket
import sys
import time
from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.stream.sources import network, srt
from dancetype.stream.sources.ndi import NdiSource
from dancetype.stream.sources.network import NetworkSource, Pacer
from dancetype.stream.sources.uri import parse_uri
from tests.testbed.rtsp_server import find_free_port

HOST = "127.0.0.1"
SECRET = "s3cret-pa55word"


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a sender for less than a second."""
    monkeypatch.setattr(network, "_SENDER_TIMEOUT", 0.5)


def open_source(uri: str, *, timeout: float = 0.5) -> NetworkSource:
    return NetworkSource(parse_uri(uri), epoch=0, timeout=timeout)


def error_of(uri: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        open_source(uri)
    assert SECRET not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"srt://{HOST}:9?mode=rendezvous&passphrase={SECRET}", "invalid mode"),
        (f"srt://{HOST}:9?passphrase=s3cret", "the passphrase has 6 bytes; use 10 to 79"),
        (f"srt://{HOST}:9?latency=fast", "invalid latency"),
    ],
)
def test_invalid_parameter_of_srt_is_named(url: str, reason: str) -> None:
    error = error_of(url)
    assert reason in str(error)
    assert not isinstance(error, SourceUnavailableError)


def test_missing_ndi_library_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyndilib.finder", None)
    with pytest.raises(SourceError, match=r'run pip install "dancetype\[ndi\]"') as caught:
        NdiSource("STUDIO (Camera 1)", epoch=0)
    assert not isinstance(caught.value, SourceUnavailableError)


def test_missing_srt_library_is_named_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srt, "_LIBRARIES", ("libsrt-missing.so",))
    monkeypatch.setattr(srt, "_OTHER_LIBRARIES", ())
    srt.load_library.cache_clear()
    try:
        assert "apt-get install libsrt1.5-openssl" in str(error_of(f"srt://{HOST}:9"))
    finally:
        srt.load_library.cache_clear()


@pytest.mark.parametrize("host", [HOST, "[::1]", ""])
@pytest.mark.parametrize("mode", ["caller", "listener"])
def test_absent_srt_sender_is_awaited(host: str, mode: str) -> None:
    start = time.monotonic()
    port = find_free_port(socket.SOCK_DGRAM)
    error = error_of(f"srt://{host or HOST}:{port}?mode={mode}&passphrase={SECRET}")
    assert error.fault is Fault.TIMED_OUT
    assert isinstance(error, SourceUnavailableError)
    assert time.monotonic() - start < 5


def test_srt_listener_reports_a_port_in_use() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        error = error_of(f"srt://{HOST}:{other.getsockname()[1]}?mode=listener")
    assert "another program may use it" in str(error)


def test_udp_port_in_use_is_reported() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        error = error_of(f"udp://{HOST}:{other.getsockname()[1]}")
    assert "another program uses this port" in str(error)
    assert error.fault is Fault.REFUSED


def test_udp_address_of_another_machine_is_reported() -> None:
    error = error_of(f"udp://192.0.2.77:{find_free_port(socket.SOCK_DGRAM)}")
    assert "this machine does not have the address" in str(error)


@pytest.mark.parametrize(
    "text",
    ["ffconcat version 1.0\nfile /etc/passwd\n", "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"],
)
def test_playlist_in_a_datagram_is_not_opened(text: str) -> None:
    port = find_free_port(socket.SOCK_DGRAM)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), (HOST, port))
        error = error_of(f"udp://{HOST}:{port}")
    assert error.fault in (Fault.TIMED_OUT, Fault.ENDED)


def make_pipe(folder: Path) -> Path:
    pipe = folder / "camera.ts"
    os.mkfifo(pipe)
    return pipe


def test_pipe_without_a_writer_times_out(tmp_path: Path) -> None:
    error = error_of(str(make_pipe(tmp_path)))
    assert error.fault is Fault.TIMED_OUT
    assert "check that a program writes video to it" in str(error)


@pytest.mark.parametrize(
    "text", [b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", b"ffconcat version 1.0\n", b"\x00" * 999, b""]
)
def test_pipe_with_something_else_is_refused(tmp_path: Path, text: bytes) -> None:
    pipe = make_pipe(tmp_path)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(pipe, os.O_WRONLY)
    os.write(writing, text)
    os.close(reading)
    try:
        assert error_of(str(pipe)).fault in (Fault.ENDED, Fault.TIMED_OUT, Fault.OTHER)
    finally:
        os.close(writing)


def test_pipe_is_read_until_its_writer_ends(tmp_path: Path) -> None:
    video = tmp_path / "video.ts"
    with av.open(str(video), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            image = np.zeros((48, 64, 3), np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        file.mux(stream.encode())
    pipe = make_pipe(tmp_path)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(pipe, os.O_WRONLY)
    os.write(writing, video.read_bytes())
    with closing(open_source(str(pipe))) as source:
        os.close(reading)
        os.close(writing)
        times = [source.read().time for _ in range(20)]
        with pytest.raises(SourceUnavailableError, match="the stream has ended"):
            source.read()
    # All packets were there at once, but are played at their own pace.
    assert times[-1] - times[0] == pytest.approx(19 / 25, abs=0.05)


class VirtualTime:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


def test_pacer_spreads_a_burst_and_starts_again_after_a_jump() -> None:
    clock = VirtualTime()
    pacer = Pacer(clock, sleep=clock.sleep)

    def due(stamp: float) -> float:
        pacer.wait_until_due(stamp)
        return clock.now

    assert [due(stamp) for stamp in (5.0, 5.5, 6.0)] == [100.0, 100.5, 101.0]
    # A late packet is not held back; the next one keeps its place.
    clock.now = 101.7
    assert [due(stamp) for stamp in (6.5, 7.0)] == [101.7, 102.0]
    # The sender was too slow, has started again, or has paused.
    clock.now = 110.0
    assert [due(stamp) for stamp in (7.5, 8.0)] == [110.0, 110.5]
    assert [due(stamp) for stamp in (0.0, 0.5, 90.0, 90.5)] == [110.5, 111.0, 111.0, 111.5]
