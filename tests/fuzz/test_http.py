import asyncio
from http import HTTPStatus
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection

from dancetype.stream.web.client import Limits
from dancetype.stream.web.http_connection import HttpConnection, HttpRequest
from dancetype.stream.web.limiter import ConnectionLimiter
from dancetype.stream.web.pages import Page, text_page
from tests.fuzz.fuzzing import check_parser, fuzz_test

REQUESTS = (
    b"GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    b"GET http://a/ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"HEAD * HTTP/1.0\r\n\r\n",
)


class FakeTransport:
    """Transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


class FakeWebSocket:
    def connection_made(self, transport: object) -> None: ...

    def data_received(self, data: bytes) -> None: ...


async def respond(request: HttpRequest) -> Page | None:
    return None if request.opens_websocket else text_page(HTTPStatus.OK, "ok")


async def response(*packets: bytes) -> bytes:
    connection = HttpConnection(
        respond,
        lambda: cast(ServerConnection, FakeWebSocket()),
        ConnectionLimiter(limit=1, seconds=1),
        Limits(),
    )
    transport = FakeTransport()
    connection.connection_made(cast(asyncio.Transport, transport))
    for packet in filter(None, packets):
        connection.data_received(packet)
    if connection._task:
        await connection._task
    connection.connection_lost(None)
    return transport.written


@st.composite
def changed_requests(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(REQUESTS)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(start + draw(st.integers(0, 5)), len(data))
        data[start:end] = draw(st.binary(max_size=3) | st.sampled_from(REQUESTS))
    return bytes(data)


@fuzz_test
@given(st.binary(max_size=200) | changed_requests(), st.integers(0, 200))
def test_any_request_gets_one_response_or_waits_for_the_rest(data: bytes, split: int) -> None:
    with check_parser("HTTP requests"):
        written = asyncio.run(response(data[:split], data[split:]))
        assert written == b"" or written.startswith(b"HTTP/1.1 ")
        assert not written.startswith(b"HTTP/1.1 500")
        assert written.partition(b"\r\n\r\n")[0].count(b"Content-Length") <= 1
