"""Print the genre of each source whenever it changes, over MQTT.

    pip install aiomqtt
    python mqtt_subscriber.py localhost 1883

If the broker requires a login, set MQTT_USER and MQTT_PASSWORD.
"""

import asyncio
import os
import sys
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

from aiomqtt import Client, MqttError

RECONNECT_DELAY: Final = 3.0
# Payloads of `status` after dancetype has ended or lost its connection.
ENDED: Final = ("stopped", "offline", "")


class ChangeTracker:
    """Tracker that combines the two topics of each source."""

    def __init__(self) -> None:
        self._status: dict[str, str] = {}
        self._genre: dict[str, str] = {}
        self._printed: dict[str, str] = {}

    def update(self, topic: str, payload: str) -> str | None:
        """Process a published message; return a line to print if something has changed."""
        _, source, kind = topic.split("/")
        (self._status if kind == "status" else self._genre)[source] = payload
        # The broker keeps the last genre of a run that has ended, so it counts only with a status.
        is_running = self._status.get(source, "") not in ENDED
        text = (is_running and self._genre.get(source)) or "not running"
        if self._printed.get(source) == text:
            return None
        self._printed[source] = text
        return f"{unquote(source)}: {text}"


async def main(host: str, port: int) -> None:
    """Print changes until Ctrl-C; reconnect if the connection is lost."""
    while True:
        tracker = ChangeTracker()
        try:
            async with Client(
                host,
                port,
                username=os.environ.get("MQTT_USER"),
                password=os.environ.get("MQTT_PASSWORD"),
            ) as client:
                await client.subscribe([("dancetype/+/status", 1), ("dancetype/+/genre", 1)])
                async for message in client.messages:
                    payload = bytes(message.payload or b"").decode()
                    if line := tracker.update(str(message.topic), payload):
                        print(line, flush=True)
        except MqttError as error:
            print(f"{host}:{port}: {error}; reconnecting", file=sys.stderr, flush=True)
        await asyncio.sleep(RECONNECT_DELAY)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main((*sys.argv[1:], "localhost")[0], int((*sys.argv[2:], "1883")[0])))
