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
from aiomqtt import MqttError, ProtocolVersion, Will
from paho.mqtt.client import DisconnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from dancetype.stream.sinks.broker import Broker, is_version_refusal

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


class NoAnswerError(MqttError):
    """The broker did not answer the request to connect, or closed the connection instead."""


class MqttClient(aiomqtt.Client):
    """One connection to a broker; the broker publishes `will` if the connection is lost."""

    def __init__(
        self,
        broker: Broker,
        *,
        identifier: str,
        will: Will,
        tls: ssl.SSLContext | None,
        protocol: ProtocolVersion = ProtocolVersion.V5,
    ) -> None:
        super().__init__(
            broker.host,
            broker.port,
            identifier=identifier,
            username=broker.user,
            password=broker.password,
            protocol=protocol,
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
            NoAnswerError: A connection was made, but the broker did not answer.
            MqttError: The connection failed or was lost.
        """
        try:
            try:
                await self.__aenter__()
            except MqttError as error:
                # aiomqtt waits for the answer with a time-out.
                if self._client.socket() and isinstance(error.__context__, TimeoutError):
                    raise NoAnswerError("no answer") from None
                raise
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

    def _on_disconnect(
        self,
        client: Any,
        userdata: Any,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if self._connected.done():
            super()._on_disconnect(client, userdata, flags, reason_code, properties)
        else:
            # aiomqtt would wait until its time-out.
            self._connected.set_exception(NoAnswerError("the broker closed the connection"))

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


class ProtocolChoice:
    """Version of MQTT to connect with: 5, or 3.1.1 if the broker does not accept 5.

    Brokers without MQTT 5 should refuse it, but some close the connection or do not answer, as any
    broker does that is starting up. Both versions are therefore tried in turn until one is
    accepted, beginning with 5 on each reconnect. Once the broker has accepted 5, 3.1.1 is not tried
    any more.

    Attributes:
        current: Version for the next attempt.
    """

    def __init__(self) -> None:
        self.current = ProtocolVersion.V5
        self._is_5_accepted = False

    @property
    def is_fallback(self) -> bool:
        """Whether the current version is 3.1.1."""
        return self.current is ProtocolVersion.V311

    def accepted(self) -> None:
        """Record that the broker has accepted the current version."""
        self._is_5_accepted = self._is_5_accepted or not self.is_fallback

    def next(self, error: BaseException) -> bool:
        """Choose the version after an error; return whether to retry immediately."""
        refused = is_version_refusal(error)
        is_possible = not self.is_fallback and not self._is_5_accepted
        use_fallback = is_possible and (refused or isinstance(error, NoAnswerError))
        self.current = ProtocolVersion.V311 if use_fallback else ProtocolVersion.V5
        return refused and use_fallback
