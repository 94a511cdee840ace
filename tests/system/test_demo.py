import asyncio
import json
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import chain, groupby
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from dancetype.engine.classifier import Classifier
from dancetype.engine.defaults import DEFAULT_HOP
from dancetype.engine.media.video import Video
from dancetype.engine.pose.opening import open_estimator
from dancetype.stream.assets import DANCE_CLIP
from dancetype.stream.messages import (
    Message,
    PredictionMessage,
    SourceMessage,
    SourceState,
    parse_message,
)
from dancetype.stream.offline.analysis import analyze_video
from dancetype.stream.pose_schedule import MAX_POSE_FPS
from dancetype.training.synthetic.demo_clip import DANCES, TIMELINE


@asynccontextmanager
async def dancetype(*arguments: str) -> AsyncIterator[tuple[Process, str]]:
    """Run the command; yield its process and the URL of its WebSocket."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dancetype", *arguments, "--port", "0"), stdout=PIPE, stderr=PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
        page_url = re.search(r"http://(\S+)/", line)
        assert page_url, line
        yield process, f"ws://{page_url[1]}/ws"
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def receive_messages(url: str) -> list[Message]:
    """Return all messages of sources until the connection is closed."""
    messages: list[Message] = []
    async with connect(url) as socket:
        with suppress(ConnectionClosed):
            async for text in socket:
                if json.loads(text)["type"] != "heartbeat":
                    messages.append(parse_message(text))
    return messages


def test_each_dance_of_the_demo_is_named_within_five_seconds_and_no_genre_in_between(
    pose_model: Path,
) -> None:
    """As in a live run with the default rate of poses, but faster than real time."""
    with open_estimator(pose_model) as estimator:
        analysis = analyze_video(
            DANCE_CLIP,
            estimator,
            Classifier(),
            hop=DEFAULT_HOP,
            on_frame=lambda done, total: None,
            open_clip=partial(Video, fps=MAX_POSE_FPS),
        )
    changes = [
        (genre, next(run).window_end)
        for genre, run in groupby(analysis.predictions, key=lambda prediction: prediction.genre)
    ]
    genres = [dance.genre for dance in DANCES]
    assert [genre for genre, _ in changes] == [None, *chain(*((genre, None) for genre in genres))]
    for (genre, named), (start, end) in zip(changes[1::2], TIMELINE.spans, strict=True):
        print(f"{genre}: named after {named - start:.1f} s")
        assert start < named < min(start + 5, end)


async def test_demo_names_the_first_dance_live_and_ends_after_the_requested_duration(
    pose_model: Path,
) -> None:
    async with (
        asyncio.timeout(90),
        dancetype("demo", "--seconds", "12", "--pose-fps", "15", "--every-frame") as (
            process,
            url,
        ),
    ):
        messages = await receive_messages(url)
        assert await process.wait() == 0
        assert process.stderr is not None
        logs = [json.loads(line) for line in (await process.stderr.read()).splitlines()]
    assert {line["level"] for line in logs} == {"info"}
    assert [line["state"] for line in logs][:2] == ["connecting", "running"]
    predictions = [message for message in messages if isinstance(message, PredictionMessage)]
    assert len(predictions) > 15
    assert {message.genre for message in predictions} == {None, DANCES[0].genre}
    named = next(message for message in predictions if message.genre)
    elapsed = named.times.capture - predictions[0].times.capture
    assert elapsed - TIMELINE.spans[0][0] < 5
    assert any(message.window > 2 for message in predictions)
    assert {message.source for message in messages} == {"demo"}
    assert [message.seq for message in messages] == sorted({message.seq for message in messages})
    assert all(
        message.times.capture <= message.times.pose <= message.times.sent for message in predictions
    )
    assert {message.frames.dropped for message in predictions} == {0}
    last = messages[-1]
    assert isinstance(last, SourceMessage)
    assert last.state is SourceState.ENDED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_ends_demo_within_two_seconds(
    pose_model: Path, number: signal.Signals
) -> None:
    async with (
        asyncio.timeout(90),
        dancetype("demo") as (process, url),
        connect(url) as socket,
    ):
        while json.loads(await socket.recv())["type"] != "prediction":
            pass
        start = time.monotonic()
        process.send_signal(number)
        assert await process.wait() == 0
        assert time.monotonic() - start < 2


async def test_signal_ends_run_that_waits_for_camera_within_two_seconds(
    pose_model: Path,
) -> None:
    """The camera accepts the connection but never responds."""

    async def accept_and_wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        writer.close()

    accepted = asyncio.Event()
    camera = await asyncio.start_server(accept_and_wait, "127.0.0.1", 0)
    camera_url = f"rtsp://127.0.0.1:{camera.sockets[0].getsockname()[1]}/live"
    async with asyncio.timeout(60), dancetype("run", "--source", camera_url) as (process, _):
        await accepted.wait()
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert time.monotonic() - start < 2
    camera.close()
