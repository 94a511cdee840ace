"""Many clients at once, some of them idle and some of them hostile, on real sockets."""

import asyncio
import gc
import json
import logging
import random
import struct
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

import numpy as np
import psutil
import pytest

from dancetype.engine.genres import CODES
from dancetype.engine.rolling import Status
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Latency, PredictionMessage, PredictionTimes
from dancetype.stream.web.access import Access
from dancetype.stream.web.client import Limits
from dancetype.stream.web.server import WebSocketSink
from tests.messages import predicted
from tests.system.conftest import Figure
from tests.testbed import websocket_clients

CROWD: Final = Path(websocket_clients.__file__)
TOKEN: Final = "correct-horse-battery"
READERS, SLEEPERS = 180, 20
SECONDS, RATE = 20, 10
LONGEST_MS: Final = 50.0
# The same for the server and its clients, so that they can tell how long a message took.
CLOCK: Final = Clock(monotonic, offset=0.0)


def a_prediction(seq: int) -> PredictionMessage:
    now = monotonic()
    return predicted(
        "stage-left",
        seq=seq,
        status=Status.NOT_SURE,
        confidence=0.4321,
        probabilities=dict.fromkeys(CODES, 0.1234),
        times=PredictionTimes(sent=now, capture=now, pose=now, window_end=now),
        latency=Latency(capture=0.012004, pose=0.05918, classify=0.003911, send=0.000407),
        frames=(1804, 1771, 33),
        fps=24.83,
    )


def resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


@pytest.fixture(autouse=True)
def no_exception_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record for record in caplog.records if record.exc_info] == []
    assert [record for record in caplog.records if record.levelno > logging.WARNING] == []


@dataclass(frozen=True)
class Served:
    """How a crowd was served.

    Attributes:
        report: what it says: each reader's delays in seconds, and how many connections were lost.
        cut_off: clients that were.
        growth: of resident memory, in megabytes, after the first quarter.
    """

    report: dict[str, Any]
    cut_off: int
    growth: float

    def percentile(self, percent: float) -> float:
        """Milliseconds from `send` to a reader."""
        return float(np.percentile(np.concatenate(self.report["delays"]), percent)) * 1000


async def serve_a_crowd() -> Served:
    resident = []
    async with WebSocketSink(port=0, clock=CLOCK) as outlet:
        numbers = [str(number) for number in (outlet.port, READERS, SLEEPERS, SECONDS)]
        crowd = await asyncio.create_subprocess_exec(
            sys.executable, CROWD, *numbers, stdout=PIPE, limit=1 << 26
        )
        assert crowd.stdout is not None
        assert await crowd.stdout.readline() == b"ready\n"
        for seq, due in enumerate(np.arange(monotonic(), monotonic() + SECONDS, 1 / RATE)):
            message = a_prediction(seq)
            await outlet.send(message, message.model_dump_json())
            resident.append(resident_mb())
            await asyncio.sleep(due + 1 / RATE - monotonic())
        report = json.loads(await crowd.stdout.readline())
        await crowd.wait()
    return Served(report, outlet.counts()["cut_off"], resident[-1] - resident[len(resident) // 4])


async def test_clients_that_never_read_cost_the_others_nothing_and_are_cut_off(
    figure: Figure,
) -> None:
    served = await serve_a_crowd()
    if served.percentile(99) >= LONGEST_MS:
        # Of two runs in a row, one may be another program's fault.
        served = await serve_a_crowd()
    figure(
        "websocket clients",
        f"{READERS + SLEEPERS} clients, {SLEEPERS} of which never read, {RATE} messages a second: "
        f"{served.percentile(50):.0f} ms in the median and {served.percentile(99):.0f} ms at the "
        f"99th percentile from `send` to the other {READERS}, {served.cut_off} cut off, memory "
        f"{served.growth:+.1f} MB in {SECONDS} s",
    )
    assert served.report["lost"] == 0
    assert served.cut_off == SLEEPERS
    assert min(map(len, served.report["delays"])) >= SECONDS * RATE - 2
    assert served.percentile(99) < LONGEST_MS
    assert served.growth < 3


def a_frame(payload: bytes, *, opcode: int = 1, last: bool = True) -> bytes:
    """A frame as clients send it, masked with zeros."""
    size = len(payload)
    long = struct.pack("!BH", 0x80 | 126, size) if size > 125 else bytes([0x80 | size])
    return bytes([opcode | (0x80 if last else 0)]) + long + bytes(4) + payload


def a_request(token: str | None) -> bytes:
    authorization = "" if token is None else f"Authorization: Bearer {token}\r\n"
    return (
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        f"{authorization}\r\n"
    ).encode()


HELLO: Final = a_frame(json.dumps({"type": "subscribe"}).encode())
UNENDED: Final = a_frame(b"", last=False)
# What is sent after the handshake, without the token and with it, and the code it ends in.
ABUSES: Final[dict[str, tuple[bytes, int, int]]] = {
    "malformed text": (a_frame(b"{"), 1007, 1007),
    "bytes that are no UTF-8": (a_frame(b"\xff\xfe"), 1007, 1007),
    "another message": (a_frame(b'{"type":"prediction"}'), 4400, 4400),
    "binary": (a_frame(b"{}", opcode=2), 1003, 1003),
    "oversized": (a_frame(b"x" * 5000), 1009, 1009),
    "before its hello": (HELLO, 4401, 0),
    "too many": (HELLO * 30, 4401, 1008),
    "without end": (UNENDED + a_frame(b"", opcode=0, last=False) * 6000, 1008, 1008),
    "unended": (UNENDED, 4401, 0),
    "a flood of pings": (a_frame(b"", opcode=9) * 10_000, 1008, 1008),
    "no frame": (b"\xff" * 100, 1002, 1002),
    "nothing": (b"", 4401, 0),
}


async def code_of(port: int, token: str | None, said: bytes) -> int:
    """The code the server closes with; 0 where it does not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(a_request(token))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                while True:
                    head = await reader.readexactly(2)
                    size = head[1] & 127
                    if size == 126:
                        size = int.from_bytes(await reader.readexactly(2))
                    payload = await reader.readexactly(size)
                    if head[0] & 15 == 8:
                        return int.from_bytes(payload[:2])
        return 0
    finally:
        writer.transport.abort()


async def test_whatever_clients_say_ends_in_a_clear_code_and_the_others_are_served(
    figure: Figure,
) -> None:
    outlet = WebSocketSink(port=0, access=Access(TOKEN), limits=Limits(hello=0.5, heartbeat=60.0))
    async with outlet:
        talks = [
            code_of(outlet.port, token, said)
            for said, _, _ in ABUSES.values()
            for token in (None, TOKEN)
        ]
        codes = await asyncio.gather(*talks)
        message = a_prediction(0)
        await outlet.send(message, message.model_dump_json())
        _, writer, heard = await a_listener(outlet.port)
        assert b'"seq":0' in heard
        writer.close()
    figure(
        "websocket abuse",
        f"{len(ABUSES)} kinds, with the token and without: a code for each",
    )
    got = dict(zip(ABUSES, zip(codes[::2], codes[1::2], strict=True), strict=True))
    assert got == {name: (without, known) for name, (_, without, known) in ABUSES.items()}


async def a_listener(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(a_request(TOKEN))
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer, await reader.readuntil(b"}")


async def test_a_thousand_clients_that_come_and_go_leave_nothing_behind(figure: Figure) -> None:
    chance = random.Random(7)
    gc.collect()
    tasks, files = len(asyncio.all_tasks()), psutil.Process().num_fds()
    async with WebSocketSink(port=0) as outlet:
        for number in range(1000):
            await come_and_go(outlet.port, chance)
            message = a_prediction(number)
            await outlet.send(message, message.model_dump_json())
            if number == 200:
                before = resident_mb()
        growth = resident_mb() - before
    figure("websocket abuse", f"1,000 connects and drops: memory {growth:+.1f} MB, no task or file")
    assert outlet.counts()["connected"] == 0
    assert (len(asyncio.all_tasks()), psutil.Process().num_fds()) == (tasks, files)
    assert growth < 3


async def come_and_go(port: int, chance: random.Random) -> None:
    """Connects and drops, anywhere between the TCP connection and the first message."""
    request = a_request(None)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request[: chance.choice([0, 30, len(request), len(request)])])
    if chance.random() < 0.3:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.02):
                await reader.read(10)
    writer.transport.abort() if chance.random() < 0.5 else writer.close()


async def test_who_is_slow_to_ask_keeps_nobody_out(figure: Figure) -> None:
    limits = Limits(opening=1.0, heartbeat=0.05)
    async with WebSocketSink(port=0, access=Access(TOKEN), limits=limits) as outlet:
        slow = [await asyncio.open_connection("127.0.0.1", outlet.port) for _ in range(100)]
        for _, writer in slow:
            writer.write(b"GET /ws HTTP/1.1\r\n")
        began = monotonic()
        _, listening, heard = await a_listener(outlet.port)
        took = monotonic() - began
        ends = await asyncio.gather(*(reader.read() for reader, _ in slow))
        for writer in (listening, *(writer for _, writer in slow)):
            writer.close()
    figure("websocket abuse", f"100 handshakes that never end: the next is done in {took:.2f} s")
    assert b"heartbeat" in heard
    assert set(ends) == {b""}
    assert took < 1
