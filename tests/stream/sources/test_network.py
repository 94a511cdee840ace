import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from traceback import format_exception

import av.error
import pytest

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.stream.sources.faults import source_error
from dancetype.stream.sources.network import NetworkSource
from dancetype.stream.sources.uri import SourceKind, parse_uri

HOST = "127.0.0.1"


class FakeCamera:
    """Camera that sends the same response to every RTSP request, and records the requests."""

    def __init__(self, server: socket.socket, response: str) -> None:
        self.port = server.getsockname()[1]
        self.requests: list[str] = []
        self.received = ""
        self.ports: list[int] = []
        self._server = server
        self.answer = response

    @property
    def url(self) -> str:
        return f"rtsp://me:s3cret@{HOST}:{self.port}/live"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, suppress(ConnectionError):
                self._respond(connection)

    def _respond(self, connection: socket.socket) -> None:
        while request := connection.recv(4096).decode():
            lines = request.splitlines()
            if not lines[0].endswith("RTSP/1.0"):
                return
            self.requests.append(lines[0])
            self.received += request
            self.ports.append(connection.getpeername()[1])
            sequence = next(line for line in lines if line.startswith("CSeq"))
            connection.sendall(self.answer.format(sequence=sequence, port=self.port).encode())
            if not self.answer:
                return


@contextmanager
def camera(response: str) -> Iterator[FakeCamera]:
    with socket.create_server((HOST, 0)) as server:
        fake = FakeCamera(server, response)
        thread = Thread(target=fake.serve, daemon=True)
        thread.start()
        yield fake
        server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def response(status: str, header: str = "") -> str:
    return f"RTSP/1.0 {status}\r\n{{sequence}}\r\n{header}\r\n"


def error_of(url: str, *, timeout: float = 3.0) -> SourceError:
    """Return the error on opening `url`, after checking that it contains no password."""
    with pytest.raises(SourceError) as caught:
        NetworkSource(parse_uri(url), epoch=0, timeout=timeout)
    # Including its causes, as it would be logged.
    assert "s3cret" not in "".join(format_exception(caught.value))
    return caught.value


@pytest.mark.parametrize(
    ("reply", "fault", "retried"),
    [
        (response("401 No", 'WWW-Authenticate: Basic realm="x"\r\n'), Fault.AUTHENTICATION, False),
        (response("403 Forbidden"), Fault.AUTHENTICATION, False),
        (response("404 Not Found"), Fault.NOT_FOUND, True),
        (response("453 Not Enough Bandwidth"), Fault.OTHER, True),
        (response("454 Session Not Found"), Fault.OTHER, True),
        (response("500 Oops"), Fault.OTHER, True),
        (response("503 Busy"), Fault.OTHER, True),
        (response("599 ?"), Fault.OTHER, True),
        (response("302 Found"), Fault.OTHER, True),
        ("HTTP/1.1 400 What?\r\n\r\n", Fault.ENDED, True),
        ("", Fault.ENDED, True),
    ],
    ids=[
        *("password", "forbidden", "path", "busy", "session", "server error", "overloaded"),
        *("unknown", "redirect without target", "no rtsp", "closes"),
    ],
)
def test_error_response_of_a_camera_gives_its_fault(
    reply: str, fault: Fault, retried: bool
) -> None:
    with camera(reply) as fake:
        error = error_of(fake.url)
    assert error.fault is fault
    assert isinstance(error, SourceUnavailableError) is retried
    assert fake.requests


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("400 Whatever", "rejects the request (status 400, bad request); check the URL"),
        ("418 Whatever", "rejects the request (status 418); check the URL"),
        ("454 Whatever", "rejects the request (status 454, session not found); check"),
        ("461 Whatever", "rejects the request (status 461, transport not supported); check"),
        ("500 Whatever", "reports a fault (status 500, internal error); restart it"),
        ("503 Whatever", "reports a fault (status 503, service unavailable); restart it"),
        ("551 Whatever", "reports a fault (status 551); restart it"),
        ("410 Whatever", "the camera has no such path; check the URL"),
    ],
)
def test_status_of_a_camera_is_explained_by_its_class(status: str, reason: str) -> None:
    with camera(response(status)) as fake:
        error = error_of(fake.url)
    assert reason in str(error)
    assert "Whatever" not in str(error)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (av.error.HTTPOtherClientError(0, ""), "rejects the request (status 4xx)"),
        (av.error.HTTPBadRequestError(0, ""), "rejects the request (status 400, bad request)"),
        (av.error.HTTPServerError(0, ""), "reports a fault (status 5xx)"),
        (av.error.HTTPForbiddenError(0, ""), "rejects the user name or password"),
        (av.error.FFmpegError(errno.EIO, ""), "connection closed, or not an RTSP camera"),
        (
            av.error.FFmpegError(errno.EPERM, "Not permitted"),
            "cannot be read (Not permitted); check",
        ),
    ],
)
def test_class_of_a_status_from_ffmpeg_is_explained(
    error: av.error.FFmpegError, reason: str
) -> None:
    described = source_error("rtsp://cam", SourceKind.RTSP, error, seconds=0, timeout=3)
    assert reason in str(described)


@pytest.mark.parametrize(
    "location",
    ["rtsp://127.0.0.1:{port}/live", "/live", "?again=1", "rtsp://other:pw@127.0.0.1:{port}/b"],
)
def test_redirect_to_itself_is_followed_five_times(location: str) -> None:
    with camera(response("302 Moved", f"Location: {location}\r\n")) as fake:
        start = time.monotonic()
        error = error_of(fake.url)
        seconds = time.monotonic() - start
    assert "redirects more than 5 times" in str(error)
    assert isinstance(error, SourceUnavailableError)
    assert len(fake.requests) == 6
    assert len(fake.requests) / seconds < 10


def test_redirects_between_two_cameras_are_limited() -> None:
    with camera("") as first, camera("") as second:
        first.answer = response("301 Moved", f"Location: rtsp://{HOST}:{second.port}/b\r\n")
        second.answer = response("307 Moved", f"Location: rtsp://{HOST}:{first.port}/a\r\n")
        error = error_of(first.url)
    assert "redirects more than 5 times" in str(error)
    assert len(first.requests) == len(second.requests) == 3


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "http://127.0.0.1/x", "rtsp://", "concat:a", "rtsp://[x"]
)
def test_redirect_to_something_else_is_refused(location: str) -> None:
    with camera(response("302 Moved", f"Location: {location}\r\n")) as fake:
        error = error_of(fake.url)
    assert error.fault in (Fault.ENDED, Fault.OTHER)
    assert len(fake.requests) <= 6


def test_password_is_not_sent_to_another_host_by_a_redirect() -> None:
    challenge = response("401 No", 'WWW-Authenticate: Basic realm="x"\r\n')
    with camera(challenge) as other:
        moved = response("302 Moved", f"Location: rtsp://localhost:{other.port}/live\r\n")
        with camera(moved) as fake:
            error = error_of(fake.url)
    assert error.fault is Fault.AUTHENTICATION
    assert "Authorization" not in other.received
    assert other.requests


def test_challenge_is_answered_on_the_same_connection() -> None:
    challenge = 'WWW-Authenticate: Digest realm="x", nonce="n", qop="auth"\r\n'
    with camera(response("401 No", challenge)) as fake:
        error_of(fake.url)
    assert len(fake.ports) == 2
    assert len(set(fake.ports)) == 1
    assert 'Authorization: Digest username="me", realm="x", nonce="n"' in fake.received


def test_rejected_password_is_sent_only_once() -> None:
    with camera(response("401 No", 'WWW-Authenticate: Basic realm="x"\r\n')) as fake:
        error_of(fake.url)
    # RTSP clients send the first request without a password.
    assert len(fake.requests) == 2


def test_closed_port_gives_fault_refused() -> None:
    with socket.socket() as server:
        server.bind((HOST, 0))
        error = error_of(f"rtsp://me:s3cret@{HOST}:{server.getsockname()[1]}/live")
    assert error.fault is Fault.REFUSED
    assert isinstance(error, SourceUnavailableError)


def test_unknown_host_gives_fault_not_found() -> None:
    error = error_of("rtsp://me:s3cret@no-such-machine.invalid/live")
    assert error.fault is Fault.NOT_FOUND
    assert isinstance(error, SourceUnavailableError)


def test_camera_without_response_times_out() -> None:
    with socket.create_server((HOST, 0)) as server:
        url = f"rtsp://me:s3cret@{HOST}:{server.getsockname()[1]}/live"
        error = error_of(url, timeout=0.2)
    assert error.fault is Fault.TIMED_OUT
    assert isinstance(error, SourceUnavailableError)


def test_camera_without_video_fails_permanently() -> None:
    description = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    header = f"Content-Type: application/sdp\r\nContent-Length: {len(description)}\r\n"
    with camera(response("200 OK", header) + description) as fake:
        error = error_of(fake.url)
    assert error.fault is Fault.CODEC
    assert not isinstance(error, SourceUnavailableError)
