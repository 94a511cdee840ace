"""Prints what is danced whenever that changes, as a broker tells it.

    pip install aiomqtt
    python mqtt_subscriber.py localhost 1883

User and password of the broker, where it wants them, are read from MQTT_USER and MQTT_PASSWORD.
"""

import asyncio
import os
import sys
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

from aiomqtt import Client, MqttError

AGAIN: Final = 3.0
# What `status` holds instead of a message once dancetype has ended, or is cut off.
ENDED: Final = ("stopped", "offline", "")


class Show:
    """Brings the two topics of each source together."""

    def __init__(self) -> None:
        self._status: dict[str, str] = {}
        self._genre: dict[str, str] = {}
        self._said: dict[str, str] = {}

    def take(self, topic: str, payload: str) -> str | None:
        """Takes in what was published; returns a line to print if something has changed."""
        _, source, what = topic.split("/")
        (self._status if what == "status" else self._genre)[source] = payload
        # The broker keeps the last genre of a run that died: it is true only while status is.
        runs = self._status.get(source, "") not in ENDED
        text = (runs and self._genre.get(source)) or "away"
        if self._said.get(source) == text:
            return None
        self._said[source] = text
        return f"{unquote(source)}: {text}"


async def main(host: str, port: int) -> None:
    """Prints until Ctrl-C, however often the broker goes away."""
    while True:
        show = Show()
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
                    if line := show.take(str(message.topic), payload):
                        print(line, flush=True)
        except MqttError as error:
            print(f"{host}:{port}: {error}; trying again", file=sys.stderr, flush=True)
        await asyncio.sleep(AGAIN)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main((*sys.argv[1:], "localhost")[0], int((*sys.argv[2:], "1883")[0])))
