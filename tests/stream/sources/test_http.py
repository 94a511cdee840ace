"""Streams over HTTP from servers that behave and misbehave."""

import base64
import hashlib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from threading import Thread
from typing import Final

import av
import numpy as np
import pytest

from dancetype.engine.errors import Fault, SourceUnavailableError
from tests.stream.sources.streams import Handler, fault_of, read_all, send
from tests.testbed.senders import PlaylistServer

USER, PASSWORD = "dancer", "s3cret:pass word"
LOGIN: Final = "dancer:s3cret%3Apass%20word@"
FPS: Final = 10


@pytest.mark.parametrize("target", ["/loop", "?again", "{url}/loop", "/other"])
def test_redirects_in_a_loop_are_limited(tmp_path: Path, target: str) -> None:
    def respond(handler: Handler) -> bool:
        other = "/loop" if handler.path == "/other" else target.format(url=server.url)
        return send(handler, 302, Location=other)

    with PlaylistServer(tmp_path, respond) as server:
        start = time.monotonic()
        error = fault_of(f"{server.url}/loop")
        seconds = time.monotonic() - start
    assert "redirects more than 5 times" in str(error)
    assert len(server.requests) == 6
    assert len(server.requests) / seconds < 10


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://x/", "concat:a", "rtsp://x", "http://[x"]
)
def test_redirect_to_another_protocol_is_refused(tmp_path: Path, target: str) -> None:
    with PlaylistServer(tmp_path, lambda handler: send(handler, 302, Location=target)) as server:
        error = fault_of(f"{server.url}/x")
        assert len(server.requests) == 1
    assert "not allowed" in str(error)


@pytest.mark.parametrize(
    ("status", "fault", "retried", "reason"),
    [
        (401, Fault.AUTHENTICATION, False, "rejects the user name or password"),
        (403, Fault.AUTHENTICATION, False, "rejects the user name or password"),
        (404, Fault.NOT_FOUND, True, "no such path"),
        (429, Fault.OTHER, True, "rejects the request (status 429, too many requests)"),
        (500, Fault.OTHER, True, "reports a fault (status 500, internal error)"),
        (503, Fault.OTHER, True, "reports a fault (status 503, service unavailable)"),
        (304, Fault.OTHER, True, "redirects"),
    ],
)
def test_status_is_explained_by_its_class(
    tmp_path: Path, status: int, fault: Fault, retried: bool, reason: str
) -> None:
    with PlaylistServer(tmp_path, lambda handler: send(handler, status)) as server:
        error = fault_of(f"http://{LOGIN}{server.url.removeprefix('http://')}/live.m3u8?pw=s3cret")
    assert error.fault is fault
    assert isinstance(error, SourceUnavailableError) is retried
    assert reason in str(error)


def mjpeg(handler: Handler, frames: int = 5, *, chunked: bool = False) -> bool:
    """Send a stream of JPEG images with their lengths, like many cameras."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuvj420p"
    encoder.time_base = Fraction(1, FPS)
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=--frame")
    if chunked:
        handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for index in range(frames):
        image = av.VideoFrame.from_ndarray(
            np.full((48, 64, 3), 40 * index, np.uint8), format="bgr24"
        )
        jpeg = b"".join(map(bytes, encoder.encode(image.reformat(format="yuvj420p"))))
        part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
        data = part + jpeg + b"\r\n"
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
    if chunked:
        handler.wfile.write(b"0\r\n\r\n")
    return True


@pytest.mark.parametrize("chunked", [False, True])
def test_motion_jpeg_is_read(tmp_path: Path, chunked: bool) -> None:
    with PlaylistServer(tmp_path, lambda handler: mjpeg(handler, chunked=chunked)) as server:
        times, error = read_all(f"{server.url}/cgi-bin/video.cgi?resolution=vga")
    # FFmpeg returns the last image only if a boundary follows.
    assert len(times) >= 4
    assert error.fault is Fault.ENDED


def is_basic(header: str, handler: Handler) -> bool:
    return header == f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"


def is_digest(header: str, handler: Handler) -> bool:
    """Return whether a header has the right response (RFC 2617, section 3.2.2)."""
    if not header.startswith("Digest "):
        return False
    items = (item.partition("=") for item in header.removeprefix("Digest ").split(", "))
    fields = {name: value.strip('"') for name, _, value in items}

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    middle = ":".join(fields[key] for key in ("nonce", "nc", "cnonce", "qop"))
    secret = md5(f"{USER}:stage:{PASSWORD}")
    expected = md5(f"{secret}:{middle}:{md5(f'GET:{handler.path}')}")
    return fields["response"] == expected and fields["uri"] == handler.path


@pytest.mark.parametrize(
    ("challenge", "is_valid"),
    [
        ('Basic realm="stage"', is_basic),
        ('Digest realm="stage", nonce="a,b=c", qop="auth,auth-int", opaque="o"', is_digest),
    ],
)
@pytest.mark.parametrize("password", [LOGIN, "dancer:s3cret-wrong@"])
def test_camera_with_a_password_is_asked_once(
    tmp_path: Path, challenge: str, is_valid: Callable[[str, Handler], bool], password: str
) -> None:
    headers: list[str] = []

    def respond(handler: Handler) -> bool:
        headers.append(handler.headers.get("Authorization", ""))
        if is_valid(headers[-1], handler):
            return mjpeg(handler)
        return send(handler, 401, WWW_Authenticate=challenge)

    with PlaylistServer(tmp_path, respond) as server:
        host = server.url.removeprefix("http://")
        times, error = read_all(f"http://{password}{host}/video cam.mjpg?a=b c")
    assert bool(times) is (password == LOGIN)
    assert error.fault is (Fault.ENDED if times else Fault.AUTHENTICATION)
    assert [bool(header) for header in headers] == [False, True]


def test_password_is_not_sent_to_another_host(tmp_path: Path) -> None:
    headers: list[str | None] = []

    def respond(handler: Handler) -> bool:
        if handler.headers["Host"].startswith("localhost"):
            headers.append(handler.headers.get("Authorization"))
            return send(handler, 401, WWW_Authenticate='Basic realm="x"')
        return send(handler, 302, Location=server.url.replace("127.0.0.1", "localhost"))

    with PlaylistServer(tmp_path, respond) as server:
        error = fault_of(f"http://{LOGIN}{server.url.removeprefix('http://')}/a")
    assert error.fault is Fault.AUTHENTICATION
    assert headers == [None]


@contextmanager
def raw_server(*parts: bytes, pause: float = 0.0) -> Iterator[str]:
    """Server that sends the same bytes to each client, whatever it requests."""

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                try:
                    client.recv(4096)
                    for part in parts:
                        client.sendall(part)
                        time.sleep(pause)
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/live"
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"RTSP/1.0 200 OK\r\n\r\n",),
        (b"\x00\xff" * 50_000,),
        (b"HTTP/1.1 200 OK\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",),
        (b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\nGIF89a",),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/x-mpegurl\r\n\r\nffconcat version 1.0\n",),
        (b"HTTP/1.1 200 OK\r\n\r\nffconcat version 1.0\nfile /etc/passwd\n",),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[x\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",),
    ],
)
def test_server_that_sends_no_stream_gives_a_fault(parts: tuple[bytes, ...]) -> None:
    with raw_server(*parts) as url:
        error = fault_of(url)
    assert error.fault in (Fault.ENDED, Fault.OTHER, Fault.CODEC)
    assert "Traceback" not in str(error)


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n"], ids=["head", "body"]
)
def test_server_that_sends_single_bytes_times_out(head: bytes) -> None:
    with raw_server(head, *[b"G"] * 100, pause=0.1) as url:
        start = time.monotonic()
        error = fault_of(url)
        seconds = time.monotonic() - start
    assert error.fault is Fault.TIMED_OUT
    assert seconds < 6


def test_server_without_tls_is_explained() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/"

        def refuse() -> None:
            client, _ = server.accept()
            with client:
                client.recv(4096)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = Thread(target=refuse, daemon=True)
        thread.start()
        error = fault_of(url)
        thread.join(5)
    assert error.fault is Fault.ENDED
    assert "not a video stream over HTTP" in str(error)
