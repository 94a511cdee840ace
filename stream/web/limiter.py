"""Limits on what clients may open and send."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CloseCode
from websockets.server import ServerProtocol

# Bytes per second. Clients have almost nothing to say, but each ping is answered at once, and a
# flood of them would keep the process busy.
_MAX_INCOMING: Final = 32_768


class RateLimitedConnection(ServerConnection):
    """Connection with an inbound rate limit.

    Args:
        on_open: Called with the connection after the TLS handshake.
        on_close: Called with the connection once it is lost.
    """

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        *,
        on_open: Callable[["RateLimitedConnection"], None],
        on_close: Callable[["RateLimitedConnection"], None],
        **options: Any,
    ) -> None:
        super().__init__(protocol, server, **options)
        self._on_open = on_open
        self._on_close = on_close
        self._second = self.loop.time()
        self._incoming = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection."""
        super().connection_made(transport)
        self._on_open(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister the connection."""
        super().connection_lost(exc)
        self._on_close(self)

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
    """

    def __init__(self, *, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._opening: dict[ServerConnection, float] = {}
        self._connections: set[RateLimitedConnection] = set()
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
        connection = RateLimitedConnection(
            protocol, server, on_open=self._connections.add, on_close=self._forget, **options
        )
        self._opening[connection] = now
        return connection

    def opened(self, connection: ServerConnection) -> None:
        """Note the end of a connection's handshake."""
        self._opening.pop(connection, None)

    def abort(self) -> None:
        """Cut all connections."""
        for connection in list(self._connections):
            connection.transport.abort()

    def _forget(self, connection: RateLimitedConnection) -> None:
        self._connections.discard(connection)
        self._opening.pop(connection, None)
