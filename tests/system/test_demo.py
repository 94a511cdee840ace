import asyncio
import json
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from dancetype.stream.messages import (
    Message,
    PredictionMessage,
    SourceMessage,
    SourceState,
    parse_message,
)


@asynccontextmanager
async def dancetype(*words: str) -> AsyncIterator[tuple[Process, str]]:
    """The command as a process, and the address of its WebSocket."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dancetype", *words, "--port", "0"), stdout=PIPE, stderr=PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
        page = re.search(r"http://(\S+)/", line)
        assert page, line
        yield process, f"ws://{page[1]}/ws"
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def messages(address: str) -> list[Message]:
    """All that comes of sources until the connection ends."""
    got: list[Message] = []
    async with connect(address) as socket:
        with suppress(ConnectionClosed):
            async for text in socket:
                if json.loads(text)["type"] != "heartbeat":
                    got.append(parse_message(text))
    return got


async def test_the_demo_sends_valid_messages_and_ends_after_its_seconds(
    sample_clip: Path, pose_model: Path
) -> None:
    async with asyncio.timeout(90), dancetype("demo", "--seconds", "9") as (process, address):
        got = await messages(address)
        assert await process.wait() == 0
        assert process.stderr is not None
        logs = [json.loads(line) for line in (await process.stderr.read()).splitlines()]
    assert {line["level"] for line in logs} == {"info"}
    assert [line["state"] for line in logs][:2] == ["connecting", "running"]
    predictions = [message for message in got if isinstance(message, PredictionMessage)]
    assert len(predictions) > 15
    assert any(message.window > 2 for message in predictions)
    assert {message.source for message in got} == {"demo"}
    assert [message.seq for message in got] == sorted({message.seq for message in got})
    assert all(
        message.times.capture <= message.times.pose <= message.times.sent for message in predictions
    )
    assert {message.frames.dropped for message in predictions} == {0}
    last = got[-1]
    assert isinstance(last, SourceMessage)
    assert last.state is SourceState.ENDED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_demo_within_two_seconds(
    sample_clip: Path, pose_model: Path, number: signal.Signals
) -> None:
    async with (
        asyncio.timeout(90),
        dancetype("demo") as (process, address),
        connect(address) as socket,
    ):
        while json.loads(await socket.recv())["type"] != "prediction":
            pass
        start = time.monotonic()
        process.send_signal(number)
        assert await process.wait() == 0
        assert time.monotonic() - start < 2


async def test_a_signal_ends_a_run_that_waits_for_a_camera_within_two_seconds(
    pose_model: Path,
) -> None:
    """The camera takes the connection and then says nothing."""

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        await reader.read()
        writer.close()

    called = asyncio.Event()
    silent = await asyncio.start_server(ignore, "127.0.0.1", 0)
    url = f"rtsp://127.0.0.1:{silent.sockets[0].getsockname()[1]}/live"
    async with asyncio.timeout(60), dancetype("run", "--source", url) as (process, _):
        await called.wait()
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert time.monotonic() - start < 2
    silent.close()
