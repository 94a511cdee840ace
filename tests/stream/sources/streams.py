"""Readers of whole streams, and answers of servers."""

from contextlib import closing
from http.server import SimpleHTTPRequestHandler
from traceback import format_exception

import pytest

from dancetype.engine.errors import SourceError
from dancetype.stream.sources.network import NetworkSource
from dancetype.stream.sources.uri import parse_uri

Handler = SimpleHTTPRequestHandler


def read_all(url: str) -> tuple[list[float], SourceError]:
    """Return the times of all frames of a stream, and the error that ended it.

    No part of the error shows a text with `s3cret`.
    """
    times: list[float] = []

    def read() -> None:
        with closing(NetworkSource(parse_uri(url), epoch=0, timeout=2.0)) as source:
            while True:
                times.append(source.read().time)

    with pytest.raises(SourceError) as caught:
        read()
    assert "s3cret" not in "".join(format_exception(caught.value))
    return times, caught.value


def fault_of(url: str) -> SourceError:
    """Return the error of a stream without frames."""
    times, error = read_all(url)
    assert not times
    return error


def send(handler: Handler, status: int, body: bytes = b"", **headers: str) -> bool:
    """Answer a request; an underscore in the name of a header stands for a hyphen."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
    return True
