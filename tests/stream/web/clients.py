"""WebSocket and HTTP clients for tests."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from dancetype.stream.messages import PredictionMessage, SourceMessage, SourceState
from dancetype.stream.web.client import Limits
from dancetype.stream.web.server import WebSocketSink
from tests.messages import make_prediction, make_source_message

TOKEN = "correct-horse-battery"
# Much larger than the buffers between a server and a client that does not read.
HUGE = "x" * 1_000_000
# Practically no heartbeats, so that tests receive only the messages they sent.
NO_HEARTBEATS = Limits(heartbeat=60.0)

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def source_message(
    seq: int, source: str = "clip", state: SourceState = SourceState.RUNNING
) -> SourceMessage:
    return make_source_message(state, source, seq=seq)


def prediction(seq: int, source: str = "clip") -> PredictionMessage:
    return make_prediction(source, seq=seq)


async def send(sink: WebSocketSink, *messages: SourceMessage | PredictionMessage) -> None:
    for message in messages:
        await sink.send(message, message.model_dump_json())


def client(sink: WebSocketSink, query: str = "", **options: Any) -> connect:
    url = f"{sink.url.replace('http', 'ws')}ws{query}"
    return connect(url, proxy=None, max_size=None, close_timeout=1, **options)


async def receive(connection: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(5):
        return dict(json.loads(await connection.recv()))


async def send_request(connection: ClientConnection, **message: Any) -> None:
    await connection.send(json.dumps(message))


async def wait_for_close(connection: ClientConnection) -> tuple[int, str]:
    """Return the close code and reason; messages received before are ignored."""
    with suppress(ConnectionClosed):
        async with asyncio.timeout(5):
            while True:
                await connection.recv()
    assert connection.close_code is not None
    return connection.close_code, connection.close_reason or ""


async def get(sink: WebSocketSink, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    def fetch() -> tuple[int, dict[str, str], str]:
        request = Request(f"http://{sink.host}:{sink.port}{path}", headers=headers)
        try:
            with urlopen(request, timeout=5) as response:
                return response.status, dict(response.headers), response.read().decode()
        except HTTPError as error:
            return error.code, dict(error.headers), error.read().decode()

    return await asyncio.to_thread(fetch)


class LogLines(logging.Handler):
    """Log handler whose records a test can await."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines = asyncio.Queue[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.put_nowait(self.format(record))

    async def next(self) -> str:
        async with asyncio.timeout(10):
            return await self._lines.get()


@contextmanager
def captured_warnings() -> Iterator[LogLines]:
    lines = LogLines()
    logging.getLogger().addHandler(lines)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(lines)
