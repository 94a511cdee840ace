"""HTTP requests as raw bytes, on one connection each."""

import asyncio
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest

from dancetype.stream.web.client import Limits
from dancetype.stream.web.pages import Page, Route, text_page
from dancetype.stream.web.server import WebSocketSink
from tests.stream.web.clients import HANDSHAKE, NO_HEARTBEATS, send, source_message

GET = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
# A masked text frame {"type":"subscribe","sources":["left"]}.
SUBSCRIBE = b'\x81\xa7\0\0\0\0{"type":"subscribe","sources":["left"]}'
LARGE_BODY = b"x" * 3_000_000


async def slow(authorised: bool) -> Page:
    for _ in range(5):
        await asyncio.sleep(0)
    return text_page(HTTPStatus.OK, "slow")


def broken(authorised: bool) -> Page:
    raise ZeroDivisionError


@pytest.fixture
async def sink(caplog: pytest.LogCaptureFixture) -> AsyncIterator[WebSocketSink]:
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    routes: dict[str, Route] = {
        "/healthz": lambda authorised: text_page(HTTPStatus.OK, "ok"),
        "/slow": slow,
        "/broken": broken,
        "/empty": lambda authorised: Page(HTTPStatus.NO_CONTENT, "image/jpeg", b""),
        "/large": lambda authorised: Page(HTTPStatus.OK, "text/plain", LARGE_BODY),
    }
    async with WebSocketSink(port=0, routes=routes, limits=NO_HEARTBEATS) as sink:
        yield sink
    assert errors == []


async def exchange(
    sink: WebSocketSink, *packets: bytes, half_close: bool = False
) -> tuple[bytes, dict[str, str], bytes]:
    """Send packets; return the status line, headers and body up to the end of the connection."""
    reader, writer = await asyncio.open_connection(sink.host, sink.port)
    for packet in packets:
        writer.write(packet)
        await writer.drain()
    if half_close:
        writer.write_eof()
    async with asyncio.timeout(5):
        response = await reader.read()
    writer.close()
    head, _, body = response.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    return status, dict(line.decode().split(": ", 1) for line in lines if line), body


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("half_close", [False, True])
@pytest.mark.parametrize(
    "packets",
    [
        (GET + GET,),
        (GET * 100,),
        (GET, GET),
        (GET[:20], GET[20:] + GET[:10]),
        (GET + b"\x81\x85abcd1234",),
        (GET + b"\xff" * 5000,),
    ],
    ids=["two in one packet", "a hundred", "two packets", "split", "frame", "garbage"],
)
async def test_pipelined_requests_get_one_response_and_a_clean_close(
    sink: WebSocketSink,
    caplog: pytest.LogCaptureFixture,
    packets: tuple[bytes, ...],
    half_close: bool,
) -> None:
    status, headers, body = await exchange(sink, *packets, half_close=half_close)
    assert (status, body) == (b"HTTP/1.1 200 OK", b"ok\n")
    assert headers["Connection"] == "close"
    assert warnings(caplog) == []


async def test_request_pipelined_while_the_response_is_prepared_is_ignored(
    sink: WebSocketSink,
) -> None:
    assert (await exchange(sink, SLOW + GET))[2] == b"slow\n"
    assert (await exchange(sink, SLOW, GET, half_close=True))[2] == b"slow\n"


@pytest.mark.parametrize("path", ["/", "/overlay", "/healthz", "/slow", "/large", "/nothing"])
async def test_head_has_the_headers_of_get_and_no_body(sink: WebSocketSink, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    status, headers, body = await exchange(sink, request)
    assert len(body) == int(headers["Content-Length"])
    head_status, head_headers, head_body = await exchange(sink, request.replace(b"GET", b"HEAD"))
    assert (head_status, head_body) == (status, b"")
    assert {**head_headers, "Date": ""} == {**headers, "Date": ""}


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        b"PUT /overlay HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000,
        b"DELETE /status HTTP/1.0\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=lambda text: text[:12].decode(),
)
async def test_other_methods_are_405_with_allow_and_with_or_without_a_body(
    sink: WebSocketSink, caplog: pytest.LogCaptureFixture, request_bytes: bytes
) -> None:
    request_bytes = request_bytes.replace(b"Host: x", b"Host: 127.0.0.1")
    status, headers, _ = await exchange(sink, request_bytes)
    assert status == b"HTTP/1.1 405 Method Not Allowed"
    assert headers["Allow"] == "GET, HEAD"
    assert warnings(caplog) == []


async def test_get_with_a_body_is_answered(sink: WebSocketSink) -> None:
    request = GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\nbody")
    assert (await exchange(sink, request))[2] == b"ok\n"


@pytest.mark.parametrize("path", [b"/", b"/overlay", b"/healthz", b"/wss", b"/nothing"])
async def test_websocket_at_another_path_is_404_and_names_the_right_one(
    sink: WebSocketSink, path: bytes
) -> None:
    status, _, body = await exchange(sink, HANDSHAKE.replace(b"/ws", path, 1))
    assert status == b"HTTP/1.1 404 Not Found"
    assert b"/ws" in body


async def test_other_upgrades_of_a_page_are_ignored(sink: WebSocketSink) -> None:
    upgrade = b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    status, _, body = await exchange(sink, GET.replace(b"\r\n\r\n", upgrade))
    assert (status, body) == (b"HTTP/1.1 200 OK", b"ok\n")


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_websocket_path_without_handshake_is_426(sink: WebSocketSink, method: bytes) -> None:
    request = method + b" /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    status, headers, _ = await exchange(sink, request)
    assert status == b"HTTP/1.1 426 Upgrade Required"
    assert headers["Upgrade"] == "websocket"


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"Version: 13", b"Version: 8", b"400"),
        (b"AAAAAAAAAAAAAAAAAAAAAA==", b"short", b"400"),
        (b"HTTP/1.1", b"HTTP/1.0", b"426"),
        (b"Connection: Upgrade\r\n", b"", b"426"),
    ],
)
async def test_invalid_handshake_is_refused(
    sink: WebSocketSink, old: bytes, new: bytes, status: bytes
) -> None:
    line, _, _ = await exchange(sink, HANDSHAKE.replace(old, new))
    assert line.split()[1] == status


async def test_message_in_the_same_packet_as_the_handshake_is_received(sink: WebSocketSink) -> None:
    await send(sink, source_message(0, "left"), source_message(0, "right"))
    reader, writer = await asyncio.open_connection(sink.host, sink.port)
    writer.write(HANDSHAKE.replace(b"/ws", b"/ws?source=right") + SUBSCRIBE)
    async with asyncio.timeout(5):
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        assert b'"source":"right"' in await reader.readuntil(b"}}")
        assert b'"source":"left"' in await reader.readuntil(b"}}")
    writer.close()


async def test_http_1_0_without_host_is_answered(sink: WebSocketSink) -> None:
    status, _, body = await exchange(sink, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert (status, body) == (b"HTTP/1.1 200 OK", b"ok\n")


async def test_whole_url_as_target_is_answered_with_its_host_checked(sink: WebSocketSink) -> None:
    url = f"http://127.0.0.1:{sink.port}/healthz?x=1".encode()
    assert (await exchange(sink, GET.replace(b"/healthz", url)))[2] == b"ok\n"
    foreign = GET.replace(b"/healthz", b"http://rebound.example/healthz")
    assert (await exchange(sink, foreign))[0] == b"HTTP/1.1 403 Forbidden"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"hello\r\n\r\n", b"400"),
        (b"GET /\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nno colon\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x11b\r\n\r\n", b"400"),
        (b"GET http://[ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\n" * 4, b"400"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: " + b"x" * 100_000, b"431"),
    ],
)
async def test_invalid_request_gets_an_error_status(
    sink: WebSocketSink, caplog: pytest.LogCaptureFixture, request_bytes: bytes, status: bytes
) -> None:
    line, _, _ = await exchange(sink, request_bytes)
    assert line.split()[1] == status
    assert warnings(caplog) == []


async def test_error_in_a_page_is_logged_and_answered_with_500(
    sink: WebSocketSink, caplog: pytest.LogCaptureFixture
) -> None:
    status, _, body = await exchange(sink, GET.replace(b"/healthz", b"/broken"))
    assert (status, body) == (
        b"HTTP/1.1 500 Internal Server Error",
        b"internal error: see the log\n",
    )
    assert warnings(caplog) == ["request_failed path='/broken'"]


async def test_empty_response_has_no_length(sink: WebSocketSink) -> None:
    status, headers, body = await exchange(sink, GET.replace(b"/healthz", b"/empty"))
    assert (status, body) == (b"HTTP/1.1 204 No Content", b"")
    assert "Content-Length" not in headers


async def test_response_that_is_not_read_is_dropped_after_a_time() -> None:
    routes = {"/large": lambda authorised: Page(HTTPStatus.OK, "text/plain", LARGE_BODY)}
    async with WebSocketSink(port=0, routes=routes, limits=Limits(sending=0.2)) as sink:
        reader, writer = await asyncio.open_connection(sink.host, sink.port, limit=100)
        writer.write(GET.replace(b"/healthz", b"/large"))
        await reader.readuntil(b"\r\n")
        await asyncio.sleep(0.5)
        async with asyncio.timeout(5):
            assert len(await reader.read()) < len(LARGE_BODY)
        writer.close()


async def test_client_that_does_not_close_its_end_is_disconnected(sink: WebSocketSink) -> None:
    reader, writer = await asyncio.open_connection(sink.host, sink.port)
    writer.write(GET)
    async with asyncio.timeout(5):
        await reader.read()
        while not writer.transport.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.05)
