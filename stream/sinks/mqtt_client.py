"""aiomqtt's client, made to end in time and to leave nothing behind."""

import asyncio
import logging
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import aiomqtt
from aiomqtt import ProtocolVersion, Will

from dancetype.stream.sinks.broker import Broker

# All that paho logs it reports as well.
_unheard = logging.getLogger(f"{__name__}.paho")
_unheard.setLevel(logging.CRITICAL)

# A broker gives us up after one and a half of these, and Mosquitto 2.0 looks for such clients every
# six seconds; we give it up after two.
_KEEPALIVE: Final = 3
# The command is to end within two seconds, and aiomqtt connects in a thread that nothing can
# interrupt.
_CONNECT_TIMEOUT: Final = 1.0
_GREETING_TIMEOUT: Final = 2.0
_ANSWER_TIMEOUT: Final = 5.0
# Closing lets nothing go out any more: what was held up is old by the time the network is back.
_ABORT: Final = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
_FINISH: Final = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
_AT_ONCE: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class MqttClient(aiomqtt.Client):
    """One connection to a broker.

    Args:
        broker: where it is, and who we are to it.
        identifier: our name there.
        will: what it is to publish once we are gone.
        tls: what to trust; None for a connection without TLS.
    """

    def __init__(
        self, broker: Broker, *, identifier: str, will: Will, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(
            broker.host,
            broker.port,
            identifier=identifier,
            username=broker.user,
            password=broker.password,
            protocol=ProtocolVersion.V5,
            tls_context=tls,
            logger=_unheard,
            will=will,
            keepalive=_KEEPALIVE,
            timeout=_GREETING_TIMEOUT,
            socket_options=[_ABORT, _AT_ONCE],
        )
        # aiomqtt offers no way to set this; paho's default is five seconds.
        self._client.connect_timeout = _CONNECT_TIMEOUT

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Connected while entered; left in good order, or else at once and for good.

        Raises:
            MqttError: there is no connection, or no longer.
        """
        try:
            await self.__aenter__()
            self.timeout = _ANSWER_TIMEOUT
            yield
            link = self._client.socket()
            if isinstance(link, socket.socket):
                link.setsockopt(*_FINISH)
            await self.__aexit__(None, None, None)
        except BaseException:
            # aiomqtt would leave the socket open after a failed connect, and wait for the broker
            # after anything else. What it has told the event loop to do with the socket comes
            # first.
            asyncio.get_running_loop().call_soon(self._client._sock_close)
            raise

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        """Has the event loop wait until `sock` can be written to; called on any thread."""

        def register() -> None:
            # By now the socket may be closed, which is told elsewhere; aiomqtt would log it.
            with suppress(OSError, ValueError):
                self._loop.add_writer(sock.fileno(), self._write)

        self._loop.call_soon_threadsafe(register)

    def _write(self) -> None:
        try:
            self._client.loop_write()
        except Exception as error:
            if not self._disconnected.done():
                self._disconnected.set_exception(error)
