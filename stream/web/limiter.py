"""Limits on the connections and the incoming data of clients."""

import asyncio
from typing import Any, Final, Protocol

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CloseCode
from websockets.protocol import State
from websockets.server import ServerProtocol

# Clients send almost nothing, but every ping is answered immediately, so that a flood of them would
# keep the process busy.
_MAX_BYTES_PER_SECOND: Final = 32_768


class RateLimitedConnection(ServerConnection):
    """WebSocket with an inbound rate limit, registered with a limiter while it is open."""

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        *,
        limiter: "ConnectionLimiter",
        **options: Any,
    ) -> None:
        super().__init__(protocol, server, **options)
        self._limiter = limiter
        self._second_start = self.loop.time()
        self._bytes_received = 0
        self._early_data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection."""
        super().connection_made(transport)
        self._limiter.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister the connection."""
        super().connection_lost(exc)
        self._limiter.connections.discard(self)

    def process_early_data(self) -> None:
        """Process what the client has sent before the response to its handshake."""
        data, self._early_data = self._early_data, b""
        if data:
            super().data_received(data)

    def data_received(self, data: bytes) -> None:
        """Process `data`, or close the connection if it exceeds the rate limit."""
        now = self.loop.time()
        if now - self._second_start >= 1:
            self._second_start, self._bytes_received = now, 0
        self._bytes_received += len(data)
        if self._bytes_received <= _MAX_BYTES_PER_SECOND:
            if self.request and self.protocol.state is State.CONNECTING:
                # websockets fails on frames before it has sent its response.
                self._early_data += data
            else:
                super().data_received(data)
        elif self.protocol.state is State.CONNECTING:
            self.transport.abort()
        else:
            self.protocol.fail(CloseCode.POLICY_VIOLATION, "too many messages")
            self.send_data()
            self.transport.close()


class _Connection(Protocol):
    """Connection with a transport, HTTP or WebSocket."""

    @property
    def transport(self) -> asyncio.Transport: ...


class ConnectionLimiter:
    """Limiter of simultaneous handshakes.

    Args:
        limit: Maximum number of connections that are not WebSockets yet.
        seconds: Time after which an unfinished handshake is no longer counted.

    Attributes:
        connections: All open connections.
        refused: Number of connections refused so far.
    """

    def __init__(self, *, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._handshakes: dict[object, float] = {}
        self.connections: set[_Connection] = set()
        self.refused = 0

    def admit(self, connection: object) -> None:
        """Count a new connection, before its TLS handshake.

        Raises:
            ConnectionAbortedError: The limit is reached. The event loop closes the connection.
        """
        now = asyncio.get_running_loop().time()
        # The event loop does not report a connection whose TLS handshake fails.
        self._handshakes = {
            connection: since
            for connection, since in self._handshakes.items()
            if now - since < self._seconds
        }
        if len(self._handshakes) >= self._limit:
            self.refused += 1
            raise ConnectionAbortedError
        self._handshakes[connection] = now

    def handshake_finished(self, connection: object) -> None:
        """Stop counting the handshake of a connection."""
        self._handshakes.pop(connection, None)

    def abort(self) -> None:
        """Abort all connections."""
        for connection in list(self.connections):
            connection.transport.abort()
