"""Messages to browsers and games: a WebSocket, and the page that shows them."""

import asyncio
import errno
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Final, Self, cast
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from dancetype.engine.errors import SinkError
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message
from dancetype.stream.web.access import Access
from dancetype.stream.web.client import Client, Ending, Limits
from dancetype.stream.web.limiter import Door
from dancetype.stream.web.outbox import Newest
from dancetype.stream.web.pages import Page, Route, plain, response, static_pages
from dancetype.stream.web.subscription import sources_in

_log = logging.getLogger(__name__)
# It tells every header and message at DEBUG, and the token with them.
_wire_log = logging.getLogger(f"{__name__}.wire")
_wire_log.setLevel(logging.ERROR)

_MAX_INCOMING_BYTES: Final = 4096
# What the system holds for a client that does not read; Linux doubles it. Its own choice grows to
# megabytes, which would be minutes of predictions that are old when they are read at last.
_SEND_BUFFER_BYTES: Final = 32_768
# The command is to end within two seconds, whether or not its clients say goodbye.
_CLOSE_TIMEOUT: Final = 0.5
# Besides as many as there may be clients, who may all come back at once.
_OPENING_ROOM: Final = 64
_MOST_ORIGINS_LOGGED: Final = 100


class Refusal(StrEnum):
    """Why somebody was not let in."""

    HOST = "host"
    """Asked for a name that we do not know as ours."""
    ORIGIN = "origin"
    """A web page of a site that is not allowed."""
    FULL = "full"
    """There were as many clients as there may be."""
    OPENING = "opening"
    """There were too many who had not yet said what they want."""
    TOKEN = "token"
    """Did not know the token."""


class WebSocketOutlet:
    """Serves `/ws` (messages), `/` (dashboard), `/overlay` and further routes on one port.

    Each client reads at its own pace. A slow one misses messages, which it can tell by their `seq`;
    one that stops reading is cut off. Neither holds up anybody, or takes more than some 100 kB.

    Args:
        host: address to listen on.
        port: to listen on; 0 picks a free one.
        access: decides who may connect.
        max_clients: how many there may be at a time.
        tls: what to serve TLS with; None for plain HTTP.
        routes: further pages, by path.
        clock: for the heartbeats.
        limits: how long what may take.
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
        self._host = host
        self._port = port
        self._access = access or Access(host=host)
        self._max_clients = max_clients
        self._tls = tls
        self._routes = dict(routes or {})
        self._clock = clock or Clock.start()
        self._limits = limits or Limits()
        # A TLS handshake and a request each have their own time.
        self._door = Door(room=max_clients + _OPENING_ROOM, seconds=2 * self._limits.opening)
        self._clients: set[Client] = set()
        self._latest = Newest()
        self._cut_off = 0
        self._refusals = Counter[Refusal]()
        self._origins_logged: set[str] = set()

    @property
    def host(self) -> str:
        """Address listened on."""
        return self._host

    @property
    def port(self) -> int:
        """Port listened on; once started never 0."""
        return self._port

    @property
    def url(self) -> str:
        """Where the page is, for people on this machine."""
        scheme = "http" if self._tls is None else "https"
        host = "localhost" if self._host in ("", "0.0.0.0", "::") else self._host
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self._port}/"

    @property
    def clients(self) -> int:
        """How many are connected now."""
        return len(self._clients)

    @property
    def cut_off(self) -> int:
        """How many have been cut off since the start because they did not read."""
        return self._cut_off

    @property
    def refused(self) -> int:
        """How many were not let in since the start."""
        return sum(self.refusals.values())

    @property
    def refusals(self) -> Mapping[Refusal, int]:
        """The same by reason."""
        return {**self._refusals, Refusal.OPENING: self._door.refused}

    async def __aenter__(self) -> Self:
        """Starts listening.

        Raises:
            SinkError: the address cannot be had.
        """
        self._pages = static_pages()
        try:
            self._server: Server = await serve(
                self._serve,
                self._host,
                self._port,
                ssl=self._tls,
                process_request=self._answer,
                # Any function that makes one will do.
                create_connection=cast(type[ServerConnection], self._door.open),
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
            raise SinkError(_cannot_listen(self._host, self._port, error)) from error
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Closes all connections, with code 1001 where the client still listens."""
        self._server.close()
        if not await self._closed():
            # A goodbye waits behind full buffers, and its time-out with it.
            self._door.clear()
            await self._closed()

    async def send(self, message: Message, text: str) -> None:
        """Leaves `text` for every client, and for those who join later."""
        self._latest.put(message.source, message.type, text)
        for client in self._clients:
            client.put(message.source, message.type, text)

    async def _closed(self) -> bool:
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._server.wait_closed()
        except TimeoutError:
            return False
        return True

    async def _serve(self, connection: ServerConnection) -> None:
        self._door.through(connection)
        request = connection.request
        assert request is not None
        client = Client(
            connection,
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
            _log.warning("client %s does not read and is cut off", _peer(connection))
        elif ending is Ending.NO_TOKEN:
            self._refusals[Refusal.TOKEN] += 1

    async def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        page = self._page(request)
        if isinstance(page, Awaitable):
            page = await page
        return None if page is None else response(page)

    def _page(self, request: Request) -> Page | Awaitable[Page] | None:
        """What to answer a request with; None for a WebSocket."""
        host = _header(request, "Host")
        if not self._access.serves(host):
            self._refusals[Refusal.HOST] += 1
            return plain(
                HTTPStatus.FORBIDDEN,
                "this is not known here under that name: use the address, or start dancetype with "
                "--allow-origin http://NAME:PORT",
            )
        path, _, query = request.path.partition("?")
        if path == "/ws":
            return self._refuse(_header(request, "Origin"), host, query)
        if (route := self._routes.get(unquote(path))) is not None:
            return route(self._access.authorises(_header(request, "Authorization")))
        return self._pages.get(path) or plain(HTTPStatus.NOT_FOUND, "not found")

    def _refuse(self, origin: str | None, host: str | None, query: str) -> Page | None:
        """Why the one who asks cannot become a client; None if it can."""
        if not self._access.welcomes(origin, host):
            self._refusals[Refusal.ORIGIN] += 1
            self._log_origin(origin or "")
            return plain(
                HTTPStatus.FORBIDDEN,
                "pages of this origin may not connect: start dancetype with --allow-origin ORIGIN",
            )
        if len(self._clients) >= self._max_clients:
            self._refusals[Refusal.FULL] += 1
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients: see --max-clients")
        try:
            sources_in(query)
        except ValueError as error:
            return plain(HTTPStatus.BAD_REQUEST, str(error))
        return None

    def _log_origin(self, origin: str) -> None:
        origin = origin[:100]
        if origin not in self._origins_logged and len(self._origins_logged) < _MOST_ORIGINS_LOGGED:
            self._origins_logged.add(origin)
            _log.warning("a page of %r may not connect; --allow-origin would let it", origin)


def _header(request: Request, name: str) -> str | None:
    """A header's value; several of one name are no value that anything is compared with."""
    return ", ".join(request.headers.get_all(name)) or None


def _peer(connection: ServerConnection) -> str:
    address = connection.remote_address
    return str(address[0]) if address else "unknown"


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    where = f"{host} port {port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken, maybe by another dancetype: end that, or choose another --port"
    if error.errno == errno.EACCES:
        return f"not allowed to listen on {where}: choose a --port of 1024 or more"
    return f"cannot listen on {where}: {error.strerror}; --host takes an address of this machine"
