"""One WebSocket client: its messages, its requests, and how its connection ends."""

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
from dancetype.stream.web.access import Access, bearer_token
from dancetype.stream.web.subscription import CloseClient, Hello, Request, read_request

_log = logging.getLogger(__name__)

NO_TOKEN: Final = 4401
"""Close code for a client that has not sent the correct token."""
HEARTBEAT_SOURCE: Final = ""
"""Source name of heartbeats, which belong to no source; real names are never empty."""

_MAX_REQUESTS: Final = 20  # per second
_CLOSE_TIMEOUT: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time limits of a connection, in seconds.

    Attributes:
        opening: Time to receive the HTTP request, and for the TLS handshake before it.
        hello: Time between the WebSocket handshake and the token.
        sending: Time to pass a message to the operating system.
        heartbeat: Interval between heartbeats.
    """

    opening: float = 5.0
    hello: float = 5.0
    sending: float = 5.0
    heartbeat: float = 1.0


class Outcome(StrEnum):
    """End of a client's connection."""

    CLOSED = "closed"
    """The client or the server closed it normally."""
    NO_TOKEN = "no_token"
    """The client did not send the correct token."""
    CUT_OFF = "cut_off"
    """The client stopped reading, or no longer answers pings."""


class LatestMessages:
    """Newest message of each type from each source; those of a source in order of arrival."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[str, str]] = {}

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        """Yield source, type and text of each message."""
        for source, texts in self._texts.items():
            for kind, text in texts.items():
                yield source, kind, text

    def put(self, source: str, kind: str, text: str) -> None:
        """Add a message; it replaces an older one of the same source and type."""
        _replace(self._texts.setdefault(source, {}), kind, text)


class Outbox:
    """Queue for a slow client: the newest message of each type from each source.

    Attributes:
        dropped: Number of messages by source that were replaced before they could be sent.
    """

    def __init__(self) -> None:
        self._queue = LatestQueue[str, dict[str, str]]()
        self.dropped = Counter[str]()

    def __bool__(self) -> bool:
        """Return whether the queue holds any message."""
        return bool(self._queue)

    def put(self, source: str, kind: str, text: str) -> None:
        """Add a message; it replaces an older one of the same source and type."""
        texts = self._queue.get(source) or {}
        if _replace(texts, kind, text) and source != HEARTBEAT_SOURCE:
            self.dropped[source] += 1
        self._queue.put(source, texts)

    def keep(self, sources: Collection[str]) -> None:
        """Drop the messages of all other sources; the client has unsubscribed from them."""
        self._queue.keep({HEARTBEAT_SOURCE, *sources})

    async def take(self) -> Collection[str]:
        """Wait for messages; remove and return those of the source that has waited longest."""
        _, texts = await self._queue.take()
        return texts.values()


def _replace(texts: dict[str, str], kind: str, text: str) -> bool:
    """Put `text` at the end; return whether it replaced an older text of this kind."""
    replaced = texts.pop(kind, None) is not None
    texts[kind] = text
    return replaced


class _SendTimeoutError(Exception):
    """The client did not read a message in time."""


@dataclass(eq=False, kw_only=True)
class Client:
    """Client that receives messages over one connection, as fast as it reads them.

    Attributes:
        connection: Connection that has completed its handshake.
        authorization: `Authorization` header of the request.
        sources: Names of the subscribed sources; all sources if empty.
        latest: Messages that are sent first.
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
        self._served_sources: set[str] = set()
        self._request_times = deque[float](maxlen=_MAX_REQUESTS)
        self._authenticated = False
        self._sending = False

    def put(self, source: str, kind: str, text: str) -> None:
        """Send a message, or queue it if the client has not yet read the previous ones."""
        if not self._authenticated or not self._is_subscribed(source):
            return
        if source != HEARTBEAT_SOURCE:
            self._served_sources.add(source)
        connection = self.connection
        if (
            self._sending
            or self._outbox
            or connection.state is not State.OPEN
            or connection.transport.get_write_buffer_size()
        ):
            self._outbox.put(source, kind, text)
        else:
            # Waking a task for each message of each client takes twice as long.
            broadcast((connection,), text)

    async def run(self) -> Outcome:
        """Serve the client until the connection is closed; return how it ended."""
        outcome = Outcome.CLOSED
        try:
            await self._authenticate()
            self._send_snapshot()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send_queued())
                tasks.create_task(self._send_heartbeats())
                while True:
                    self._apply(await self._read())
        except* ConnectionClosed as group:
            # A client that vanished without closing its connection does not answer pings.
            if _is_ping_timeout(group):
                outcome = Outcome.CUT_OFF
        except* _SendTimeoutError:
            outcome = Outcome.CUT_OFF
        except* CloseClient as group:
            reason = _first_exception(group)
            outcome = Outcome.NO_TOKEN if reason.code == NO_TOKEN else Outcome.CLOSED
            _log.debug(LogEvent("client_rejected", reason=str(reason)))
            # The time-out of `close` does not work while its frame is stuck behind full buffers.
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT):
                    await self.connection.close(reason.code, reason.reason)
        finally:
            self.connection.transport.abort()
        return outcome

    async def _authenticate(self) -> None:
        """Wait for the token, if the client needs one.

        Raises:
            CloseClient: The client does not send the correct token in time.
        """
        if not self.access.authorises(self.authorization):
            if bearer_token(self.authorization) is not None:
                raise _token_needed()
            try:
                async with asyncio.timeout(self.limits.hello):
                    hello = await self._read()
            except TimeoutError:
                raise _token_needed() from None
            if not isinstance(hello, Hello) or hello.token is None:
                raise _token_needed()
            self._apply(hello)
        self._authenticated = True

    def _apply(self, request: Request) -> None:
        if isinstance(request, Hello):
            access, token = self.access, request.token
            if access.token_needed and token is not None and not access.is_valid_token(token):
                raise _token_needed()
            if request.sources is None:
                return
        previous, self.sources = self.sources, request.sources or frozenset()
        if self.sources:
            self._outbox.keep(self.sources)
        if previous:
            self._send_snapshot(omit=previous)

    def _send_snapshot(self, omit: Collection[str] = ()) -> None:
        for source, kind, text in self.latest:
            if source not in omit:
                self.put(source, kind, text)

    def _is_subscribed(self, source: str) -> bool:
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

    async def _send_queued(self) -> None:
        """Send the queued messages one by one."""
        while True:
            texts = await self._outbox.take()
            self._sending = True
            for text in texts:
                try:
                    async with asyncio.timeout(self.limits.sending):
                        await self.connection.send(text)
                except TimeoutError:
                    raise _SendTimeoutError from None
            self._sending = False

    async def _send_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self.limits.heartbeat)
            dropped = self._outbox.dropped
            heartbeat = Heartbeat(
                dropped={source: dropped[source] for source in sorted(self._served_sources)},
                times=SourceTimes(sent=self.clock.unix(self.clock.monotonic())),
            )
            self.put(HEARTBEAT_SOURCE, heartbeat.type, heartbeat.model_dump_json())


def _token_needed() -> CloseClient:
    return CloseClient(NO_TOKEN, "token needed")


def _first_exception(group: BaseExceptionGroup[CloseClient]) -> CloseClient:
    first = group.exceptions[0]
    return first if isinstance(first, CloseClient) else _first_exception(first)


def _is_ping_timeout(group: BaseExceptionGroup[ConnectionClosed]) -> bool:
    def matches(error: BaseException) -> bool:
        return (
            isinstance(error, ConnectionClosed)
            and error.rcvd is None
            and error.sent is not None
            and error.sent.code == CloseCode.INTERNAL_ERROR
        )

    return group.subgroup(matches) is not None
