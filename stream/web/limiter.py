"""Limits on what clients may open and send."""

import asyncio
from typing import Any, Final

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CloseCode
from websockets.server import ServerProtocol

# Bytes per second. Clients send almost nothing, but each ping is answered at once, and a flood of
# them would keep the process busy.
_MAX_INCOMING: Final = 32_768


class RateLimitedConnection(ServerConnection):
    """Connection with an inbound rate limit, registered with a limiter while it is open."""

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
        self._second = self.loop.time()
        self._incoming = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection, after its TLS handshake."""
        super().connection_made(transport)
        self._limiter.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister the connection."""
        super().connection_lost(exc)
        self._limiter.connections.discard(self)
        self._limiter.opened(self)

    def data_received(self, data: bytes) -> None:
        """Process `data`, or close the connection if there is too much of it."""
        now = self.loop.time()
        if now - self._second >= 1:
            self._second, self._incoming = now, 0
        self._incoming += len(data)
        if self._incoming <= _MAX_INCOMING:
            super().data_received(data)
        elif self.request is None:
            self.transport.abort()
        else:
            self.protocol.fail(CloseCode.POLICY_VIOLATION, "too many messages")
            self.send_data()
            self.transport.close()


class ConnectionLimiter:
    """Limits how many connections may be in their handshake at a time.

    Args:
        limit: Largest number of connections between TCP connection and end of the handshake.
        seconds: Time after which a connection in its handshake is no longer counted.

    Attributes:
        connections: All open connections.
        refused: Number of connections refused so far.
    """

    def __init__(self, *, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._opening: dict[ServerConnection, float] = {}
        self.connections: set[RateLimitedConnection] = set()
        self.refused = 0

    def open(
        self, protocol: ServerProtocol, server: Server, **options: Any
    ) -> RateLimitedConnection:
        """Create a connection, even before its TLS handshake.

        Raises:
            ConnectionAbortedError: The limit is reached; the event loop closes the connection.
        """
        now = asyncio.get_running_loop().time()
        # A connection whose TLS handshake fails is never reported as lost.
        self._opening = {
            connection: since
            for connection, since in self._opening.items()
            if now - since < self._seconds
        }
        if len(self._opening) >= self._limit:
            self.refused += 1
            raise ConnectionAbortedError
        connection = RateLimitedConnection(protocol, server, limiter=self, **options)
        self._opening[connection] = now
        return connection

    def opened(self, connection: ServerConnection) -> None:
        """Note that a connection's handshake is over."""
        self._opening.pop(connection, None)

    def abort(self) -> None:
        """Cut all connections."""
        for connection in list(self.connections):
            connection.transport.abort()
