"""Sink that publishes messages to an MQTT broker, and reconnects if the connection is lost."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from dancetype.stream.messages import Message
from dancetype.stream.sink import Sink
from dancetype.stream.sinks.broker import parse_broker, tls_context
from dancetype.stream.sinks.mqtt_connection import ConnectionOptions, SourceConnection


async def _no_delay() -> None:
    """Connect immediately."""


class MqttSink(Sink):
    """Sink that publishes under `dancetype/<source>/`, and reconnects until it succeeds.

    Predictions go to the topic `prediction`. Source messages go to `status` and genres to `genre`;
    both are retained. After a regular shutdown `status` is `stopped`, otherwise `offline`.

    Args:
        url: URL of the broker, in the form that `parse_broker` accepts.
        ca: CA certificate file (PEM); None for the certificates that the system trusts.
        client_id: Prefix of the client ids, followed by the source name; random if None.
        homeassistant: Whether to publish discovery messages for Home Assistant.
        before_connect: Awaited before each connection attempt.
        clock: Monotonic clock, in seconds.

    Raises:
        SinkError: The URL is malformed, or the certificate cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        ca: Path | None = None,
        client_id: str | None = None,
        homeassistant: bool = False,
        before_connect: Callable[[], Awaitable[None]] = _no_delay,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        broker = parse_broker(url)
        self._options = ConnectionOptions(
            broker=broker,
            tls=tls_context(broker, ca),
            # Two clients with the same id would disconnect each other in turn.
            client_id=client_id or f"dancetype-{secrets.token_hex(4)}",
            homeassistant=homeassistant,
            before_connect=before_connect,
            clock=clock,
        )
        self._connections: dict[str, SourceConnection] = {}

    @property
    def connections(self) -> Mapping[str, bool]:
        """Whether each source is connected to the broker, by name of the source."""
        return {name: connection.connected for name, connection in self._connections.items()}

    @property
    def shared_sources(self) -> list[str]:
        """Names of the sources under which another run publishes to the same broker."""
        return [
            name
            for name, connection in self._connections.items()
            if connection.other_runs.instances
        ]

    async def __aexit__(self, *exception: object) -> None:
        """Publish the remaining messages and disconnect, if the broker accepts them in time."""
        await asyncio.gather(*(connection.stop() for connection in self._connections.values()))

    async def send(self, message: Message, text: str) -> None:
        """Queue `text` to be published in the background."""
        connection = self._connections.get(message.source)
        if connection is None:
            connection = SourceConnection(message.source, self._options)
            self._connections[message.source] = connection
        connection.put(message, text)
