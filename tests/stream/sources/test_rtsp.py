import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from traceback import format_exception

import pytest

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.stream.sources.rtsp import RtspSource

HOST = "127.0.0.1"


class Camera:
    """Answers every RTSP request with the same words, and writes the requests down."""

    def __init__(self, server: socket.socket, answer: str) -> None:
        self.port = server.getsockname()[1]
        self.requests: list[str] = []
        self._server = server
        self._answer = answer

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
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        while request := connection.recv(4096).decode():
            lines = request.splitlines()
            if not lines[0].endswith("RTSP/1.0"):
                return
            self.requests.append(lines[0])
            counts = next(line for line in lines if line.startswith("CSeq"))
            connection.sendall(self._answer.format(counts=counts).encode())
            if not self._answer:
                return


@contextmanager
def camera(answer: str) -> Iterator[Camera]:
    with socket.create_server((HOST, 0)) as server:
        answering = Camera(server, answer)
        thread = Thread(target=answering.serve, daemon=True)
        thread.start()
        yield answering
        server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def status(code: str, header: str = "") -> str:
    return f"RTSP/1.0 {code}\r\n{{counts}}\r\n{header}\r\n"


def error_of(url: str, *, patience: float = 3.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        RtspSource(url, epoch=0, patience=patience)
    # With what caused it, as it would be logged.
    assert "s3cret" not in "".join(format_exception(caught.value))
    return caught.value


@pytest.mark.parametrize(
    ("answer", "fault", "again"),
    [
        (status("401 No", 'WWW-Authenticate: Basic realm="x"\r\n'), Fault.AUTHENTICATION, False),
        (status("403 Forbidden"), Fault.AUTHENTICATION, False),
        (status("404 Not Found"), Fault.NOT_FOUND, True),
        (status("453 Not Enough Bandwidth"), Fault.OTHER, True),
        (status("500 Oops"), Fault.OTHER, True),
        ("HTTP/1.1 400 What?\r\n\r\n", Fault.ENDED, True),
        ("", Fault.ENDED, True),
    ],
    ids=["password", "forbidden", "path", "busy", "broken", "no rtsp", "hangs up"],
)
def test_the_fault_of_a_camera_that_answers_is_told(answer: str, fault: Fault, again: bool) -> None:
    with camera(answer) as answering:
        error = error_of(answering.url)
    assert error.fault is fault
    assert isinstance(error, SourceUnavailableError) is again
    assert answering.requests


def test_a_password_is_tried_once_and_no_more() -> None:
    with camera(status("401 No", 'WWW-Authenticate: Basic realm="x"\r\n')) as answering:
        error_of(answering.url)
    # Without a password first, as RTSP has it, and with.
    assert len(answering.requests) == 2


def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.socket() as server:
        server.bind((HOST, 0))
        error = error_of(f"rtsp://me:s3cret@{HOST}:{server.getsockname()[1]}/live")
    assert error.fault is Fault.REFUSED
    assert isinstance(error, SourceUnavailableError)


def test_a_name_that_no_machine_has_is_not_found() -> None:
    error = error_of("rtsp://me:s3cret@no-such-machine.invalid/live")
    assert error.fault is Fault.NOT_FOUND
    assert isinstance(error, SourceUnavailableError)


def test_a_camera_that_does_not_answer_is_given_up() -> None:
    with socket.create_server((HOST, 0)) as server:
        url = f"rtsp://me:s3cret@{HOST}:{server.getsockname()[1]}/live"
        error = error_of(url, patience=0.2)
    assert error.fault is Fault.TIMED_OUT
    assert isinstance(error, SourceUnavailableError)


def test_a_camera_that_sends_no_video_is_given_up() -> None:
    description = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    header = f"Content-Type: application/sdp\r\nContent-Length: {len(description)}\r\n"
    with camera(status("200 OK", header) + description) as answering:
        error = error_of(answering.url)
    assert error.fault is Fault.CODEC
    assert not isinstance(error, SourceUnavailableError)
