"""Prints what is danced whenever that changes, for as long as it takes.

    pip install websockets
    python subscriber.py ws://127.0.0.1:8765/ws

Where dancetype has a token, it is to be in DANCETYPE_TOKEN here, too.
"""

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI

STALE: Final = 1.5
SILENT: Final = 3.0
TICK: Final = 0.25
NO_TOKEN: Final = 4401


class Show:
    """What to say of each source, as long as one connection lasts."""

    def __init__(self) -> None:
        self._predictions: dict[str, int] = {}
        self._heard: dict[str, float] = {}
        self._said: dict[str, str] = {}

    def take(self, message: dict[str, Any], now: float) -> list[str]:
        """Takes in a message that came at `now` (seconds); returns the lines to print."""
        source, lines = message.get("source", ""), []
        if message["type"] == "prediction":
            self._heard[source] = now
            self._predictions[source] = self._predictions.get(source, 0) + 1
            # The first after connecting may be as old as it likes.
            if self._predictions[source] > 1:
                lines = self._say(source, message["name"] or message["status"])
        elif message["type"] == "source" and message["state"] != "running":
            self._heard.pop(source, None)
            lines = self._say(source, message["state"])
        return lines

    def wait(self, now: float) -> list[str]:
        """To be called now and then; returns a line for each source that has fallen silent."""
        silent = [source for source, then in self._heard.items() if now - then > STALE]
        return [line for source in silent for line in self._say(source, "nothing new")]

    def _say(self, source: str, text: str) -> list[str]:
        if self._said.get(source) == text:
            return []
        self._said[source] = text
        return [f"{source}: {text}"]


async def listen(socket: ClientConnection) -> None:
    """Prints until the connection ends, or gives no sign of life."""
    show, heard = Show(), time.monotonic()
    while (now := time.monotonic()) - heard < SILENT:
        lines = show.wait(now)
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                text = await socket.recv()
            heard = time.monotonic()
            lines += show.take(json.loads(text), heard)
        print(*lines, sep="\n", end="\n" * bool(lines), flush=True)


async def main(url: str) -> None:
    """Prints until Ctrl-C, or until dancetype says that we may not connect."""
    token = os.environ.get("DANCETYPE_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        # Connects again by itself, and waits longer each time it could not.
        async for socket in connect(url, additional_headers=headers, close_timeout=1):
            with suppress(ConnectionClosed):
                await listen(socket)
            if socket.close_code == NO_TOKEN:
                sys.exit("dancetype wants another token: set DANCETYPE_TOKEN")
    except InvalidStatus as error:
        sys.exit(f"{url}: {error.response.body.decode().strip()}")
    except InvalidURI as error:
        sys.exit(str(error))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8765/ws"))
