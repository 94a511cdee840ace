"""Messages to browsers and games: a WebSocket, and the page that shows them."""

import asyncio
import errno
import json
import logging
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from stream.messages import PredictionMessage, SourceMessage, SourceState
from stream.outlets.base import OutletError
from stream.outlets.mailbox import Mailbox

_log = logging.getLogger(__name__)

_WEB: Final = Path(__file__).with_name("web")
_PAGES: Final = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/app.js": ("app.js", "text/javascript"),
}
_CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
# Clients have next to nothing to say.
_MAX_INCOMING_BYTES: Final = 4096
# The command is to end within two seconds, whether or not its clients say goodbye.
_CLOSE_TIMEOUT: Final = 0.5


class WebSocketOutlet:
    """Serves `/ws` (messages), `/` (the page) and `/healthz` on one port.

    Each client reads at its own pace from a mailbox of its own. A slow one misses messages, which
    it can tell by their `seq`, and holds up nobody.

    Args:
        host: address to listen on.
        port: to listen on; 0 picks a free one.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 8765) -> None:
        self._host = host
        self._port = port
        self._clients: dict[ServerConnection, Mailbox[str, str]] = {}
        self._latest: dict[str, str] = {}
        self._states: dict[str, SourceState] = {}

    @property
    def host(self) -> str:
        """Address listened on."""
        return self._host

    @property
    def port(self) -> int:
        """Port listened on; once started never 0."""
        return self._port

    async def __aenter__(self) -> Self:
        """Starts listening.

        Raises:
            OutletError: the address cannot be had.
        """
        self._pages = {
            path: (f"{kind}; charset=utf-8", (_WEB / name).read_bytes())
            for path, (name, kind) in _PAGES.items()
        }
        try:
            self._server: Server = await serve(
                self._serve,
                self._host,
                self._port,
                process_request=self._answer,
                server_header=None,
                # Messages are short, and compressing costs each client 300 kB and some latency.
                compression=None,
                max_size=_MAX_INCOMING_BYTES,
                close_timeout=_CLOSE_TIMEOUT,
            )
        except OSError as error:
            raise OutletError(_cannot_listen(self._host, self._port, error)) from error
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Closes all connections, with code 1001 where the client still listens."""
        self._server.close()
        if not await self._closed():
            # A goodbye waits behind full buffers, and its time-out with it.
            for connection in self._clients:
                connection.transport.abort()
            # Who has connected and not asked for anything yet ends with the event loop.
            await self._closed()

    async def send(self, message: PredictionMessage | SourceMessage, text: str) -> None:
        """Leaves `text` for every client, and for those who join later."""
        if isinstance(message, SourceMessage):
            self._states[message.source] = message.state
        self._latest[message.source] = text
        for mailbox in self._clients.values():
            mailbox.put(message.source, text)

    async def _closed(self) -> bool:
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._server.wait_closed()
        except TimeoutError:
            return False
        return True

    async def _serve(self, connection: ServerConnection) -> None:
        mailbox = Mailbox[str, str]()
        for source, text in self._latest.items():
            mailbox.put(source, text)
        self._clients[connection] = mailbox
        try:
            async with asyncio.TaskGroup() as tasks:
                feeding = tasks.create_task(_feed(connection, mailbox))
                async for _ in connection:
                    pass  # Unread messages would hold up the pongs and the goodbye behind them.
                feeding.cancel()
        except* ConnectionClosed:
            _log.debug("a client left without a goodbye")
        finally:
            del self._clients[connection]

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path == "/ws":
            return None
        if path == "/healthz":
            health = {"status": "ok", "sources": self._states}
            return _response(HTTPStatus.OK, "application/json", json.dumps(health).encode())
        if path in self._pages:
            return _response(HTTPStatus.OK, *self._pages[path])
        return _response(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"not found\n")


async def _feed(connection: ServerConnection, mailbox: Mailbox[str, str]) -> None:
    while True:
        _, text = await mailbox.take()
        await connection.send(text)


def _response(status: HTTPStatus, kind: str, body: bytes) -> Response:
    headers = Headers(
        {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Content-Security-Policy": _CONTENT_POLICY,
            "X-Content-Type-Options": "nosniff",
            # Page and server belong to one release, and are to stay together over an update.
            "Cache-Control": "no-store",
            "Connection": "close",
        }
    )
    return Response(status, status.phrase, headers, body)


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    where = f"{host} port {port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken, maybe by another dancetype: end that, or choose another --port"
    if error.errno == errno.EACCES:
        return f"not allowed to listen on {where}: choose a --port of 1024 or more"
    return f"cannot listen on {where}: {error.strerror}; --host takes an address of this machine"
