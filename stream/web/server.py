"""The server for browsers and games: a WebSocket and the pages, on one port."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Final, Self, cast
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from dancetype.engine.errors import SinkError
from dancetype.engine.log_event import LogEvent
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message
from dancetype.stream.sink import Sink
from dancetype.stream.web.access import Access
from dancetype.stream.web.client import Client, Ending, LatestMessages, Limits
from dancetype.stream.web.limiter import ConnectionLimiter
from dancetype.stream.web.pages import Page, Route, plain, response, static_pages
from dancetype.stream.web.subscription import sources_in

_log = logging.getLogger(__name__)
# At DEBUG it would log all headers and messages, and the token with them.
_wire_log = logging.getLogger(f"{__name__}.wire")
_wire_log.setLevel(logging.ERROR)

_MAX_INCOMING_BYTES: Final = 4096
# What the system holds for a client that does not read; Linux doubles it. Its own choice grows to
# megabytes, which would be minutes of predictions that are old when they are read at last.
_SEND_BUFFER_BYTES: Final = 32_768
# The command has to end within two seconds, whether or not its clients close their connections.
_CLOSE_TIMEOUT: Final = 0.5
# Handshakes at a time, in addition to as many as there may be clients, which may all reconnect at
# once.
_SPARE_HANDSHAKES: Final = 64
_MAX_ORIGINS_LOGGED: Final = 100


class WebSocketSink(Sink):
    """Serves `/ws` (messages), `/` (dashboard), `/overlay` and further routes on one port.

    Each client reads at its own pace. A slow one misses messages, which it can tell by their `seq`;
    one that stops reading is cut off. Neither delays the others, or takes more than some 100 kB.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        access: Access rules.
        max_clients: Largest number of clients at a time.
        tls: TLS context; None for plain HTTP.
        routes: Further pages, by path.
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
            # A TLS handshake and a request each have their own time.
            seconds=2 * self._limits.opening,
        )
        self._clients: set[Client] = set()
        self._latest = LatestMessages()
        self._cut_off = 0
        self._refused = 0
        self._origins_logged: set[str] = set()

    @property
    def port(self) -> int:
        """Port listened on; never 0 once started."""
        return self._port

    @property
    def url(self) -> str:
        """Address of the dashboard, for a browser on this machine."""
        scheme = "http" if self._tls is None else "https"
        host = "localhost" if self.host in ("", "0.0.0.0", "::") else self.host
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self._port}/"

    def counts(self) -> Mapping[str, int]:
        """Count clients: connected, at most, cut off so far and refused so far."""
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
                process_request=self._answer,
                # Any callable that returns a connection works.
                create_connection=cast(type[ServerConnection], self._limiter.open),
                server_header=None,
                # Messages are short, and compressing costs each client 300 kB and some latency.
                compression=None,
                max_size=_MAX_INCOMING_BYTES,
                # Sending waits until the system, which holds little, has taken the message over.
                write_limit=1,
                open_timeout=self._limits.opening,
                close_timeout=_CLOSE_TIMEOUT,
                logger=_wire_log,
                start_serving=False,
            )
            for listening in self._server.sockets:
                # Each connection inherits it.
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            await self._server.start_serving()
        except OSError as error:
            raise SinkError(_cannot_listen(self.host, self._port, error)) from error
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close all connections, with code 1001 if the client still reads."""
        self._server.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._server.wait_closed()
                return
        # A close frame waits behind full buffers, and its time-out with it.
        self._limiter.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._server.wait_closed()

    async def send(self, message: Message, text: str) -> None:
        """Send `text` to all clients, and keep it for those that connect later."""
        self._latest.put(message.source, message.type, text)
        for client in self._clients:
            client.put(message.source, message.type, text)

    async def _serve(self, connection: ServerConnection) -> None:
        self._limiter.opened(connection)
        request = connection.request
        assert request is not None
        client = Client(
            connection=connection,
            authorization=_header(request, "Authorization"),
            sources=sources_in(request.path.partition("?")[2]),
            latest=self._latest,
            access=self._access,
            limits=self._limits,
            clock=self._clock,
        )
        self._clients.add(client)
        try:
            ending = await client.run()
        finally:
            self._clients.discard(client)
        if ending is Ending.CUT_OFF:
            self._cut_off += 1
            address = connection.remote_address
            peer = address[0] if address else "unknown"
            _log.warning(LogEvent("client_disconnected", client=peer, reason="does not read"))
        elif ending is Ending.NO_TOKEN:
            self._refused += 1

    async def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request for a page; return None for a WebSocket handshake."""
        host = _header(request, "Host")
        path, _, query = request.path.partition("?")
        page: Page | Awaitable[Page] | None
        if not self._access.serves(host):
            page = self._refuse(
                "this is not known here under that name: use the address, or start dancetype with "
                "--allow-origin http://NAME:PORT",
            )
        elif path == "/ws":
            page = self._check_handshake(_header(request, "Origin"), host, query)
        elif (route := self._routes.get(unquote(path))) is not None:
            page = route(self._access.authorises(_header(request, "Authorization")))
        else:
            page = self._pages.get(path) or plain(HTTPStatus.NOT_FOUND, "not found")
        if isinstance(page, Awaitable):
            page = await page
        return None if page is None else response(page)

    def _check_handshake(self, origin: str | None, host: str | None, query: str) -> Page | None:
        """Return why the client cannot connect; None if it can."""
        if not self._access.welcomes(origin, host):
            self._log_origin(origin or "")
            return self._refuse(
                "pages of this origin may not connect: start dancetype with --allow-origin ORIGIN",
            )
        if len(self._clients) >= self._max_clients:
            return self._refuse(
                "too many clients: see --max-clients", HTTPStatus.SERVICE_UNAVAILABLE
            )
        try:
            sources_in(query)
        except ValueError as error:
            return plain(HTTPStatus.BAD_REQUEST, str(error))
        return None

    def _refuse(self, text: str, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> Page:
        self._refused += 1
        return plain(status, text)

    def _log_origin(self, origin: str) -> None:
        origin = origin[:100]
        if origin not in self._origins_logged and len(self._origins_logged) < _MAX_ORIGINS_LOGGED:
            self._origins_logged.add(origin)
            _log.warning(LogEvent("origin_rejected", origin=origin, advice="see --allow-origin"))


def _header(request: Request, name: str) -> str | None:
    """Return a header's value; several of one name make a value that matches nothing."""
    return ", ".join(request.headers.get_all(name)) or None


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    where = f"{host} port {port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken, maybe by another dancetype: end that, or choose another --port"
    if error.errno == errno.EACCES:
        return f"not allowed to listen on {where}: choose a --port of 1024 or more"
    return f"cannot listen on {where}: {error.strerror}; --host takes an address of this machine"
