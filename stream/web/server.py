"""HTTP and WebSocket server for browsers, games and other clients."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Self, cast
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.server import ServerProtocol

from dancetype.engine.errors import SinkError
from dancetype.engine.log_event import LogEvent
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message
from dancetype.stream.sink import Sink
from dancetype.stream.web.access import Access
from dancetype.stream.web.client import Client, LatestMessages, Limits, Outcome
from dancetype.stream.web.http_connection import HttpConnection, HttpRequest
from dancetype.stream.web.limiter import ConnectionLimiter, RateLimitedConnection
from dancetype.stream.web.pages import Page, Route, static_pages, text_page, unless_cached
from dancetype.stream.web.subscription import requested_sources

_log = logging.getLogger(__name__)
# At DEBUG, websockets logs all headers and messages, including the token.
_wire_log = logging.getLogger(f"{__name__}.wire")
_wire_log.setLevel(logging.ERROR)

_WEBSOCKET_PATH: Final = "/ws"
_MAX_INCOMING_BYTES: Final = 4096
# Send buffer of the operating system for each client; Linux doubles it. The default grows to
# megabytes: minutes of predictions that would be out of date by the time a slow client reads them.
_SEND_BUFFER_BYTES: Final = 32_768
# The program must exit within two seconds even if clients do not close their connections.
_CLOSE_TIMEOUT: Final = 0.5
# Simultaneous handshakes allowed on top of `max_clients`, since all clients may reconnect at once.
_SPARE_HANDSHAKES: Final = 64
_MAX_ORIGINS_LOGGED: Final = 100


class WebSocketSink(Sink):
    """Server of `/ws` (messages), `/` (dashboard), `/overlay` and additional routes on one port.

    A slow client misses messages, which it can detect by gaps in `seq`. A client that stops reading
    is disconnected. Neither delays other clients nor uses more than about 100 kB of memory.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        access: Access rules.
        max_clients: Maximum number of simultaneous clients.
        tls: TLS context; None for plain HTTP.
        routes: Additional pages, by path.
        clock: Clock of the messages.
        limits: Time limits of a connection.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 8765,
        access: Access | None = None,
        max_clients: int = 256,
        tls: ssl.SSLContext | None = None,
        routes: Mapping[str, Route] | None = None,
        clock: Clock | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.host = host
        self._port = port
        self._access = access or Access(host=host)
        self._max_clients = max_clients
        self._tls = tls
        self._routes = dict(routes or {})
        self._clock = clock or Clock.start()
        self._limits = limits or Limits()
        self._limiter = ConnectionLimiter(
            limit=max_clients + _SPARE_HANDSHAKES,
            # The TLS handshake and the request are timed separately.
            seconds=2 * self._limits.opening,
        )
        self._clients: set[Client] = set()
        self._latest = LatestMessages()
        self._cut_off = 0
        self._refused = 0
        self._origins_logged: set[str] = set()

    @property
    def port(self) -> int:
        """Port that the server listens on; never 0 once it has started."""
        return self._port

    @property
    def url(self) -> str:
        """Address of the dashboard, for a browser on this machine."""
        scheme = "http" if self._tls is None else "https"
        host = "localhost" if self.host in ("", "0.0.0.0", "::") else self.host
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self._port}/"

    def counts(self) -> Mapping[str, int]:
        """Return the clients connected, allowed at most, and disconnected or refused so far."""
        return {
            "connected": len(self._clients),
            "most": self._max_clients,
            "cut_off": self._cut_off,
            "refused": self._refused + self._limiter.refused,
        }

    async def __aenter__(self) -> Self:
        """Start listening."""
        self._pages = static_pages()
        try:
            self._server: Server = await serve(
                self._serve,
                self.host,
                self._port,
                ssl=self._tls,
                # Typed as a class, but any callable that returns an asyncio protocol works.
                create_connection=cast(type[ServerConnection], self._open),
                server_header=None,
                # Messages are short; compression would add 300 kB per client and some latency.
                compression=None,
                max_size=_MAX_INCOMING_BYTES,
                # Make `send` wait until the operating system has accepted the message.
                write_limit=1,
                open_timeout=self._limits.opening,
                close_timeout=_CLOSE_TIMEOUT,
                logger=_wire_log,
                start_serving=False,
            )
            for listener in self._server.sockets:
                # Accepted connections inherit the option.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            await self._server.start_serving()
        except OSError as error:
            raise SinkError(_listen_error_text(self.host, self._port, error)) from error
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close all connections, with code 1001 if the client is still reading."""
        self._server.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._server.wait_closed()
        # Requests in progress, and clients whose close frames are stuck behind full buffers.
        self._limiter.abort()
        await asyncio.sleep(0)  # The event loop closes the sockets.
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._server.wait_closed()

    async def send(self, message: Message, text: str) -> None:
        """Send `text` to all clients, and keep it for clients that connect later."""
        self._latest.put(message.source, message.type, text)
        for client in self._clients:
            client.put(message.source, message.type, text)

    def _open(self, protocol: ServerProtocol, server: Server, **options: Any) -> HttpConnection:
        """Create a connection, before its TLS handshake.

        Raises:
            ConnectionAbortedError: There are too many. The event loop closes the connection.
        """
        websocket = partial(
            RateLimitedConnection, protocol, server, limiter=self._limiter, **options
        )
        connection = HttpConnection(self._respond, websocket, self._limiter, self._limits)
        self._limiter.admit(connection)
        return connection

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, RateLimitedConnection)
        connection.process_early_data()
        request = connection.request
        assert request is not None
        client = Client(
            connection=connection,
            authorization=", ".join(request.headers.get_all("Authorization")) or None,
            sources=requested_sources(request.path.partition("?")[2]),
            latest=self._latest,
            access=self._access,
            limits=self._limits,
            clock=self._clock,
        )
        self._clients.add(client)
        try:
            outcome = await client.run()
        finally:
            self._clients.discard(client)
        if outcome is Outcome.CUT_OFF:
            self._cut_off += 1
            address = connection.remote_address
            peer = address[0] if address else "unknown"
            _log.warning(LogEvent("client_disconnected", client=peer, reason="does not read"))
        elif outcome is Outcome.NO_TOKEN:
            self._refused += 1

    async def _respond(self, request: HttpRequest) -> Page | None:
        """Return the response to a request; None lets a WebSocket handshake continue."""
        page: Page | Awaitable[Page] | None
        if not self._access.allows_host(request.host):
            page = self._refuse(
                "this host name is not allowed: use the IP address, or start dancetype with "
                "--allow-origin http://NAME:PORT",
            )
        elif request.method not in ("GET", "HEAD"):
            page = text_page(HTTPStatus.METHOD_NOT_ALLOWED, "use GET")
        elif request.path == _WEBSOCKET_PATH:
            page = self._check_handshake(request)
        elif request.opens_websocket:
            page = text_page(HTTPStatus.NOT_FOUND, f"the WebSocket is at {_WEBSOCKET_PATH}")
        elif (route := self._routes.get(unquote(request.path))) is not None:
            page = route(self._access.authorises(request.header("Authorization")))
        else:
            page = self._pages.get(request.path) or text_page(HTTPStatus.NOT_FOUND, "not found")
        page = await page if isinstance(page, Awaitable) else page
        return page and unless_cached(page, request.header("If-None-Match"))

    def _check_handshake(self, request: HttpRequest) -> Page | None:
        """Return the response to a client that may not connect; None if it may."""
        if not request.opens_websocket:
            return text_page(
                HTTPStatus.UPGRADE_REQUIRED, "this is a WebSocket: connect with a WebSocket client"
            )
        origin = request.header("Origin")
        if not self._access.allows_origin(origin, request.host):
            self._log_origin(origin or "")
            return self._refuse(
                "pages from this origin may not connect: start dancetype with "
                "--allow-origin ORIGIN",
            )
        if len(self._clients) >= self._max_clients:
            return self._refuse(
                "too many clients: raise --max-clients", HTTPStatus.SERVICE_UNAVAILABLE
            )
        try:
            requested_sources(request.query)
        except ValueError as error:
            return text_page(HTTPStatus.BAD_REQUEST, str(error))
        return None

    def _refuse(self, text: str, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> Page:
        self._refused += 1
        return text_page(status, text)

    def _log_origin(self, origin: str) -> None:
        origin = origin[:100]
        if origin not in self._origins_logged and len(self._origins_logged) < _MAX_ORIGINS_LOGGED:
            self._origins_logged.add(origin)
            _log.warning(LogEvent("origin_rejected", origin=origin, advice="see --allow-origin"))


def _listen_error_text(host: str, port: int, error: OSError) -> str:
    address = f"{host} port {port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"{address} is already in use, perhaps by another dancetype: stop it, or choose "
            "another --port"
        )
    if error.errno == errno.EACCES:
        return f"not allowed to listen on {address}: choose a --port of 1024 or more"
    return (
        f"cannot listen on {address}: {error.strerror}; --host must be an address of this machine"
    )
