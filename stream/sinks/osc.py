"""Messages as Open Sound Control (OSC), for lighting desks and video software."""

import errno
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Final, Self
from urllib.parse import quote, urlsplit

from pythonosc.osc_message_builder import OscMessageBuilder

from dancetype.engine.errors import SinkError
from dancetype.engine.log_event import LogEvent
from dancetype.engine.rolling import Status
from dancetype.stream.messages import (
    DancerResult,
    Message,
    PredictionMessage,
    SourceMessage,
    SourceState,
)
from dancetype.stream.sink import Sink
from dancetype.stream.sinks.addresses import Address, resolve

_log = logging.getLogger(__name__)

Value = str | float | int
Packet = tuple[str, Value]
"""An OSC address, and the one value sent there."""

_STOPPED: Final = "stopped"
# What has a meaning in an address or in a pattern of addresses (Wright, "The Open Sound Control
# 1.0 Specification", 2002), and the percent sign that escapes them.
_RESERVED: Final = frozenset(" #*,/?[]{}%")


def parse_target(target: str) -> tuple[str, int]:
    """Parse `host:port`; an IPv6 address stands in brackets, as `[::1]:9000`.

    Raises:
        SinkError: The text is not of this form.
    """
    try:
        parts = urlsplit(f"//{target}")
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
        good = bool(host and port) and parts.netloc == target and "@" not in target
    except ValueError:
        good = False
    if not good or port is None:
        raise SinkError(
            f"{target!r} is no place to send OSC to: --osc takes host:port, "
            "such as 127.0.0.1:9000 or [::1]:9000"
        )
    return host, port


def address_part(name: str) -> str:
    """Return `name` as one part of an OSC address, with reserved characters percent-encoded."""
    return "".join(
        char if "!" <= char <= "~" and char not in _RESERVED else quote(char, safe="")
        for char in name
    )


class OscSource:
    """Translates the messages of one source into OSC."""

    def __init__(self, source: str) -> None:
        self._base = f"/dancetype/{address_part(source)}"
        self._codes: tuple[str, ...] = ()
        self._most_dancers = 0
        self._on: str | None = None

    def packets(self, message: Message) -> list[Packet]:
        """Return the packets to send for a message, in this order."""
        if isinstance(message, SourceMessage):
            return self._state(message.state, running=message.state is SourceState.RUNNING)
        self._codes = tuple(message.probabilities)
        self._most_dancers = max(self._most_dancers, len(message.dancers))
        return [
            *self._switch(message.genre or message.status.value),
            *_answer(self._base, message),
            (f"{self._base}/dancers", len(message.dancers)),
            *self._dancers(message.dancers),
        ]

    def stop(self) -> list[Packet]:
        """Return the last packets."""
        return self._state(_STOPPED, running=False)

    def _state(self, state: str, *, running: bool) -> list[Packet]:
        packet = (f"{self._base}/state", str(state))
        if running:
            return [packet]
        # No prediction follows that would replace the last one, which must not stand for ever.
        return [
            packet,
            *self._switch(None),
            *self._silence(self._base, ""),
            (f"{self._base}/dancers", 0),
            *self._dancers(()),
        ]

    def _switch(self, on: str | None) -> Iterator[Packet]:
        if on == self._on:
            return
        for name, value in ((self._on, 0.0), (on, 1.0)):
            if name is not None:
                yield f"{self._base}/on/{address_part(name)}", value
        self._on = on

    def _dancers(self, dancers: tuple[DancerResult, ...]) -> Iterator[Packet]:
        if self._most_dancers < 2:
            return  # The only dancer's answer is that of the source.
        for rank in range(1, self._most_dancers + 1):
            base = f"{self._base}/dancer/{rank}"
            if rank > len(dancers):
                yield f"{base}/id", 0
                yield from self._silence(base, Status.NO_PERSON.value)
            else:
                yield f"{base}/id", dancers[rank - 1].id
                yield from _answer(base, dancers[rank - 1])

    def _silence(self, base: str, status: str) -> Iterator[Packet]:
        return _values(base, status, "", 0.0, dict.fromkeys(self._codes, 0.0))


def _answer(base: str, answer: PredictionMessage | DancerResult) -> Iterator[Packet]:
    return _values(
        base, answer.status.value, answer.name or "", answer.confidence, answer.probabilities
    )


def _values(
    base: str, status: str, genre: str, confidence: float, probabilities: Mapping[str, float]
) -> Iterator[Packet]:
    yield f"{base}/status", status
    yield f"{base}/genre", genre
    yield f"{base}/confidence", float(confidence)
    for code, value in probabilities.items():
        yield f"{base}/probability/{address_part(code)}", float(value)


class OscSink(Sink):
    """Sends OSC messages over UDP, one per packet, whether or not anything receives them.

    Raises:
        SinkError: `target` is not of the form that `parse_target` reads.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._host, self._port = parse_target(target)
        self._sources: dict[str, OscSource] = {}
        self._socket: socket.socket | None = None
        self._reported: set[int | None] = set()

    async def __aenter__(self) -> Self:
        """Look the host up."""
        try:
            addresses = await resolve(self._host, self._port, socket.SOCK_DGRAM)
        except OSError as error:
            why = "no answer" if isinstance(error, TimeoutError) else error.strerror
            raise SinkError(
                f"cannot look up {self._host} ({why}): give --osc an address in place of a name"
            ) from error
        self._address = preferred(addresses)
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Send the state `stopped` of each source."""
        for source in self._sources.values():
            self._send_all(source.stop())
        if self._socket:
            self._socket.close()

    async def send(self, message: Message, text: str) -> None:
        """Send the packets of `message`."""
        source = self._sources.get(message.source)
        if source is None:
            source = self._sources[message.source] = OscSource(message.source)
        self._send_all(source.packets(message))

    def _send_all(self, packets: list[Packet]) -> None:
        for address, value in packets:
            try:
                self._send(datagram(address, value))
            except OSError as error:
                self._report(error)

    def _send(self, packet: bytes) -> None:
        if self._socket is None:
            self._socket = _connected(self._address)
        try:
            self._socket.send(packet)
        except BlockingIOError:
            pass  # A packet may be lost on this machine as well as on the way.
        except ConnectionRefusedError as error:
            # An earlier packet was refused; this one is not sent yet.
            self._report(error)
            self._socket.send(packet)
        except OSError:
            # The route may be gone; the next packet finds a new one.
            self._socket.close()
            self._socket = None
            raise

    def _report(self, error: OSError) -> None:
        if error.errno not in self._reported:
            self._reported.add(error.errno)
            refused = error.errno == errno.ECONNREFUSED
            reason = "connection refused" if refused else os.strerror(error.errno or 0)
            _log.warning(LogEvent("osc_send_failed", target=self._target, error=reason))


def datagram(address: str, value: Value) -> bytes:
    """Encode an OSC message with one value: text, a 32-bit float or a 32-bit integer."""
    builder = OscMessageBuilder(address)
    builder.add_arg(value)
    return builder.build().dgram


def preferred(addresses: list[Address]) -> Address:
    """Return the address to send to: IPv4 if there is one.

    UDP reports no failure after which to try the next address, and many OSC receivers know IPv4
    only, even if a name such as `localhost` resolves to IPv6 first.
    """
    return min(addresses, key=lambda address: address[0] is not socket.AF_INET)


def _connected(address: Address) -> socket.socket:
    """Open a connected socket, since only those report errors."""
    family, where = address
    link = socket.socket(family, socket.SOCK_DGRAM)
    try:
        link.setblocking(False)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        link.connect(where)
    except OSError:
        link.close()
        raise
    return link
