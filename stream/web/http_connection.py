"""HTTP/1.1 side of a connection: it answers one request, or hands over to the WebSocket."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import urlsplit

import h11
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader
from websockets.http11 import Request

from dancetype.engine.log_event import LogEvent
from dancetype.stream.web.client import Limits
from dancetype.stream.web.limiter import ConnectionLimiter
from dancetype.stream.web.pages import Page, response_headers, text_page

_log = logging.getLogger(__name__)

_VERSIONS: Final = (b"1.0", b"1.1")
# Seconds for which input after the request is read and ignored. Closing the connection while unread
# input is left would reset it, and the client could lose the response.
_LINGER: Final = 0.5


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """HTTP request, without its body.

    Attributes:
        method: Method, such as `GET`.
        path: Path, percent-encoded.
        query: Query, without the question mark.
        host: Host name and port that the client has addressed; None if it does not state any.
        headers: Headers.
        opens_websocket: Whether the request is the handshake of a WebSocket.
    """

    method: str
    path: str
    query: str
    host: str | None
    headers: Headers
    opens_websocket: bool

    def header(self, name: str) -> str | None:
        """Return a header; repeated headers are joined, so that no access rule accepts them."""
        return ", ".join(self.headers.get_all(name)) or None


Respond = Callable[[HttpRequest], Coroutine[Any, Any, Page | None]]
"""Function that returns the response to a request; None lets the WebSocket handshake continue."""


class HttpConnection(asyncio.Protocol):
    """Connection until its first request is answered, after which it is closed.

    Requests that the client has sent without waiting for that (pipelining) are ignored, as is the
    body of a request. The header `Connection: close` tells the client so (RFC 9112, section 9.6).

    Args:
        respond: Function that answers the request.
        open_websocket: Function that creates the WebSocket side of the connection.
        limiter: Limiter that has admitted the connection.
        limits: Time limits.

    Attributes:
        transport: Transport of the connection.
    """

    def __init__(
        self,
        respond: Respond,
        open_websocket: Callable[[], ServerConnection],
        limiter: ConnectionLimiter,
        limits: Limits,
    ) -> None:
        self._respond = respond
        self._open_websocket = open_websocket
        self._limiter = limiter
        self._limits = limits
        self._http = h11.Connection(h11.SERVER)
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._answered = False
        self._path = ""
        self._chunks: Iterator[bytes] = iter(())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to wait for the request."""
        self.transport = cast(asyncio.Transport, transport)
        # Report when everything has been passed to the operating system.
        self.transport.set_write_buffer_limits(0)
        self._limiter.connections.add(self)
        self._timer = self._loop.call_later(self._limits.opening, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release all resources."""
        self._leave()
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Process a part of the request; ignore what follows it."""
        if self._answered:
            return
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._send(text_page(HTTPStatus(error.error_status_hint), f"not HTTP: {error}"))
            return
        if isinstance(event, h11.Request):
            # Until the response is ready, which may take a moment, nothing else is read.
            self.transport.pause_reading()
            self._task = self._loop.create_task(self._answer(event))

    def resume_writing(self) -> None:
        """Continue the response, since everything so far has been passed on."""
        if self._answered:
            self._send_chunks()

    async def _answer(self, event: h11.Request) -> None:
        try:
            request = _parse(event)
        except (ValueError, InvalidHeader) as error:
            self._send(text_page(HTTPStatus.BAD_REQUEST, f"invalid request: {error}"))
            return
        self._path = request.path
        try:
            page = await self._respond(request)
        except Exception:
            _log.exception(LogEvent("request_failed", path=request.path))
            page = text_page(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error: see the log")
        if event.http_version not in _VERSIONS:
            page = text_page(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "use HTTP/1.1")
        if page is None:
            self._hand_over(request)
        else:
            self._send(page, head_only=request.method == "HEAD")

    def _hand_over(self, request: HttpRequest) -> None:
        """Continue as a WebSocket, whose side of the connection repeats the request."""
        self._leave()
        websocket = self._open_websocket()
        self.transport.set_protocol(websocket)
        websocket.connection_made(self.transport)
        target = f"{request.path}?{request.query}"
        websocket.data_received(Request(target, request.headers).serialize())
        early, _ = self._http.trailing_data
        if early:
            websocket.data_received(early)
        self.transport.resume_reading()

    def _send(self, page: Page, *, head_only: bool = False) -> None:
        """Send the response, after which the client has to close the connection."""
        self._answered = True
        headers = [("Date", formatdate(usegmt=True)), *response_headers(page)]
        data = self._http.send(
            h11.Response(status_code=page.status, reason=page.status.phrase, headers=headers)
        )
        self.transport.write(data or b"")
        self._chunks = iter(()) if head_only else page.chunks()
        self.transport.resume_reading()
        self._send_chunks()

    def _send_chunks(self) -> None:
        """Pass on the response until the operating system takes no more; close it at its end."""
        try:
            for chunk in self._chunks:
                self.transport.write(chunk)
                if self._is_waiting():
                    return
        except OSError:
            _log.exception(LogEvent("request_failed", path=self._path))
            self.transport.abort()
            return
        if self._is_waiting():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._set_timer(_LINGER, self.transport.close)

    def _is_waiting(self) -> bool:
        """Return whether output waits for the client, which must accept it in time."""
        waiting = self.transport.get_write_buffer_size() > 0
        if waiting:
            self._set_timer(self._limits.sending, self.transport.abort)
        return waiting

    def _set_timer(self, seconds: float, callback: Callable[[], None]) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(seconds, callback)

    def _leave(self) -> None:
        self._timer.cancel()
        self._limiter.connections.discard(self)
        self._limiter.handshake_finished(self)


def _parse(event: h11.Request) -> HttpRequest:
    """Convert a request of h11.

    Raises:
        ValueError: The target is malformed.
        InvalidHeader: A header contains control characters.
    """
    headers = Headers((name.decode(), value.decode("latin-1")) for name, value in event.headers)
    target = event.target.decode("latin-1")
    path, _, query = target.partition("?")
    host = ", ".join(headers.get_all("Host")) or None
    if not target.startswith("/"):
        # A proxy sends the whole URL, and its host then takes precedence.
        parts = urlsplit(target)
        path, query, host = parts.path or "/", parts.query, parts.netloc or host
    upgrades = ",".join(headers.get_all("Upgrade")).lower().split(",")
    # HTTP/1.0 has no upgrades.
    opens_websocket = (
        event.method == b"GET"
        and event.http_version == b"1.1"
        and "websocket" in map(str.strip, upgrades)
    )
    return HttpRequest(event.method.decode(), path, query, host, headers, opens_websocket)
