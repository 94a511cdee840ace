import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from traceback import format_exception

import pytest

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.stream.sources.network import NetworkSource
from dancetype.stream.sources.uri import parse_uri

HOST = "127.0.0.1"


class FakeCamera:
    """Camera that sends the same response to every RTSP request, and records the requests."""

    def __init__(self, server: socket.socket, response: str) -> None:
        self.port = server.getsockname()[1]
        self.requests: list[str] = []
        self._server = server
        self._response = response

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
            sequence = next(line for line in lines if line.startswith("CSeq"))
            connection.sendall(self._response.format(sequence=sequence).encode())
            if not self._response:
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
        (response("500 Oops"), Fault.OTHER, True),
        ("HTTP/1.1 400 What?\r\n\r\n", Fault.ENDED, True),
        ("", Fault.ENDED, True),
    ],
    ids=["password", "forbidden", "path", "busy", "server error", "no rtsp", "closes"],
)
def test_error_response_of_a_camera_gives_its_fault(
    reply: str, fault: Fault, retried: bool
) -> None:
    with camera(reply) as fake:
        error = error_of(fake.url)
    assert error.fault is fault
    assert isinstance(error, SourceUnavailableError) is retried
    assert fake.requests


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
