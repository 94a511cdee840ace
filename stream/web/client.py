"""One client of the WebSocket: what it is sent, what it says, and how it ends."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.protocol import State

from dancetype.stream.clock import Clock
from dancetype.stream.messages import Heartbeat, SourceTimes
from dancetype.stream.web.access import Access, bearer
from dancetype.stream.web.outbox import HEART, Newest, Outbox
from dancetype.stream.web.subscription import Hello, Request, ShutOut, read_request

_log = logging.getLogger(__name__)

NO_TOKEN: Final = 4401
"""Close code for a client that does not know the token."""
# Of messages in a second.
_MOST_HEARD: Final = 20
_CLOSE_TIMEOUT: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long what may take, in seconds.

    Attributes:
        opening: from the TCP connection to the whole request, and the TLS handshake before that.
        hello: from the handshake to the token.
        sending: from handing a message to the connection until it has left this process.
        heartbeat: between two heartbeats.
    """

    opening: float = 5.0
    hello: float = 5.0
    sending: float = 5.0
    heartbeat: float = 1.0


class Ending(StrEnum):
    """How a client's connection came to its end."""

    LEFT = "left"
    """It went, or we did."""
    SHUT_OUT = "shut_out"
    """It said something that is not said here."""
    NO_TOKEN = "no_token"
    """It did not know the token."""
    CUT_OFF = "cut_off"
    """It did not read what it was sent."""


class _StuckError(Exception):
    """Nothing has got through for too long."""


class Client:
    """Feeds one connection, at the pace at which it reads.

    Args:
        connection: after the handshake.
        authorization: header that it came with.
        sources: those it asked for; all where empty.
        latest: the newest message of each kind from each source, to begin with.
        access: knows the token.
        limits: how long what may take.
        clock: for the heartbeats.
    """

    def __init__(
        self,
        connection: ServerConnection,
        *,
        authorization: str | None,
        sources: frozenset[str],
        latest: Newest,
        access: Access,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._authorization = authorization
        self._sources = sources
        self._latest = latest
        self._access = access
        self._limits = limits
        self._clock = clock
        self._outbox = Outbox()
        self._offered: set[str] = set()
        self._heard = deque[float](maxlen=_MOST_HEARD)
        self._admitted = False
        self._feeding = False

    def put(self, source: str, kind: str, text: str) -> None:
        """Sends a message now, or later if the client has not yet read those before."""
        if not self._admitted or not self._wants(source):
            return
        if source != HEART:
            self._offered.add(source)
        connection = self._connection
        if (
            self._feeding
            or self._outbox
            or connection.state is not State.OPEN
            or connection.transport.get_write_buffer_size()
        ):
            self._outbox.put(source, kind, text)
        else:
            # Waking a task for each message of each client would take twice as long.
            broadcast((connection,), text)

    async def run(self) -> Ending:
        """Serves the client until the connection is closed; says how it ended."""
        ending = Ending.LEFT
        try:
            await self._admit()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._feed())
                tasks.create_task(self._beat())
                while True:
                    self._obey(await self._read())
        except* ConnectionClosed as closed:
            # Pings are what finds out those who are gone and have told nobody.
            if _unanswered(closed):
                ending = Ending.CUT_OFF
        except* _StuckError:
            ending = Ending.CUT_OFF
        except* ShutOut as group:
            reason = _first(group)
            ending = Ending.NO_TOKEN if reason.code == NO_TOKEN else Ending.SHUT_OUT
            await self._close(reason)
        finally:
            self._connection.transport.abort()
        return ending

    async def _admit(self) -> None:
        """Waits for the token, if one is needed, and greets the client.

        Raises:
            ShutOut: it does not come, or is another.
        """
        if not self._access.authorises(self._authorization):
            if bearer(self._authorization) is not None:
                raise _no_token()
            try:
                async with asyncio.timeout(self._limits.hello):
                    hello = await self._read()
            except TimeoutError:
                raise _no_token() from None
            if not isinstance(hello, Hello) or hello.token is None:
                raise _no_token()
            self._obey(hello)
        self._admitted = True
        self._greet(self._latest)

    def _obey(self, request: Request) -> None:
        if isinstance(request, Hello):
            if not (
                self._access.open or request.token is None or self._access.knows(request.token)
            ):
                raise _no_token()
            if request.sources is None:
                return
        before, self._sources = self._sources, request.sources or frozenset()
        if self._sources:
            self._outbox.keep(self._sources)
        self._greet(message for message in self._latest if before and message[0] not in before)

    def _greet(self, messages: Iterable[tuple[str, str, str]]) -> None:
        for source, kind, text in messages:
            self.put(source, kind, text)

    def _wants(self, source: str) -> bool:
        return not self._sources or source in self._sources or source == HEART

    async def _read(self) -> Request:
        """The next thing the client says.

        Raises:
            ShutOut: it is nothing that clients say, or they say it too often.
            ConnectionClosed: it has gone.
        """
        data = await self._connection.recv()
        now = self._clock.monotonic()
        if len(self._heard) == _MOST_HEARD and now - self._heard[0] < 1:
            raise ShutOut(CloseCode.POLICY_VIOLATION, "too many messages")
        self._heard.append(now)
        if isinstance(data, bytes):
            raise ShutOut(CloseCode.UNSUPPORTED_DATA, "send text, not binary")
        return read_request(data)

    async def _feed(self) -> None:
        """Sends what could not be sent at once.

        Raises:
            _StuckError: it does not get through.
            ConnectionClosed: the client has gone.
        """
        while True:
            texts = await self._outbox.take()
            self._feeding = True
            for text in texts:
                try:
                    async with asyncio.timeout(self._limits.sending):
                        await self._connection.send(text)
                except TimeoutError:
                    raise _StuckError from None
            self._feeding = False

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._limits.heartbeat)
            heartbeat = Heartbeat(
                dropped={source: self._outbox.dropped[source] for source in sorted(self._offered)},
                times=SourceTimes(sent=self._clock.unix(self._clock.monotonic())),
            )
            self.put(HEART, heartbeat.type, heartbeat.model_dump_json())

    async def _close(self, reason: ShutOut) -> None:
        _log.debug("a client is shut out: %s", reason)
        # A goodbye waits behind full buffers, and its own time-out with it.
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._connection.close(reason.code, reason.reason)


def _no_token() -> ShutOut:
    return ShutOut(NO_TOKEN, "token needed")


def _first(group: BaseExceptionGroup[ShutOut]) -> ShutOut:
    first = group.exceptions[0]
    return first if isinstance(first, ShutOut) else _first(first)


def _unanswered(group: BaseExceptionGroup[ConnectionClosed]) -> bool:
    def is_ours(error: BaseException) -> bool:
        return (
            isinstance(error, ConnectionClosed)
            and error.rcvd is None
            and error.sent is not None
            and error.sent.code == CloseCode.INTERNAL_ERROR
        )

    return group.subgroup(is_ours) is not None
