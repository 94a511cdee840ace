import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from websockets.exceptions import ConnectionClosed

from dancetype.stream.web.access import Access
from dancetype.stream.web.client import Limits
from dancetype.stream.web.server import WebSocketSink
from tests.stream.web.clients import (
    HANDSHAKE,
    HUGE,
    NO_HEARTBEATS,
    TOKEN,
    captured_warnings,
    client,
    prediction,
    receive,
    send,
    send_request,
    source_message,
    wait_for_close,
)


@pytest.fixture(autouse=True)
def no_exception_or_token_in_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check after each test that the log contains neither an exception nor the token."""
    with caplog.at_level(logging.DEBUG):
        yield
    dancetype_records = [
        record for record in caplog.records if record.name.startswith("dancetype.")
    ]
    assert [record for record in caplog.records if record.exc_info] == []
    assert [record for record in dancetype_records if TOKEN in record.getMessage()] == []
    assert [record for record in caplog.records if record.levelno > logging.WARNING] == []


@pytest.fixture
async def sink() -> AsyncIterator[WebSocketSink]:
    async with WebSocketSink(port=0, limits=NO_HEARTBEATS) as sink:
        yield sink


@pytest.fixture
async def protected_sink() -> AsyncIterator[WebSocketSink]:
    async with WebSocketSink(port=0, access=Access(TOKEN), limits=NO_HEARTBEATS) as sink:
        await send(sink, source_message(0))
        yield sink


async def test_every_client_gets_every_message_if_it_reads_fast_enough(sink: WebSocketSink) -> None:
    async with client(sink) as first, client(sink) as second:
        for seq in range(3):
            await send(sink, prediction(seq))
            assert (await receive(first))["seq"] == seq
            assert (await receive(second))["seq"] == seq
        assert sink.counts()["connected"] == 2


async def test_new_client_gets_latest_state_and_prediction_of_each_source_in_order(
    sink: WebSocketSink,
) -> None:
    await send(sink, source_message(0, "left"), prediction(1, "left"), prediction(2, "left"))
    await send(sink, prediction(5, "right"), source_message(6, "right"))
    async with client(sink) as late:
        received = [await receive(late) for _ in range(4)]
    seqs = [(message["source"], message["seq"]) for message in received]
    assert seqs == [("left", 0), ("left", 2), ("right", 5), ("right", 6)]


async def test_slow_client_gets_newest_message_and_number_of_dropped_ones() -> None:
    limits = Limits(heartbeat=0.05, sending=60.0)
    async with WebSocketSink(port=0, limits=limits) as sink, client(sink) as slow:
        slow.transport.pause_reading()
        await sink.send(source_message(0), f'{{"type": "{HUGE}"}}')
        for seq in range(1, 100):
            await send(sink, prediction(seq))
        slow.transport.resume_reading()
        received = [await receive(slow)]
        while received[-1].get("dropped") != {"clip": 98}:
            received.append(await receive(slow))
    assert [message["seq"] for message in received if message["type"] == "prediction"] == [99]


async def test_heartbeats_are_sent_without_any_source() -> None:
    limits = Limits(heartbeat=0.01)
    async with WebSocketSink(port=0, limits=limits) as sink, client(sink) as waiting:
        first, second = await receive(waiting), await receive(waiting)
    assert first["type"] == second["type"] == "heartbeat"
    assert first["dropped"] == {}
    assert first["times"]["sent"] < second["times"]["sent"]


async def test_client_that_does_not_read_is_cut_off_and_delays_no_other_client() -> None:
    limits = Limits(heartbeat=0.1, sending=0.3)
    async with WebSocketSink(port=0, limits=limits) as sink, client(sink) as fast_client:
        with (
            captured_warnings() as lines,
            socket.create_connection((sink.host, sink.port)) as raw,
        ):
            raw.sendall(HANDSHAKE)
            assert b" 101 " in await asyncio.to_thread(raw.recv, 1024)
            await sink.send(source_message(0), json.dumps({"type": HUGE}))
            await send(sink, prediction(1))
            while (await receive(fast_client)).get("seq") != 1:
                pass
            assert (
                await lines.next()
                == "client_disconnected client='127.0.0.1' reason='does not read'"
            )
        assert (sink.counts()["cut_off"], sink.counts()["connected"]) == (1, 1)


async def test_url_selects_sources(sink: WebSocketSink) -> None:
    await send(
        sink, source_message(0, "left"), source_message(0, "right"), source_message(0, "middle")
    )
    async with client(sink, "?source=right&source=later") as subscriber:
        await send(
            sink, source_message(1, "left"), source_message(0, "later"), source_message(1, "right")
        )
        received = [await receive(subscriber) for _ in range(3)]
    seqs = [(message["source"], message["seq"]) for message in received]
    assert seqs == [("right", 0), ("later", 0), ("right", 1)]


async def test_subscribe_changes_sources_and_sends_snapshot_of_added_ones(
    sink: WebSocketSink,
) -> None:
    await send(sink, source_message(0, "left"), source_message(0, "right"))
    async with client(sink, "?source=left") as subscriber:
        assert (await receive(subscriber))["source"] == "left"
        await send_request(subscriber, type="subscribe", sources=["right"])
        assert (await receive(subscriber))["source"] == "right"
        await send(sink, source_message(1, "left"), source_message(1, "right"))
        assert (await receive(subscriber))["source"] == "right"
        await send_request(subscriber, type="subscribe")
        message = await receive(subscriber)
        assert (message["source"], message["seq"]) == ("left", 1)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_token_in_header_is_accepted(protected_sink: WebSocketSink, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {TOKEN}"}
    async with client(protected_sink, additional_headers=headers) as connection:
        assert (await receive(connection))["seq"] == 0


async def test_token_in_hello_is_accepted_together_with_sources(
    protected_sink: WebSocketSink,
) -> None:
    await send(protected_sink, source_message(7, "right"))
    async with client(protected_sink) as connection:
        await send_request(connection, type="hello", token=TOKEN, sources=["right"])
        assert (await receive(connection))["seq"] == 7


async def test_hello_without_sources_keeps_sources_of_url(protected_sink: WebSocketSink) -> None:
    await send(protected_sink, source_message(7, "right"))
    async with client(protected_sink, "?source=right") as connection:
        await send_request(connection, type="hello", token=TOKEN)
        assert (await receive(connection))["seq"] == 7


async def test_hello_with_any_token_is_accepted_if_no_token_is_needed(sink: WebSocketSink) -> None:
    await send(sink, source_message(0, "left"), source_message(0, "right"))
    async with client(sink, "?source=left") as connection:
        assert (await receive(connection))["source"] == "left"
        await send_request(connection, type="hello", token="anything", sources=["right"])
        assert (await receive(connection))["source"] == "right"


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "hello", "token": TOKEN + "x"},
        {"type": "hello", "token": ""},
        {"type": "hello"},
        {"type": "subscribe", "sources": ["clip"]},
    ],
)
async def test_any_other_first_request_is_refused_with_the_same_reason(
    fields: dict[str, object],
) -> None:
    async with WebSocketSink(port=0, access=Access(TOKEN), limits=NO_HEARTBEATS) as sink:
        await send(sink, source_message(0))
        async with client(sink) as connection:
            await send_request(connection, **fields)
            assert await wait_for_close(connection) == (4401, "token needed")
        async with client(sink, additional_headers={"Authorization": "Bearer x"}) as connection:
            assert await wait_for_close(connection) == (4401, "token needed")
    assert sink.counts()["refused"] == 2


async def test_wrong_token_in_hello_is_refused_after_correct_token_in_header(
    protected_sink: WebSocketSink,
) -> None:
    async with client(
        protected_sink, additional_headers={"Authorization": f"Bearer {TOKEN}"}
    ) as connection:
        await send_request(connection, type="hello", token="another")
        assert await wait_for_close(connection) == (4401, "token needed")


async def test_client_that_sends_no_hello_gets_no_message_and_is_closed() -> None:
    limits = Limits(hello=0.3, heartbeat=0.01)
    async with WebSocketSink(port=0, access=Access(TOKEN), limits=limits) as sink:
        await send(sink, source_message(0))
        async with client(sink) as idle_client:
            await send(sink, source_message(1))
            async with asyncio.timeout(5):
                await idle_client.wait_closed()
            with pytest.raises(ConnectionClosed, match="token needed"):
                pytest.fail(f"got {await idle_client.recv()!r}")
            assert idle_client.close_code == 4401


@pytest.mark.parametrize("authorised", [False, True])
@pytest.mark.parametrize(
    ("data", "code", "reason_part"),
    [
        ("{", 1007, "not JSON"),
        ("[]", 4400, '"hello"'),
        ('{"type": "subscribe", "sources": [0]}', 4400, "sources"),
        (b"{}", 1003, "text"),
        ("x" * 4097, 1009, ""),
        (["x" * 3000, "x" * 3000], 1009, ""),
    ],
)
async def test_invalid_data_is_answered_with_specific_close_code(
    protected_sink: WebSocketSink,
    data: str | bytes | list[str],
    code: int,
    reason_part: str,
    authorised: bool,
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"} if authorised else {}
    async with client(protected_sink, additional_headers=headers) as connection:
        await connection.send(data)
        close_code, close_reason = await wait_for_close(connection)
        assert close_code == code
        assert reason_part in close_reason


async def test_too_many_requests_close_the_connection_with_1008(sink: WebSocketSink) -> None:
    async with client(sink) as connection:
        for _ in range(20):
            await send_request(connection, type="subscribe")
        await send(sink, source_message(0))
        assert (await receive(connection))["seq"] == 0
        await send_request(connection, type="subscribe")
        assert await wait_for_close(connection) == (1008, "too many messages")


async def test_flood_of_pings_closes_the_connection_with_1008(sink: WebSocketSink) -> None:
    ping = b"\x89\x80\x00\x00\x00\x00"
    reader, writer = await asyncio.open_connection(sink.host, sink.port)
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ping * 20_000)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert b"\x03\xf0too many messages" in answer


async def test_client_that_vanishes_is_removed_without_warning(
    sink: WebSocketSink, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(sink) as vanished:
        vanished.transport.abort()
    await send(sink, source_message(0))
    async with client(sink) as next_client:
        await receive(next_client)
        assert sink.counts()["connected"] == 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
