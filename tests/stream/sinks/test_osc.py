import asyncio
import errno
import logging
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_message import OscMessage
from pythonosc.osc_server import AsyncIOOSCUDPServer

from dancetype.engine.errors import SinkError
from dancetype.engine.genres import CODES
from dancetype.engine.rolling import Status
from dancetype.stream.messages import PredictionMessage, SourceMessage, SourceState
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.osc import (
    OscEncoder,
    OscSink,
    address_part,
    datagram,
    parse_target,
    preferred_address,
)
from tests.messages import dancer, make_prediction, make_source_message

BASE = "/dancetype/clip"
ReceivedPacket = tuple[str, Any]


def result(genre: str | None) -> dict[str, Any]:
    probabilities = {code: 0.75 if code == genre else 0.0 for code in CODES}
    return {"genre": genre, "confidence": 0.75, "probabilities": probabilities}


def prediction(*dancers: str, source: str = "clip", genre: str | None = "HO") -> PredictionMessage:
    results = [dancer(id_, **result(code)) for id_, code in enumerate(dancers, 7)]
    return make_prediction(source, dancers=results, **result(genre))


def source_message(state: SourceState) -> SourceMessage:
    return make_source_message(state, "clip")


@asynccontextmanager
async def receiver(
    host: str = "127.0.0.1",
) -> AsyncIterator[tuple[int, asyncio.Queue[ReceivedPacket]]]:
    """Run an OSC server; yield its port and a queue of the packets that it receives."""
    received = asyncio.Queue[ReceivedPacket]()
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda address, *values: received.put_nowait((address, *values)))
    loop = asyncio.get_running_loop()
    assert isinstance(loop, asyncio.BaseEventLoop)
    server = AsyncIOOSCUDPServer((host, 0), dispatcher, loop)
    transport, _ = await server.create_serve_endpoint()
    try:
        yield transport.get_extra_info("sockname")[1], received
    finally:
        transport.close()


async def receive_until(
    received: asyncio.Queue[ReceivedPacket], last_address: str
) -> dict[str, Any]:
    """Return the received values by address, up to and including an address."""
    values: dict[str, Any] = {}
    async with asyncio.timeout(5):
        while last_address not in values:
            address, value = await received.get()
            values[address] = value
    return values


@pytest.mark.parametrize(
    ("target", "host_and_port"),
    [
        ("127.0.0.1:9000", ("127.0.0.1", 9000)),
        ("desk.local:7000", ("desk.local", 7000)),
        ("[::1]:9000", ("::1", 9000)),
    ],
)
def test_target_is_a_host_and_a_port(target: str, host_and_port: tuple[str, int]) -> None:
    assert parse_target(target) == host_and_port


@pytest.mark.parametrize(
    "target",
    ["", "desk", "desk:", ":9000", "desk:0", "desk:99999", "::1:9000", "desk:1/x", "a@desk:1"],
)
def test_invalid_target_is_rejected_with_the_expected_form(target: str) -> None:
    with pytest.raises(SinkError, match="host:port, such as"):
        OscSink(target)


@given(st.text())
def test_parsing_any_target_raises_only_sink_error(text: str) -> None:
    for target in (text, f"{text}:9000", f"host:{text}"):
        with suppress(SinkError):
            parse_target(target)


@given(st.text(min_size=1))
def test_any_name_is_encoded_as_one_address_part(name: str) -> None:
    assert re.fullmatch(r"[!-~]+", address_part(name))
    assert not set(address_part(name)) & set(" #*,/?[]{}")


@given(st.text(), st.text())
def test_different_names_have_different_addresses(first: str, second: str) -> None:
    assert (address_part(first) == address_part(second)) is (first == second)


@pytest.mark.parametrize(
    ("value", "type_tag"), [(0.5, "f"), (0.0, "f"), (7, "i"), ("house", "s"), ("", "s")]
)
def test_value_is_encoded_with_its_documented_type(value: str | float | int, type_tag: str) -> None:
    packet = datagram("/a", value)
    assert packet.split(b",", 1)[1].startswith(type_tag.encode())
    assert OscMessage(packet).params == [value]


def test_ipv4_address_is_preferred() -> None:
    six, four = (socket.AF_INET6, ("::1", 1, 0, 0)), (socket.AF_INET, ("127.0.0.1", 1))
    assert preferred_address([six, four]) == four
    assert preferred_address([six]) == six


def test_prediction_is_encoded_with_one_value_per_address() -> None:
    packets = dict(OscEncoder("clip").packets(prediction("HO")))
    assert packets == {
        f"{BASE}/on/HO": 1.0,
        f"{BASE}/status": "genre",
        f"{BASE}/genre": "house",
        f"{BASE}/confidence": 0.75,
        f"{BASE}/dancers": 1,
        **{f"{BASE}/probability/{code}": 0.75 * (code == "HO") for code in CODES},
    }


def test_switch_is_sent_only_on_a_change() -> None:
    encoder = OscEncoder("clip")
    messages: list[PredictionMessage | SourceMessage] = [
        prediction(),
        prediction(),
        prediction(genre="KR"),
        prediction(genre=None),
        source_message(SourceState.STALLED),
        source_message(SourceState.RUNNING),
    ]
    switches = [
        [(key.removeprefix(f"{BASE}/on/"), value) for key, value in packets if "/on/" in key]
        for packets in map(encoder.packets, messages)
    ]
    assert switches == [
        [("HO", 1.0)],
        [],
        [("HO", 0.0), ("KR", 1.0)],
        [("KR", 0.0), ("no_person", 1.0)],
        [("no_person", 0.0)],
        [],
    ]


def test_values_are_cleared_when_the_source_stops_running() -> None:
    encoder = OscEncoder("clip")
    encoder.packets(prediction("HO"))
    packets = dict(encoder.packets(source_message(SourceState.FAILED)))
    assert packets == {
        f"{BASE}/state": "failed",
        f"{BASE}/on/HO": 0.0,
        f"{BASE}/status": "",
        f"{BASE}/genre": "",
        f"{BASE}/confidence": 0.0,
        f"{BASE}/dancers": 0,
        **{f"{BASE}/probability/{code}": 0.0 for code in CODES},
    }


def test_dancing_is_sent_once_the_model_has_given_it_and_is_zero_without_a_window() -> None:
    encoder = OscEncoder("clip")
    address = f"{BASE}/dancing"
    assert address not in dict(encoder.packets(prediction()))
    assert dict(encoder.packets(make_prediction("clip", genre="HO", dancing=0.8)))[address] == 0.8
    assert dict(encoder.packets(make_prediction("clip")))[address] == 0.0
    encoder.packets(make_prediction("clip", genre="HO", dancing=0.7))
    assert dict(encoder.packets(source_message(SourceState.FAILED)))[address] == 0.0


def test_dancing_of_each_dancer_is_sent() -> None:
    dancers = dancer(1, "HO", dancing=0.9), dancer(2, status=Status.NOT_SURE, dancing=0.2)
    message = make_prediction("clip", genre="HO", dancing=0.9, dancers=dancers)
    packets = dict(OscEncoder("clip").packets(message))
    assert [packets[f"{BASE}/dancer/{rank}/dancing"] for rank in (1, 2)] == [0.9, 0.2]


def test_running_source_sends_only_its_state() -> None:
    assert OscEncoder("clip").packets(source_message(SourceState.RUNNING)) == [
        (f"{BASE}/state", "running")
    ]


def test_several_dancers_have_addresses_that_are_cleared_when_a_dancer_leaves() -> None:
    encoder = OscEncoder("clip")
    both = dict(encoder.packets(prediction("HO", "KR")))
    assert [both[f"{BASE}/dancer/{rank}/genre"] for rank in (1, 2)] == ["house", "krump"]
    assert [both[f"{BASE}/dancer/{rank}/id"] for rank in (1, 2)] == [7, 8]
    assert both[f"{BASE}/dancer/2/probability/KR"] == 0.75
    single = dict(encoder.packets(prediction("HO")))
    assert single[f"{BASE}/dancers"] == 1
    assert single[f"{BASE}/dancer/1/status"] == "genre"
    assert single[f"{BASE}/dancer/2/status"] == "no_person"
    assert single[f"{BASE}/dancer/2/id"] == 0
    assert single[f"{BASE}/dancer/2/probability/KR"] == 0.0


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_receiver_gets_all_values_and_finally_the_state_stopped(host: str) -> None:
    async with receiver("127.0.0.1" if host == "localhost" else host) as (port, received):
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        async with SinkFanOut([OscSink(target)]) as sinks:
            await sinks.send(source_message(SourceState.RUNNING))
            await sinks.send(prediction("HO"))
            values = await receive_until(received, f"{BASE}/dancers")
            assert values[f"{BASE}/state"] == "running"
            assert values[f"{BASE}/genre"] == "house"
            assert values[f"{BASE}/probability/HO"] == 0.75
        values = await receive_until(received, f"{BASE}/dancers")
        assert values[f"{BASE}/state"] == "stopped"
        assert values[f"{BASE}/genre"] == ""


async def test_address_contains_the_encoded_source_name() -> None:
    async with receiver() as (port, received), SinkFanOut([OscSink(f"127.0.0.1:{port}")]) as sinks:
        await sinks.send(prediction(source="stage/left *"))
        await receive_until(received, "/dancetype/stage%2Fleft%20%2A/genre")


async def test_missing_receiver_is_logged_once_and_gets_messages_once_it_starts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with receiver() as (port, _):
        pass
    with caplog.at_level(logging.WARNING):
        async with SinkFanOut([OscSink(f"127.0.0.1:{port}")]) as sinks:
            for _ in range(5):
                await sinks.send(prediction())
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as restarted:
                restarted.bind(("127.0.0.1", port))
                restarted.settimeout(5)
                await sinks.send(source_message(SourceState.RUNNING))
                assert OscMessage(restarted.recv(1000)).params == ["running"]
    assert [record.getMessage() for record in caplog.records] == [
        f"osc_send_failed target='127.0.0.1:{port}' error='connection refused'"
    ]


async def test_unreachable_network_is_logged_once_and_used_once_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def unreachable(_: object) -> socket.socket:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    async with receiver() as (port, received):
        with caplog.at_level(logging.WARNING):
            async with SinkFanOut([OscSink(f"127.0.0.1:{port}")]) as sinks:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr("dancetype.stream.sinks.osc._open_socket", unreachable)
                    for _ in range(3):
                        await sinks.send(prediction())
                await sinks.send(source_message(SourceState.RUNNING))
                await receive_until(received, f"{BASE}/state")
    assert [record.getMessage() for record in caplog.records] == [
        f"osc_send_failed target='127.0.0.1:{port}' error='Network is unreachable'"
    ]


async def test_unknown_host_is_reported() -> None:
    with pytest.raises(SinkError, match=r"cannot look up no\.invalid .*--osc"):
        async with OscSink("no.invalid:9000"):
            pytest.fail("entered")
