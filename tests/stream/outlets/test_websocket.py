import asyncio
import json
import logging
from collections.abc import AsyncIterator
from time import monotonic
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from stream.messages import Clock, SourceMessage, SourceState, source_message
from stream.outlets.base import OutletError
from stream.outlets.websocket import WebSocketOutlet

# Much more than the buffers between a server and a client that does not read.
HUGE = "x" * 4_000_000


@pytest.fixture
async def outlet() -> AsyncIterator[WebSocketOutlet]:
    async with WebSocketOutlet(port=0) as outlet:
        yield outlet


def a_message(
    seq: int, source: str = "clip", state: SourceState = SourceState.RUNNING
) -> SourceMessage:
    return source_message(
        state, source=source, epoch=0, seq=seq, sent=0.0, clock=Clock(lambda: 0.0, offset=0.0)
    )


async def send(outlet: WebSocketOutlet, message: SourceMessage) -> None:
    await outlet.send(message, message.model_dump_json())


def client(outlet: WebSocketOutlet) -> connect:
    return connect(f"ws://{outlet.host}:{outlet.port}/ws", proxy=None, max_size=None)


async def receive(connection: ClientConnection) -> dict[str, object]:
    async with asyncio.timeout(5):
        return dict(json.loads(await connection.recv()))


async def get(outlet: WebSocketOutlet, path: str) -> tuple[int, dict[str, str], str]:
    def fetch() -> tuple[int, dict[str, str], str]:
        url = f"http://{outlet.host}:{outlet.port}{path}"
        try:
            with urlopen(url, timeout=5) as response:
                return response.status, dict(response.headers), response.read().decode()
        except HTTPError as error:
            return error.code, dict(error.headers), error.read().decode()

    return await asyncio.to_thread(fetch)


async def test_every_client_gets_every_message_it_keeps_up_with(outlet: WebSocketOutlet) -> None:
    async with client(outlet) as one, client(outlet) as other:
        for seq in range(3):
            await send(outlet, a_message(seq))
            assert (await receive(one))["seq"] == seq
            assert (await receive(other))["seq"] == seq


async def test_a_client_that_joins_late_gets_the_last_message_of_each_source_at_once(
    outlet: WebSocketOutlet,
) -> None:
    for message in (a_message(0, "left"), a_message(1, "left"), a_message(5, "right")):
        await send(outlet, message)
    async with client(outlet) as late:
        received = [await receive(late), await receive(late)]
    assert {message["source"]: message["seq"] for message in received} == {"left": 1, "right": 5}


async def test_a_client_that_never_reads_delays_neither_the_others_nor_the_end() -> None:
    async with asyncio.timeout(5), WebSocketOutlet(port=0) as outlet:
        slow = await client(outlet)
        slow.transport.pause_reading()
        async with client(outlet) as quick:
            for seq in range(5):
                await outlet.send(a_message(seq), f"{seq}{HUGE}")
                assert (await quick.recv())[0] == str(seq)
        told_to_stop = monotonic()
    assert monotonic() - told_to_stop < 1.5
    slow.transport.abort()


async def test_a_slow_client_skips_to_the_newest_message(outlet: WebSocketOutlet) -> None:
    async with client(outlet) as slow:
        await send(outlet, a_message(0))
        await receive(slow)
        # Without a pause in between the server has no chance to send.
        for seq in range(1, 100):
            await send(outlet, a_message(seq))
        assert (await receive(slow))["seq"] == 99


async def test_a_talkative_client_is_heard_out_and_served(outlet: WebSocketOutlet) -> None:
    async with client(outlet) as talkative:
        for _ in range(100):
            await talkative.send("hello")
        await send(outlet, a_message(0))
        assert (await receive(talkative))["seq"] == 0


async def test_a_client_that_says_too_much_is_shut_out(outlet: WebSocketOutlet) -> None:
    async with client(outlet) as loud:
        await loud.send("x" * 5000)
        with pytest.raises(ConnectionClosedError) as closed:
            await receive(loud)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_a_client_that_vanishes_leaves_no_trace_in_the_log(
    outlet: WebSocketOutlet, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with client(outlet) as vanishing:
            vanishing.transport.abort()
        await send(outlet, a_message(0))
        async with client(outlet) as next_one:
            await receive(next_one)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_stopping_says_goodbye_to_clients() -> None:
    async with WebSocketOutlet(port=0) as outlet:
        connection = await client(outlet)
    with pytest.raises(ConnectionClosed) as closed:
        await receive(connection)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001


async def test_who_connects_and_says_nothing_does_not_delay_the_end() -> None:
    async with WebSocketOutlet(port=0) as outlet:
        _, writer = await asyncio.open_connection(outlet.host, outlet.port)
        told_to_stop = monotonic()
    assert monotonic() - told_to_stop < 1.5
    writer.close()


async def test_messages_are_not_compressed(outlet: WebSocketOutlet) -> None:
    async with client(outlet) as connection:
        assert connection.protocol.extensions == []


@pytest.mark.parametrize(
    ("path", "kind", "part"),
    [
        ("/", "text/html", "<title>dancetype</title>"),
        ("/?source=left", "text/html", "<title>dancetype</title>"),
        ("/style.css", "text/css", "prefers-reduced-motion"),
        ("/app.js", "text/javascript", "new WebSocket"),
    ],
)
async def test_the_page_is_served_whole_and_may_ask_no_other_host(
    outlet: WebSocketOutlet, path: str, kind: str, part: str
) -> None:
    status, headers, body = await get(outlet, path)
    assert status == 200
    assert headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert part in body


async def test_health_tells_the_state_of_each_source(outlet: WebSocketOutlet) -> None:
    await send(outlet, a_message(0, "left"))
    await send(outlet, a_message(0, "right", SourceState.FAILED))
    status, headers, body = await get(outlet, "/healthz")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == {"status": "ok", "sources": {"left": "running", "right": "failed"}}


@pytest.mark.parametrize("path", ["/nothing", "/../websocket.py", "/index.html", "//ws"])
async def test_there_is_nothing_at_other_paths(outlet: WebSocketOutlet, path: str) -> None:
    status, _, _ = await get(outlet, path)
    assert status == 404


async def test_a_port_in_use_is_an_error_that_says_what_to_do(outlet: WebSocketOutlet) -> None:
    with pytest.raises(OutletError, match=rf"port {outlet.port} is taken.*--port"):
        async with WebSocketOutlet(port=outlet.port):
            pytest.fail("entered")


async def test_an_address_of_another_machine_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(OutletError, match=r"cannot listen on 192\.0\.2\.1 port 0.*--host"):
        async with WebSocketOutlet(host="192.0.2.1", port=0):
            pytest.fail("entered")
