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
from tests.stream.web.talking import (
    HANDSHAKE,
    HUGE,
    QUIET,
    TOKEN,
    client,
    closing,
    prediction,
    receive,
    say,
    send,
    state,
    warnings_logged,
)


@pytest.fixture(autouse=True)
def nothing_said_in_secret(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No client gets an exception or the token into the log, whatever it does."""
    with caplog.at_level(logging.DEBUG):
        yield
    ours = [record for record in caplog.records if record.name.startswith("dancetype")]
    assert [record for record in caplog.records if record.exc_info] == []
    assert [record for record in ours if TOKEN in record.getMessage()] == []
    assert [record for record in caplog.records if record.levelno > logging.WARNING] == []


@pytest.fixture
async def outlet() -> AsyncIterator[WebSocketSink]:
    async with WebSocketSink(port=0, limits=QUIET) as outlet:
        yield outlet


@pytest.fixture
async def guarded() -> AsyncIterator[WebSocketSink]:
    async with WebSocketSink(port=0, access=Access(TOKEN), limits=QUIET) as outlet:
        await send(outlet, state(0))
        yield outlet


async def test_every_client_gets_every_message_it_keeps_up_with(outlet: WebSocketSink) -> None:
    async with client(outlet) as one, client(outlet) as other:
        for seq in range(3):
            await send(outlet, prediction(seq))
            assert (await receive(one))["seq"] == seq
            assert (await receive(other))["seq"] == seq
        assert outlet.counts()["connected"] == 2


async def test_who_joins_gets_the_last_state_and_prediction_of_each_source_in_their_order(
    outlet: WebSocketSink,
) -> None:
    await send(outlet, state(0, "left"), prediction(1, "left"), prediction(2, "left"))
    await send(outlet, prediction(5, "right"), state(6, "right"))
    async with client(outlet) as late:
        received = [await receive(late) for _ in range(4)]
    seqs = [(message["source"], message["seq"]) for message in received]
    assert seqs == [("left", 0), ("left", 2), ("right", 5), ("right", 6)]


async def test_a_slow_client_skips_to_the_newest_and_is_told_how_many_it_missed() -> None:
    limits = Limits(heartbeat=0.05, sending=60.0)
    async with WebSocketSink(port=0, limits=limits) as outlet, client(outlet) as slow:
        slow.transport.pause_reading()
        huge = state(0)
        await outlet.send(huge, f'{{"type": "{HUGE}"}}')
        for seq in range(1, 100):
            await send(outlet, prediction(seq))
        slow.transport.resume_reading()
        received = [await receive(slow)]
        while received[-1].get("dropped") != {"clip": 98}:
            received.append(await receive(slow))
    assert [message["seq"] for message in received if message["type"] == "prediction"] == [99]


async def test_heartbeats_come_without_any_source() -> None:
    limits = Limits(heartbeat=0.01)
    async with WebSocketSink(port=0, limits=limits) as outlet, client(outlet) as waiting:
        first, second = await receive(waiting), await receive(waiting)
    assert first["type"] == second["type"] == "heartbeat"
    assert first["dropped"] == {}
    assert first["times"]["sent"] < second["times"]["sent"]


async def test_who_does_not_read_is_cut_off_counted_and_delays_nobody() -> None:
    limits = Limits(heartbeat=0.1, sending=0.3)
    async with WebSocketSink(port=0, limits=limits) as outlet, client(outlet) as quick:
        with (
            warnings_logged() as lines,
            socket.create_connection((outlet.host, outlet.port)) as raw,
        ):
            raw.sendall(HANDSHAKE)
            assert b" 101 " in await asyncio.to_thread(raw.recv, 1024)
            await outlet.send(state(0), json.dumps({"type": HUGE}))
            await send(outlet, prediction(1))
            while (await receive(quick)).get("seq") != 1:
                pass
            assert (
                await lines.next()
                == "client_disconnected client='127.0.0.1' reason='does not read'"
            )
        assert (outlet.counts()["cut_off"], outlet.counts()["connected"]) == (1, 1)


async def test_sources_are_chosen_in_the_url(outlet: WebSocketSink) -> None:
    await send(outlet, state(0, "left"), state(0, "right"), state(0, "middle"))
    async with client(outlet, "?source=right&source=later") as chooser:
        await send(outlet, state(1, "left"), state(0, "later"), state(1, "right"))
        received = [await receive(chooser) for _ in range(3)]
    seqs = [(message["source"], message["seq"]) for message in received]
    assert seqs == [("right", 0), ("later", 0), ("right", 1)]


async def test_another_choice_holds_from_then_on_and_new_sources_greet(
    outlet: WebSocketSink,
) -> None:
    await send(outlet, state(0, "left"), state(0, "right"))
    async with client(outlet, "?source=left") as chooser:
        assert (await receive(chooser))["source"] == "left"
        await say(chooser, type="subscribe", sources=["right"])
        assert (await receive(chooser))["source"] == "right"
        await send(outlet, state(1, "left"), state(1, "right"))
        assert (await receive(chooser))["source"] == "right"
        await say(chooser, type="subscribe")
        message = await receive(chooser)
        assert (message["source"], message["seq"]) == ("left", 1)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_a_token_in_the_header_lets_in(guarded: WebSocketSink, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {TOKEN}"}
    async with client(guarded, additional_headers=headers) as known:
        assert (await receive(known))["seq"] == 0


async def test_a_token_in_the_first_message_lets_in_and_may_choose_sources(
    guarded: WebSocketSink,
) -> None:
    await send(guarded, state(7, "right"))
    async with client(guarded) as known:
        await say(known, type="hello", token=TOKEN, sources=["right"])
        assert (await receive(known))["seq"] == 7


async def test_a_hello_without_sources_leaves_those_of_the_url(guarded: WebSocketSink) -> None:
    await send(guarded, state(7, "right"))
    async with client(guarded, "?source=right") as known:
        await say(known, type="hello", token=TOKEN)
        assert (await receive(known))["seq"] == 7


async def test_where_no_token_is_needed_a_hello_does_no_harm(outlet: WebSocketSink) -> None:
    await send(outlet, state(0, "left"), state(0, "right"))
    async with client(outlet, "?source=left") as polite:
        assert (await receive(polite))["source"] == "left"
        await say(polite, type="hello", token="anything", sources=["right"])
        assert (await receive(polite))["source"] == "right"


@pytest.mark.parametrize(
    "said",
    [
        {"type": "hello", "token": TOKEN + "x"},
        {"type": "hello", "token": ""},
        {"type": "hello"},
        {"type": "subscribe", "sources": ["clip"]},
    ],
)
async def test_whatever_else_comes_first_ends_in_the_same_words(said: dict[str, object]) -> None:
    async with WebSocketSink(port=0, access=Access(TOKEN), limits=QUIET) as outlet:
        await send(outlet, state(0))
        async with client(outlet) as stranger:
            await say(stranger, **said)
            assert await closing(stranger) == (4401, "token needed")
        async with client(outlet, additional_headers={"Authorization": "Bearer x"}) as stranger:
            assert await closing(stranger) == (4401, "token needed")
    assert outlet.counts()["refused"] == 2


async def test_a_wrong_token_counts_after_a_right_one_too(guarded: WebSocketSink) -> None:
    async with client(guarded, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as known:
        await say(known, type="hello", token="another")
        assert await closing(known) == (4401, "token needed")


async def test_who_never_says_hello_gets_nothing_and_goes_in_time() -> None:
    limits = Limits(hello=0.3, heartbeat=0.01)
    async with WebSocketSink(port=0, access=Access(TOKEN), limits=limits) as outlet:
        await send(outlet, state(0))
        async with client(outlet) as silent:
            await send(outlet, state(1))
            async with asyncio.timeout(5):
                await silent.wait_closed()
            with pytest.raises(ConnectionClosed, match="token needed"):
                pytest.fail(f"got {await silent.recv()!r}")
            assert silent.close_code == 4401


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("{", 1007, "not JSON"),
        ("[]", 4400, '"hello"'),
        ('{"type": "subscribe", "sources": [0]}', 4400, "sources"),
        (b"{}", 1003, "text"),
        ("x" * 4097, 1009, ""),
        (["x" * 3000, "x" * 3000], 1009, ""),
    ],
)
async def test_what_clients_may_not_say_ends_in_a_code_of_its_own(
    guarded: WebSocketSink, said: str | bytes | list[str], code: int, words: str, before: bool
) -> None:
    headers = {} if before else {"Authorization": f"Bearer {TOKEN}"}
    async with client(guarded, additional_headers=headers) as odd:
        await odd.send(said)
        closed = await closing(odd)
        assert closed[0] == code
        assert words in closed[1]


async def test_too_many_messages_end_in_a_code_of_their_own(outlet: WebSocketSink) -> None:
    async with client(outlet) as eager:
        for _ in range(20):
            await say(eager, type="subscribe")
        await send(outlet, state(0))
        assert (await receive(eager))["seq"] == 0
        await say(eager, type="subscribe")
        assert await closing(eager) == (1008, "too many messages")


async def test_a_flood_of_pings_ends_in_a_code_of_its_own(outlet: WebSocketSink) -> None:
    ping = b"\x89\x80\x00\x00\x00\x00"
    reader, writer = await asyncio.open_connection(outlet.host, outlet.port)
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ping * 20_000)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert b"\x03\xf0too many messages" in answer


async def test_a_client_that_vanishes_leaves_no_trace(
    outlet: WebSocketSink, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(outlet) as vanishing:
        vanishing.transport.abort()
    await send(outlet, state(0))
    async with client(outlet) as next_one:
        await receive(next_one)
        assert outlet.counts()["connected"] == 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
