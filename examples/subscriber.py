"""Print the genre of each source whenever it changes, over the WebSocket.

    pip install websockets
    python subscriber.py ws://127.0.0.1:8765/ws

If dancetype has a token, set DANCETYPE_TOKEN here as well.
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

STALE: Final = 1.5  # seconds without a prediction after which the last one is outdated
SILENT: Final = 3.0  # seconds without any message after which the connection is dead
TICK: Final = 0.25
INVALID_TOKEN: Final = 4401


class ChangeTracker:
    """Tracker of the text last printed for each source, for one connection."""

    def __init__(self) -> None:
        self._prediction_counts: dict[str, int] = {}
        self._last_predictions: dict[str, float] = {}
        self._printed: dict[str, str] = {}

    def update(self, message: dict[str, Any], now: float) -> list[str]:
        """Process a message that arrived at `now` (seconds); return the lines to print."""
        source, lines = message.get("source", ""), []
        if message["type"] == "prediction":
            self._last_predictions[source] = now
            count = self._prediction_counts[source] = self._prediction_counts.get(source, 0) + 1
            # The first prediction after connecting may be old.
            if count > 1:
                lines = self._changed(source, message["name"] or message["status"])
        elif message["type"] == "source" and message["state"] not in ("running", "bursty"):
            self._last_predictions.pop(source, None)
            lines = self._changed(source, message["state"])
        return lines

    def check_stale(self, now: float) -> list[str]:
        """Return a line for each source without a recent prediction; call this regularly."""
        stale = [source for source, last in self._last_predictions.items() if now - last > STALE]
        return [line for source in stale for line in self._changed(source, "no new prediction")]

    def _changed(self, source: str, text: str) -> list[str]:
        if self._printed.get(source) == text:
            return []
        self._printed[source] = text
        return [f"{source}: {text}"]


async def print_changes(socket: ClientConnection) -> None:
    """Print changes until the connection is closed, or has been silent for too long."""
    tracker, last_message = ChangeTracker(), time.monotonic()
    while (now := time.monotonic()) - last_message < SILENT:
        lines = tracker.check_stale(now)
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                text = await socket.recv()
            last_message = time.monotonic()
            lines += tracker.update(json.loads(text), last_message)
        print(*lines, sep="\n", end="\n" * bool(lines), flush=True)


async def main(url: str) -> None:
    """Print changes until Ctrl-C, or until dancetype refuses the connection."""
    token = os.environ.get("DANCETYPE_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        # Reconnects automatically, with a growing delay.
        async for socket in connect(url, additional_headers=headers, close_timeout=1):
            with suppress(ConnectionClosed):
                await print_changes(socket)
            if socket.close_code == INVALID_TOKEN:
                sys.exit("dancetype refused the token: set DANCETYPE_TOKEN to the token it uses")
    except InvalidStatus as error:
        sys.exit(f"{url}: {error.response.body.decode().strip()}")
    except InvalidURI as error:
        sys.exit(str(error))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8765/ws"))
