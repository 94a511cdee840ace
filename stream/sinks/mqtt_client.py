"""An aiomqtt client that disconnects within a time limit and leaves no socket open."""

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

# paho raises or returns every error that it logs.
_silent_log = logging.getLogger(f"{__name__}.paho")
_silent_log.setLevel(logging.CRITICAL)

# Seconds. A broker disconnects a silent client after 1.5 intervals, and Mosquitto 2.0 checks every
# six seconds; the client gives up on a silent broker after two intervals.
_KEEPALIVE: Final = 3
# The command must exit within two seconds, and aiomqtt connects on a thread that cannot be
# interrupted.
_CONNECT_TIMEOUT: Final = 1.0
_CONNACK_TIMEOUT: Final = 2.0
_ANSWER_TIMEOUT: Final = 5.0
# With this option, closing discards unsent data, which would be outdated once the network is back.
_ABORT: Final = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
_FINISH: Final = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
_NO_DELAY: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class MqttClient(aiomqtt.Client):
    """One connection to a broker; the broker publishes `will` if the connection is lost."""

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
            logger=_silent_log,
            will=will,
            keepalive=_KEEPALIVE,
            timeout=_CONNACK_TIMEOUT,
            socket_options=[_ABORT, _NO_DELAY],
        )
        # aiomqtt has no parameter for this; paho's default is five seconds.
        self._client.connect_timeout = _CONNECT_TIMEOUT

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Connect; at the end disconnect cleanly, or drop the connection after an error.

        Raises:
            MqttError: The connection failed or was lost.
        """
        try:
            await self.__aenter__()
            self.timeout = _ANSWER_TIMEOUT
            yield
            connection = self._client.socket()
            if isinstance(connection, socket.socket):
                connection.setsockopt(*_FINISH)
            await self.__aexit__(None, None, None)
        except BaseException:
            # aiomqtt would leave the socket open after a failed connect, and wait for the broker
            # after any other error. call_soon lets pending callbacks that use the socket run first.
            asyncio.get_running_loop().call_soon(self._client._sock_close)
            raise

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        """Register `sock` for writing with the event loop; called on any thread."""

        def register() -> None:
            # The socket may have been closed, which aiomqtt reports elsewhere.
            with suppress(OSError, ValueError):
                self._loop.add_writer(sock.fileno(), self._write)

        self._loop.call_soon_threadsafe(register)

    def _write(self) -> None:
        try:
            self._client.loop_write()
        except Exception as error:
            if not self._disconnected.done():
                self._disconnected.set_exception(error)
