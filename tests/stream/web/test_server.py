import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from time import monotonic

import pytest
from websockets.exceptions import InvalidStatus

from dancetype.engine.errors import SinkError
from dancetype.stream.clock import Clock
from dancetype.stream.messages import SourceState
from dancetype.stream.run_state import RunState
from dancetype.stream.web.access import Access, make_access, tls_context
from dancetype.stream.web.client import Limits
from dancetype.stream.web.health import Health
from dancetype.stream.web.pages import Page
from dancetype.stream.web.server import WebSocketSink
from tests.stream.web.clients import (
    HUGE,
    NO_HEARTBEATS,
    TOKEN,
    client,
    get,
    receive,
    send,
    source_message,
    wait_for_close,
)
from tests.stream.web.test_tls import create_certificate


@pytest.fixture
async def sink() -> AsyncIterator[WebSocketSink]:
    async with WebSocketSink(port=0, limits=NO_HEARTBEATS) as sink:
        yield sink


async def refusal(sink: WebSocketSink, query: str = "", **headers: str) -> tuple[int, str]:
    """Return status and body of the response to a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with client(sink, query, additional_headers=headers):
            pytest.fail("connected")
    response = refused.value.response
    return response.status_code, bytes(response.body or b"").decode()


@pytest.mark.parametrize(
    ("path", "media_type", "part"),
    [
        ("/", "text/html", "<title>dancetype</title>"),
        ("/?source=left", "text/html", "<title>dancetype</title>"),
        ("/dashboard/page.css", "text/css", "prefers-reduced-motion"),
        ("/connection.js", "text/javascript", "new WebSocket"),
        ("/overlay?theme=neon", "text/html", "<title>dancetype overlay</title>"),
        ("/overlay/main.js", "text/javascript", "../connection.js"),
    ],
)
async def test_pages_are_served_and_may_not_contact_other_hosts(
    sink: WebSocketSink, path: str, media_type: str, part: str
) -> None:
    status, headers, body = await get(sink, path)
    assert status == 200
    assert headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert part in body


async def test_health_includes_source_states_only_if_authorised() -> None:
    run_state = RunState(Clock.start())
    health = Health(run_state)
    for message in (source_message(0, "left"), source_message(0, "right", SourceState.FAILED)):
        await run_state.send(message, "")
    routes = {"/healthz": health.live}
    async with WebSocketSink(port=0, routes=routes) as sink:
        status, headers, body = await get(sink, "/healthz")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == {"status": "ok", "sources": {"left": "running", "right": "failed"}}
    async with WebSocketSink(port=0, routes=routes, access=Access(TOKEN)) as sink:
        assert (await get(sink, "/healthz"))[2] == '{"status": "ok"}'


async def test_401_response_has_www_authenticate_header() -> None:
    def unauthorised(authorised: bool) -> Page:
        return Page(HTTPStatus.UNAUTHORIZED, "text/plain", b"no")

    async with WebSocketSink(port=0, routes={"/private": unauthorised}) as sink:
        status, headers, _ = await get(sink, "/private")
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Bearer")


async def test_routes_are_called_with_whether_the_request_is_authorised() -> None:
    def respond(authorised: bool) -> Page:
        return Page(HTTPStatus.OK, "text/plain", b"all" if authorised else b"part")

    routes = {"/metrics": respond, "/healthz": respond}
    async with WebSocketSink(port=0, routes=routes) as sink:
        assert (await get(sink, "/metrics?x=1"))[2] == "all"
        assert (await get(sink, "/healthz"))[2] == "all"
    async with WebSocketSink(port=0, routes=routes, access=Access(TOKEN)) as sink:
        assert (await get(sink, "/metrics"))[2] == "part"
        assert (await get(sink, "/metrics", Authorization="Bearer another"))[2] == "part"
        assert (await get(sink, "/metrics", Authorization=f"Bearer {TOKEN}"))[2] == "all"


@pytest.mark.parametrize("path", ["/nothing", "/../websocket.py", "/index.html", "//ws", "/%77s"])
async def test_unknown_paths_are_404(sink: WebSocketSink, path: str) -> None:
    status, _, _ = await get(sink, path)
    assert status == 404


async def test_pages_from_other_sites_are_refused_and_logged_once_per_origin(
    sink: WebSocketSink, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        status, text = await refusal(sink, Origin="http://evil.example")
        assert status == 403
        assert "--allow-origin" in text
    assert await refusal(sink, Origin="null")
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "'http://evil.example'" in warnings[0]
    assert sink.counts()["refused"] == 3


async def test_pages_from_this_machine_and_allowed_origins_connect() -> None:
    access = make_access(
        "127.0.0.1", None, insecure=False, origins=["null", "https://desk.example"]
    )
    async with WebSocketSink(port=0, access=access, limits=NO_HEARTBEATS) as sink:
        await send(sink, source_message(0))
        for origin in ("http://localhost:3000", "null", "https://desk.example"):
            async with client(sink, origin=origin) as page:
                assert (await receive(page))["seq"] == 0


async def test_request_with_foreign_host_name_is_refused(
    sink: WebSocketSink,
) -> None:
    for path in ("/", "/healthz", "/ws"):
        status, _, text = await get(sink, path, Host="rebound.example")
        assert status == 403
        assert "--allow-origin" in text
    assert sink.counts()["refused"] == 3


async def test_client_beyond_max_clients_is_refused_with_503() -> None:
    async with WebSocketSink(port=0, max_clients=2) as sink:
        async with client(sink), client(sink) as last:
            status, text = await refusal(sink)
            assert status == 503
            assert "--max-clients" in text
            assert sink.counts()["connected"] == 2
            assert (await get(sink, "/"))[0] == 200
            await last.close()
            while sink.counts()["connected"] == 2:
                await asyncio.sleep(0)
            async with client(sink):
                assert sink.counts()["connected"] == 2
        assert sink.counts()["refused"] == 1


async def test_invalid_query_is_refused_with_400(sink: WebSocketSink) -> None:
    status, text = await refusal(sink, "?source=" + "x" * 101)
    assert status == 400
    assert "source" in text


async def test_connection_that_does_not_finish_its_handshake_is_dropped() -> None:
    async with WebSocketSink(port=0, limits=Limits(opening=0.2)) as sink:
        reader, writer = await asyncio.open_connection(sink.host, sink.port)
        writer.write(b"GET /ws HTTP/1.1\r\nHost:")
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_unfinished_handshakes_are_limited_and_do_not_block_other_clients() -> None:
    limits = Limits(opening=0.5, heartbeat=60.0)
    async with WebSocketSink(port=0, max_clients=1, limits=limits) as sink:
        streams = [await asyncio.open_connection(sink.host, sink.port) for _ in range(70)]
        async with asyncio.timeout(10):
            reads = [reader.read(1) for reader, _ in streams]
            await asyncio.gather(*reads, return_exceptions=True)
        assert sink.counts()["refused"] == 5
        await send(sink, source_message(0))
        async with client(sink) as late:
            assert (await receive(late))["seq"] == 0
        for _, writer in streams:
            writer.close()


async def test_stop_closes_clients_with_1001() -> None:
    async with WebSocketSink(port=0) as sink:
        connection = await client(sink)
    assert (await wait_for_close(connection))[0] == 1001


async def test_unresponsive_clients_do_not_delay_stop() -> None:
    async with WebSocketSink(port=0) as sink:
        slow = await client(sink)
        slow.transport.pause_reading()
        await sink.send(source_message(0), HUGE)
        _, writer = await asyncio.open_connection(sink.host, sink.port)
        stop_time = monotonic()
    assert monotonic() - stop_time < 1.5
    assert sink.counts()["connected"] == 0
    slow.transport.abort()
    writer.close()


async def test_messages_are_not_compressed(sink: WebSocketSink) -> None:
    async with client(sink) as connection:
        assert connection.protocol.extensions == []


async def test_pages_and_messages_are_served_over_tls(tmp_path: Path) -> None:
    cert, key = create_certificate(tmp_path, "server")
    client_context = ssl.create_default_context(cafile=str(cert))
    client_context.check_hostname = False
    async with WebSocketSink(port=0, tls=tls_context(cert, key), limits=NO_HEARTBEATS) as sink:
        assert sink.url == f"https://127.0.0.1:{sink.port}/"
        await send(sink, source_message(0))
        async with client(sink, ssl=client_context) as connection:
            assert (await receive(connection))["seq"] == 0
        _, writer = await asyncio.open_connection(sink.host, sink.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        writer.close()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("::1", "http://[::1]:80/"),
        ("0.0.0.0", "http://localhost:80/"),
        ("::", "http://localhost:80/"),
        ("stage.local", "http://stage.local:80/"),
    ],
)
def test_url_can_be_opened_in_a_browser(host: str, url: str) -> None:
    assert WebSocketSink(host=host, port=80).url == url


async def test_port_in_use_raises_error_that_suggests_another_port(sink: WebSocketSink) -> None:
    with pytest.raises(SinkError, match=rf"port {sink.port} is already in use.*--port"):
        async with WebSocketSink(port=sink.port):
            pytest.fail("entered")


async def test_address_of_another_machine_raises_error_that_explains_host_option() -> None:
    with pytest.raises(SinkError, match=r"cannot listen on 192\.0\.2\.1 port 0.*--host"):
        async with WebSocketSink(host="192.0.2.1", port=0):
            pytest.fail("entered")
