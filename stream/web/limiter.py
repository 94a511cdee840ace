"""The way in: how many may be in it at once, and how much one may push through."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CloseCode
from websockets.server import ServerProtocol

# Of bytes in a second. Clients have next to nothing to say, and pings count, too: each is answered
# at once, which a flood of them would keep the process from doing anything else.
_MOST_INCOMING: Final = 32_768


class RateLimitedConnection(ServerConnection):
    """A connection that closes on who floods it.

    Args:
        came: called with the connection once it is made, after the TLS handshake.
        left: called with it once it is lost.
    """

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        *,
        came: Callable[["RateLimitedConnection"], None],
        left: Callable[["RateLimitedConnection"], None],
        **options: Any,
    ) -> None:
        super().__init__(protocol, server, **options)
        self._came = came
        self._left = left
        self._second = self.loop.time()
        self._incoming = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Says so."""
        super().connection_made(transport)
        self._came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Says so."""
        super().connection_lost(exc)
        self._left(self)

    def data_received(self, data: bytes) -> None:
        """Takes what is not too much."""
        now = self.loop.time()
        if now - self._second >= 1:
            self._second, self._incoming = now, 0
        self._incoming += len(data)
        if self._incoming <= _MOST_INCOMING:
            super().data_received(data)
        elif self.request is None:
            self.transport.abort()
        else:
            self.protocol.fail(CloseCode.POLICY_VIOLATION, "too many messages")
            self.send_data()
            self.transport.close()


class ConnectionLimiter:
    """Knows every connection, and lets only so many stand in the way in.

    Args:
        room: for how many between their TCP connection and the end of their handshake.
        seconds: after which those are given up that nothing more was heard of.
    """

    def __init__(self, *, room: int, seconds: float) -> None:
        self._room = room
        self._seconds = seconds
        self._opening: dict[RateLimitedConnection, float] = {}
        self._guests: set[RateLimitedConnection] = set()
        self.refused = 0

    def open(
        self, protocol: ServerProtocol, server: Server, **options: Any
    ) -> RateLimitedConnection:
        """Takes up a connection, even before its TLS handshake.

        Raises:
            ConnectionAbortedError: there is no room; the event loop closes it without a word.
        """
        now = asyncio.get_running_loop().time()
        # Whose TLS handshake fails is never reported as lost.
        self._opening = {
            guest: since for guest, since in self._opening.items() if now - since < self._seconds
        }
        if len(self._opening) >= self._room:
            self.refused += 1
            raise ConnectionAbortedError
        guest = RateLimitedConnection(
            protocol, server, came=self._guests.add, left=self._forget, **options
        )
        self._opening[guest] = now
        return guest

    def through(self, guest: ServerConnection) -> None:
        """Its handshake is done."""
        if isinstance(guest, RateLimitedConnection):
            self._opening.pop(guest, None)

    def clear(self) -> None:
        """Cuts every connection."""
        for guest in list(self._guests):
            guest.transport.abort()

    def _forget(self, guest: RateLimitedConnection) -> None:
        self._guests.discard(guest)
        self._opening.pop(guest, None)
