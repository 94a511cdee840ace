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
from dancetype.stream.messages import PredictionMessage, SourceMessage, SourceState
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.osc import (
    OscSink,
    OscSource,
    address_part,
    datagram,
    parse_target,
    preferred,
)
from tests.messages import changed, dancer, predicted

BASE = "/dancetype/clip"
Heard = tuple[str, Any]


def answer(code: str | None) -> dict[str, Any]:
    probabilities = {one: 0.75 if one == code else 0.0 for one in CODES}
    return {"genre": code, "confidence": 0.75, "probabilities": probabilities}


def a_prediction(
    *dancers: str, source: str = "clip", genre: str | None = "HO"
) -> PredictionMessage:
    made = [dancer(number, **answer(code)) for number, code in enumerate(dancers, 7)]
    return predicted(source, dancers=made, **answer(genre))


def a_state(state: SourceState) -> SourceMessage:
    return changed(state, "clip")


@asynccontextmanager
async def receiver(host: str = "127.0.0.1") -> AsyncIterator[tuple[int, asyncio.Queue[Heard]]]:
    """What listens to OSC, as video software does: its port, and what it hears."""
    heard = asyncio.Queue[Heard]()
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda address, *values: heard.put_nowait((address, *values)))
    loop = asyncio.get_running_loop()
    assert isinstance(loop, asyncio.BaseEventLoop)
    server = AsyncIOOSCUDPServer((host, 0), dispatcher, loop)
    transport, _ = await server.create_serve_endpoint()
    try:
        yield transport.get_extra_info("sockname")[1], heard
    finally:
        transport.close()


async def until(heard: asyncio.Queue[Heard], address: str) -> dict[str, Any]:
    """All that is heard up to an address."""
    got: dict[str, Any] = {}
    async with asyncio.timeout(5):
        while address not in got:
            where, value = await heard.get()
            got[where] = value
    return got


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("127.0.0.1:9000", ("127.0.0.1", 9000)),
        ("desk.local:7000", ("desk.local", 7000)),
        ("[::1]:9000", ("::1", 9000)),
    ],
)
def test_a_target_is_a_host_and_a_port(target: str, place: tuple[str, int]) -> None:
    assert parse_target(target) == place


@pytest.mark.parametrize(
    "target",
    ["", "desk", "desk:", ":9000", "desk:0", "desk:99999", "::1:9000", "desk:1/x", "a@desk:1"],
)
def test_what_is_no_target_is_refused_with_the_right_form(target: str) -> None:
    with pytest.raises(SinkError, match="host:port, such as"):
        OscSink(target)


@given(st.text())
def test_reading_any_target_raises_only_the_documented_error(text: str) -> None:
    for target in (text, f"{text}:9000", f"host:{text}"):
        with suppress(SinkError):
            parse_target(target)


@given(st.text(min_size=1))
def test_any_name_is_one_part_of_an_address(name: str) -> None:
    assert re.fullmatch(r"[!-~]+", address_part(name))
    assert not set(address_part(name)) & set(" #*,/?[]{}")


@given(st.text(), st.text())
def test_different_names_never_share_an_address(one: str, other: str) -> None:
    assert (address_part(one) == address_part(other)) is (one == other)


@pytest.mark.parametrize(
    ("value", "kind"), [(0.5, "f"), (0.0, "f"), (7, "i"), ("house", "s"), ("", "s")]
)
def test_a_value_goes_out_in_the_type_it_is_documented_in(
    value: str | float | int, kind: str
) -> None:
    packet = datagram("/a", value)
    assert packet.split(b",", 1)[1].startswith(kind.encode())
    assert OscMessage(packet).params == [value]


def test_an_address_of_ipv4_is_preferred() -> None:
    six, four = (socket.AF_INET6, ("::1", 1, 0, 0)), (socket.AF_INET, ("127.0.0.1", 1))
    assert preferred([six, four]) == four
    assert preferred([six]) == six


def test_a_prediction_is_one_value_an_address() -> None:
    said = dict(OscSource("clip").packets(a_prediction("HO")))
    assert said == {
        f"{BASE}/on/HO": 1.0,
        f"{BASE}/status": "genre",
        f"{BASE}/genre": "house",
        f"{BASE}/confidence": 0.75,
        f"{BASE}/dancers": 1,
        **{f"{BASE}/probability/{code}": 0.75 * (code == "HO") for code in CODES},
    }


def test_a_switch_is_said_on_change_alone() -> None:
    voice = OscSource("clip")
    messages: list[PredictionMessage | SourceMessage] = [
        a_prediction(),
        a_prediction(),
        a_prediction(genre="KR"),
        a_prediction(genre=None),
        a_state(SourceState.STALLED),
        a_state(SourceState.RUNNING),
    ]
    switches = [
        [(where.removeprefix(f"{BASE}/on/"), value) for where, value in said if "/on/" in where]
        for said in map(voice.packets, messages)
    ]
    assert switches == [
        [("HO", 1.0)],
        [],
        [("HO", 0.0), ("KR", 1.0)],
        [("KR", 0.0), ("no_person", 1.0)],
        [("no_person", 0.0)],
        [],
    ]


def test_a_source_that_does_not_run_says_nothing_of_a_dance() -> None:
    voice = OscSource("clip")
    voice.packets(a_prediction("HO"))
    said = dict(voice.packets(a_state(SourceState.FAILED)))
    assert said == {
        f"{BASE}/state": "failed",
        f"{BASE}/on/HO": 0.0,
        f"{BASE}/status": "",
        f"{BASE}/genre": "",
        f"{BASE}/confidence": 0.0,
        f"{BASE}/dancers": 0,
        **{f"{BASE}/probability/{code}": 0.0 for code in CODES},
    }


def test_a_source_that_runs_says_only_so() -> None:
    assert OscSource("clip").packets(a_state(SourceState.RUNNING)) == [(f"{BASE}/state", "running")]


def test_each_of_several_dancers_has_addresses_and_who_leaves_is_said_to_be_gone() -> None:
    voice = OscSource("clip")
    both = dict(voice.packets(a_prediction("HO", "KR")))
    assert [both[f"{BASE}/dancer/{rank}/genre"] for rank in (1, 2)] == ["house", "krump"]
    assert [both[f"{BASE}/dancer/{rank}/id"] for rank in (1, 2)] == [7, 8]
    assert both[f"{BASE}/dancer/2/probability/KR"] == 0.75
    one = dict(voice.packets(a_prediction("HO")))
    assert one[f"{BASE}/dancers"] == 1
    assert one[f"{BASE}/dancer/1/status"] == "genre"
    assert one[f"{BASE}/dancer/2/status"] == "no_person"
    assert one[f"{BASE}/dancer/2/id"] == 0
    assert one[f"{BASE}/dancer/2/probability/KR"] == 0.0


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_a_receiver_hears_it_all_and_at_last_that_we_have_stopped(host: str) -> None:
    async with receiver("127.0.0.1" if host == "localhost" else host) as (port, heard):
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        async with SinkFanOut([OscSink(target)]) as outlets:
            await outlets.send(a_state(SourceState.RUNNING))
            await outlets.send(a_prediction("HO"))
            got = await until(heard, f"{BASE}/dancers")
            assert got[f"{BASE}/state"] == "running"
            assert got[f"{BASE}/genre"] == "house"
            assert got[f"{BASE}/probability/HO"] == 0.75
        got = await until(heard, f"{BASE}/dancers")
        assert got[f"{BASE}/state"] == "stopped"
        assert got[f"{BASE}/genre"] == ""


async def test_sources_have_addresses_of_their_own() -> None:
    async with receiver() as (port, heard), SinkFanOut([OscSink(f"127.0.0.1:{port}")]) as outlets:
        await outlets.send(a_prediction(source="stage/left *"))
        await until(heard, "/dancetype/stage%2Fleft%20%2A/genre")


async def test_a_missing_receiver_is_told_once_and_heard_again_when_it_is_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with receiver() as (port, _):
        pass
    with caplog.at_level(logging.WARNING):
        async with SinkFanOut([OscSink(f"127.0.0.1:{port}")]) as outlets:
            for _ in range(5):
                await outlets.send(a_prediction())
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
                back.bind(("127.0.0.1", port))
                back.settimeout(5)
                await outlets.send(a_state(SourceState.RUNNING))
                assert OscMessage(back.recv(1000)).params == ["running"]
    assert [record.getMessage() for record in caplog.records] == [
        f"osc_send_failed target='127.0.0.1:{port}' error='connection refused'"
    ]


async def test_a_network_that_is_away_is_told_once_and_used_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def unreachable(_: object) -> socket.socket:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    async with receiver() as (port, heard):
        with caplog.at_level(logging.WARNING):
            async with SinkFanOut([OscSink(f"127.0.0.1:{port}")]) as outlets:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr("dancetype.stream.sinks.osc._connected", unreachable)
                    for _ in range(3):
                        await outlets.send(a_prediction())
                await outlets.send(a_state(SourceState.RUNNING))
                await until(heard, f"{BASE}/state")
    assert [record.getMessage() for record in caplog.records] == [
        f"osc_send_failed target='127.0.0.1:{port}' error='Network is unreachable'"
    ]


async def test_a_host_that_is_not_known_is_a_clear_error() -> None:
    with pytest.raises(SinkError, match=r"cannot look up no\.invalid .*--osc"):
        async with OscSink("no.invalid:9000"):
            pytest.fail("entered")
