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
from dancetype.stream.web.access import Access, access_for, tls_context
from dancetype.stream.web.client import Limits
from dancetype.stream.web.health import Health
from dancetype.stream.web.pages import Page
from dancetype.stream.web.server import WebSocketSink
from tests.stream.web.talking import (
    HUGE,
    QUIET,
    TOKEN,
    client,
    closing,
    get,
    receive,
    send,
    state,
)
from tests.stream.web.test_tls import a_certificate


@pytest.fixture
async def outlet() -> AsyncIterator[WebSocketSink]:
    async with WebSocketSink(port=0, limits=QUIET) as outlet:
        yield outlet


async def refusal(outlet: WebSocketSink, query: str = "", **headers: str) -> tuple[int, str]:
    """Status and text that the handshake is answered with."""
    with pytest.raises(InvalidStatus) as refused:
        async with client(outlet, query, additional_headers=headers):
            pytest.fail("connected")
    response = refused.value.response
    return response.status_code, bytes(response.body or b"").decode()


@pytest.mark.parametrize(
    ("path", "kind", "part"),
    [
        ("/", "text/html", "<title>dancetype</title>"),
        ("/?source=left", "text/html", "<title>dancetype</title>"),
        ("/dashboard/page.css", "text/css", "prefers-reduced-motion"),
        ("/connection.js", "text/javascript", "new WebSocket"),
        ("/overlay?theme=neon", "text/html", "<title>dancetype overlay</title>"),
        ("/overlay/main.js", "text/javascript", "../connection.js"),
    ],
)
async def test_the_page_is_served_whole_and_may_ask_no_other_host(
    outlet: WebSocketSink, path: str, kind: str, part: str
) -> None:
    status, headers, body = await get(outlet, path)
    assert status == 200
    assert headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert part in body


async def test_health_tells_the_state_of_each_source_to_those_who_may_know() -> None:
    run_state = RunState(Clock.start())
    health = Health(run_state)
    for message in (state(0, "left"), state(0, "right", SourceState.FAILED)):
        await run_state.send(message, "")
    routes = {"/healthz": health.live}
    async with WebSocketSink(port=0, routes=routes) as outlet:
        status, headers, body = await get(outlet, "/healthz")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == {"status": "ok", "sources": {"left": "running", "right": "failed"}}
    async with WebSocketSink(port=0, routes=routes, access=Access(TOKEN)) as guarded:
        assert (await get(guarded, "/healthz"))[2] == '{"status": "ok"}'


async def test_who_is_turned_away_is_told_what_to_show() -> None:
    def secret(authorised: bool) -> Page:
        return Page(HTTPStatus.UNAUTHORIZED, "text/plain", b"no")

    async with WebSocketSink(port=0, routes={"/secret": secret}) as outlet:
        status, headers, _ = await get(outlet, "/secret")
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Bearer")


async def test_routes_are_served_and_told_whether_the_request_may_see_everything() -> None:
    def private(authorised: bool) -> Page:
        return Page(HTTPStatus.OK, "text/plain", b"all" if authorised else b"little")

    routes = {"/metrics": private, "/healthz": private}
    async with WebSocketSink(port=0, routes=routes) as outlet:
        assert (await get(outlet, "/metrics?x=1"))[2] == "all"
        assert (await get(outlet, "/healthz"))[2] == "all"
    async with WebSocketSink(port=0, routes=routes, access=Access(TOKEN)) as outlet:
        assert (await get(outlet, "/metrics"))[2] == "little"
        assert (await get(outlet, "/metrics", Authorization="Bearer another"))[2] == "little"
        assert (await get(outlet, "/metrics", Authorization=f"Bearer {TOKEN}"))[2] == "all"


@pytest.mark.parametrize("path", ["/nothing", "/../websocket.py", "/index.html", "//ws", "/%77s"])
async def test_there_is_nothing_at_other_paths(outlet: WebSocketSink, path: str) -> None:
    status, _, _ = await get(outlet, path)
    assert status == 404


async def test_pages_of_other_sites_are_refused_with_advice_and_logged_once_each(
    outlet: WebSocketSink, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        status, text = await refusal(outlet, Origin="http://evil.example")
        assert status == 403
        assert "--allow-origin" in text
    assert await refusal(outlet, Origin="null")
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "'http://evil.example'" in warnings[0]
    assert outlet.counts()["refused"] == 3


async def test_pages_of_this_machine_and_allowed_ones_connect() -> None:
    access = access_for("127.0.0.1", None, insecure=False, origins=["null", "https://desk.example"])
    async with WebSocketSink(port=0, access=access, limits=QUIET) as outlet:
        await send(outlet, state(0))
        for origin in ("http://localhost:3000", "null", "https://desk.example"):
            async with client(outlet, origin=origin) as page:
                assert (await receive(page))["seq"] == 0


async def test_who_asks_for_a_name_that_is_not_ours_gets_neither_messages_nor_pages(
    outlet: WebSocketSink,
) -> None:
    for path in ("/", "/healthz", "/ws"):
        status, _, text = await get(outlet, path, Host="rebound.example")
        assert status == 403
        assert "--allow-origin" in text
    assert outlet.counts()["refused"] == 3


async def test_a_client_too_many_is_refused_before_the_handshake() -> None:
    async with WebSocketSink(port=0, max_clients=2) as outlet:
        async with client(outlet), client(outlet) as last:
            status, text = await refusal(outlet)
            assert status == 503
            assert "--max-clients" in text
            assert outlet.counts()["connected"] == 2
            assert (await get(outlet, "/"))[0] == 200
            await last.close()
            while outlet.counts()["connected"] == 2:
                await asyncio.sleep(0)
            async with client(outlet):
                assert outlet.counts()["connected"] == 2
        assert outlet.counts()["refused"] == 1


async def test_a_url_that_asks_for_nonsense_is_refused(outlet: WebSocketSink) -> None:
    status, text = await refusal(outlet, "?source=" + "x" * 101)
    assert status == 400
    assert "source" in text


async def test_who_does_not_finish_the_handshake_is_dropped_in_time() -> None:
    async with WebSocketSink(port=0, limits=Limits(opening=0.2)) as outlet:
        reader, writer = await asyncio.open_connection(outlet.host, outlet.port)
        writer.write(b"GET /ws HTTP/1.1\r\nHost:")
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_only_so_many_can_stand_in_the_way_in_and_others_still_get_in() -> None:
    limits = Limits(opening=0.5, heartbeat=60.0)
    async with WebSocketSink(port=0, max_clients=1, limits=limits) as outlet:
        streams = [await asyncio.open_connection(outlet.host, outlet.port) for _ in range(70)]
        async with asyncio.timeout(10):
            ends = [reader.read(1) for reader, _ in streams]
            await asyncio.gather(*ends, return_exceptions=True)
        assert outlet.counts()["refused"] == 5
        await send(outlet, state(0))
        async with client(outlet) as late:
            assert (await receive(late))["seq"] == 0
        for _, writer in streams:
            writer.close()


async def test_stopping_says_goodbye_to_clients() -> None:
    async with WebSocketSink(port=0) as outlet:
        connection = await client(outlet)
    assert (await closing(connection))[0] == 1001


async def test_clients_that_neither_read_nor_speak_do_not_delay_the_end() -> None:
    async with WebSocketSink(port=0) as outlet:
        slow = await client(outlet)
        slow.transport.pause_reading()
        await outlet.send(state(0), HUGE)
        _, writer = await asyncio.open_connection(outlet.host, outlet.port)
        told_to_stop = monotonic()
    assert monotonic() - told_to_stop < 1.5
    assert outlet.counts()["connected"] == 0
    slow.transport.abort()
    writer.close()


async def test_messages_are_not_compressed(outlet: WebSocketSink) -> None:
    async with client(outlet) as connection:
        assert connection.protocol.extensions == []


async def test_page_and_messages_come_over_tls_too(tmp_path: Path) -> None:
    cert, key = a_certificate(tmp_path, "ours")
    trusting = ssl.create_default_context(cafile=str(cert))
    trusting.check_hostname = False
    async with WebSocketSink(port=0, tls=tls_context(cert, key), limits=QUIET) as outlet:
        assert outlet.url == f"https://127.0.0.1:{outlet.port}/"
        await send(outlet, state(0))
        async with client(outlet, ssl=trusting) as connection:
            assert (await receive(connection))["seq"] == 0
        _, plain = await asyncio.open_connection(outlet.host, outlet.port)
        plain.write(b"GET / HTTP/1.1\r\n\r\n")
        plain.close()


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
def test_the_url_can_be_opened_by_people(host: str, url: str) -> None:
    assert WebSocketSink(host=host, port=80).url == url


async def test_a_port_in_use_is_an_error_that_says_what_to_do(outlet: WebSocketSink) -> None:
    with pytest.raises(SinkError, match=rf"port {outlet.port} is taken.*--port"):
        async with WebSocketSink(port=outlet.port):
            pytest.fail("entered")


async def test_an_address_of_another_machine_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(SinkError, match=r"cannot listen on 192\.0\.2\.1 port 0.*--host"):
        async with WebSocketSink(host="192.0.2.1", port=0):
            pytest.fail("entered")
