"""One client of the WebSocket: the messages it is sent, its requests, and how it ends."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.protocol import State

from dancetype.engine.log_event import LogEvent
from dancetype.stream.clock import Clock
from dancetype.stream.latest_queue import LatestQueue
from dancetype.stream.messages import Heartbeat, SourceTimes
from dancetype.stream.web.access import Access, bearer
from dancetype.stream.web.subscription import CloseClient, Hello, Request, read_request

_log = logging.getLogger(__name__)

NO_TOKEN: Final = 4401
"""Close code for a client without the right token."""
HEARTBEAT_SOURCE: Final = ""
"""Stands for the source in heartbeats, which come from none: no source has an empty name."""

# Per second.
_MAX_REQUESTS: Final = 20
_CLOSE_TIMEOUT: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time limits of a connection, in seconds.

    Attributes:
        opening: Time for the whole request, and for the TLS handshake before it.
        hello: Time from the WebSocket handshake to the token.
        sending: Time for a message to leave this process.
        heartbeat: Interval between heartbeats.
    """

    opening: float = 5.0
    hello: float = 5.0
    sending: float = 5.0
    heartbeat: float = 1.0


class Ending(StrEnum):
    """How a client's connection ended."""

    CLOSED = "closed"
    """The client or the server closed it."""
    NO_TOKEN = "no_token"
    """The client did not send the right token."""
    CUT_OFF = "cut_off"
    """The client did not read its messages."""


class LatestMessages:
    """The newest message of each type from each source, those of a source in their order."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[str, str]] = {}

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        """Source, type and text of each message."""
        for source, texts in self._texts.items():
            for kind, text in texts.items():
                yield source, kind, text

    def put(self, source: str, kind: str, text: str) -> None:
        """Add a message, in place of the one of its type."""
        _replace(self._texts.setdefault(source, {}), kind, text)


class Outbox:
    """Messages that wait for a slow client: the newest of each type from each source.

    Attributes:
        dropped: Number of messages of each source that were replaced while they waited.
    """

    def __init__(self) -> None:
        self._queue = LatestQueue[str, dict[str, str]]()
        self.dropped = Counter[str]()

    def __bool__(self) -> bool:
        """Whether any message waits."""
        return bool(self._queue)

    def put(self, source: str, kind: str, text: str) -> None:
        """Add a message, in place of the one of its type."""
        texts = self._queue.get(source) or {}
        if _replace(texts, kind, text) and source != HEARTBEAT_SOURCE:
            self.dropped[source] += 1
        self._queue.put(source, texts)

    def keep(self, sources: Collection[str]) -> None:
        """Drop the messages of other sources, which the client no longer wants."""
        self._queue.keep({HEARTBEAT_SOURCE, *sources})

    async def take(self) -> Collection[str]:
        """Wait for messages, and remove and return those of the source that has waited longest."""
        _, texts = await self._queue.take()
        return texts.values()


def _replace(texts: dict[str, str], kind: str, text: str) -> bool:
    """Put `text` at the end; return whether it replaces one of its type."""
    replaced = texts.pop(kind, None) is not None
    texts[kind] = text
    return replaced


class _StuckError(Exception):
    """A message did not get through in time."""


@dataclass(eq=False, kw_only=True)
class Client:
    """Sends messages to one connection, at the pace at which it reads.

    Attributes:
        connection: Connection after the handshake.
        authorization: Its `Authorization` header.
        sources: Names of the sources it asked for; all sources if empty.
        latest: Messages to begin with.
        access: Access rules.
        limits: Time limits.
        clock: Clock of the messages.
    """

    connection: ServerConnection
    authorization: str | None
    sources: frozenset[str]
    latest: LatestMessages
    access: Access
    limits: Limits
    clock: Clock

    def __post_init__(self) -> None:
        self._outbox = Outbox()
        self._offered: set[str] = set()
        self._request_times = deque[float](maxlen=_MAX_REQUESTS)
        self._admitted = False
        self._feeding = False

    def put(self, source: str, kind: str, text: str) -> None:
        """Send a message now, or later if the client has not yet read the ones before it."""
        if not self._admitted or not self._wants(source):
            return
        if source != HEARTBEAT_SOURCE:
            self._offered.add(source)
        connection = self.connection
        if (
            self._feeding
            or self._outbox
            or connection.state is not State.OPEN
            or connection.transport.get_write_buffer_size()
        ):
            self._outbox.put(source, kind, text)
        else:
            # Waking a task for each message of each client takes twice as long.
            broadcast((connection,), text)

    async def run(self) -> Ending:
        """Serve the client until the connection is closed, and return how it ended."""
        ending = Ending.CLOSED
        try:
            await self._admit()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._feed())
                tasks.create_task(self._beat())
                while True:
                    self._apply(await self._read())
        except* ConnectionClosed as closed:
            # Unanswered pings reveal clients that vanished without closing the connection.
            if _unanswered(closed):
                ending = Ending.CUT_OFF
        except* _StuckError:
            ending = Ending.CUT_OFF
        except* CloseClient as group:
            reason = _first(group)
            ending = Ending.NO_TOKEN if reason.code == NO_TOKEN else Ending.CLOSED
            _log.debug(LogEvent("client_rejected", reason=str(reason)))
            # A close frame waits behind full buffers, and its own time-out with it.
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT):
                    await self.connection.close(reason.code, reason.reason)
        finally:
            self.connection.transport.abort()
        return ending

    async def _admit(self) -> None:
        """Wait for the token, if one is needed, and send the snapshot."""
        if not self.access.authorises(self.authorization):
            if bearer(self.authorization) is not None:
                raise _no_token()
            try:
                async with asyncio.timeout(self.limits.hello):
                    hello = await self._read()
            except TimeoutError:
                raise _no_token() from None
            if not isinstance(hello, Hello) or hello.token is None:
                raise _no_token()
            self._apply(hello)
        self._admitted = True
        self._send_snapshot()

    def _apply(self, request: Request) -> None:
        if isinstance(request, Hello):
            if not (self.access.open or request.token is None or self.access.knows(request.token)):
                raise _no_token()
            if request.sources is None:
                return
        before, self.sources = self.sources, request.sources or frozenset()
        if self.sources:
            self._outbox.keep(self.sources)
        if before:
            self._send_snapshot(omit=before)

    def _send_snapshot(self, omit: Collection[str] = ()) -> None:
        for source, kind, text in self.latest:
            if source not in omit:
                self.put(source, kind, text)

    def _wants(self, source: str) -> bool:
        return not self.sources or source in self.sources or source == HEARTBEAT_SOURCE

    async def _read(self) -> Request:
        """Wait for the next request."""
        data = await self.connection.recv()
        now = self.clock.monotonic()
        if len(self._request_times) == _MAX_REQUESTS and now - self._request_times[0] < 1:
            raise CloseClient(CloseCode.POLICY_VIOLATION, "too many messages")
        self._request_times.append(now)
        if isinstance(data, bytes):
            raise CloseClient(CloseCode.UNSUPPORTED_DATA, "send text, not binary")
        return read_request(data)

    async def _feed(self) -> None:
        """Send the messages that could not be sent at once."""
        while True:
            texts = await self._outbox.take()
            self._feeding = True
            for text in texts:
                try:
                    async with asyncio.timeout(self.limits.sending):
                        await self.connection.send(text)
                except TimeoutError:
                    raise _StuckError from None
            self._feeding = False

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.limits.heartbeat)
            heartbeat = Heartbeat(
                dropped={source: self._outbox.dropped[source] for source in sorted(self._offered)},
                times=SourceTimes(sent=self.clock.unix(self.clock.monotonic())),
            )
            self.put(HEARTBEAT_SOURCE, heartbeat.type, heartbeat.model_dump_json())


def _no_token() -> CloseClient:
    return CloseClient(NO_TOKEN, "token needed")


def _first(group: BaseExceptionGroup[CloseClient]) -> CloseClient:
    first = group.exceptions[0]
    return first if isinstance(first, CloseClient) else _first(first)


def _unanswered(group: BaseExceptionGroup[ConnectionClosed]) -> bool:
    def is_unanswered(error: BaseException) -> bool:
        return (
            isinstance(error, ConnectionClosed)
            and error.rcvd is None
            and error.sent is not None
            and error.sent.code == CloseCode.INTERNAL_ERROR
        )

    return group.subgroup(is_unanswered) is not None
