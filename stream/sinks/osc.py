"""Sink that sends Open Sound Control (OSC) to lighting desks and video software."""

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
)
from dancetype.stream.sink import Sink
from dancetype.stream.sinks.addresses import Address, resolve

_log = logging.getLogger(__name__)

Value = str | float | int
Packet = tuple[str, Value]
"""OSC address and value of a message."""

_STOPPED: Final = "stopped"
# Characters with a meaning in addresses or address patterns (Wright, "The Open Sound Control 1.0
# Specification", 2002), and the percent sign that escapes them.
_RESERVED: Final = frozenset(" #*,/?[]{}%")


def parse_target(target: str) -> tuple[str, int]:
    """Parse `host:port`; an IPv6 address is in brackets, as in `[::1]:9000`.

    Raises:
        SinkError: `target` does not have this form.
    """
    try:
        parts = urlsplit(f"//{target}")
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
        valid = bool(host and port) and parts.netloc == target and "@" not in target
    except ValueError:
        valid = False
    if not valid or port is None:
        raise SinkError(
            f"invalid OSC target {target!r}: --osc takes host:port, "
            "such as 127.0.0.1:9000 or [::1]:9000"
        )
    return host, port


def address_part(name: str) -> str:
    """Return `name` as one part of an OSC address, with reserved characters percent-encoded."""
    return "".join(
        char if "!" <= char <= "~" and char not in _RESERVED else quote(char, safe="")
        for char in name
    )


class OscEncoder:
    """Encoder of the messages of one source as OSC."""

    def __init__(self, source: str) -> None:
        self._base = f"/dancetype/{address_part(source)}"
        self._zeros: dict[str, float] = {}  # every number of a result, by the end of its address
        self._max_dancers = 0
        self._switched_on: str | None = None

    def packets(self, message: Message) -> list[Packet]:
        """Return the packets to send for a message, in this order."""
        if isinstance(message, SourceMessage):
            return self._state(message.state, running=message.state.delivers)
        self._zeros |= dict.fromkeys(_numbers(message), 0.0)
        self._max_dancers = max(self._max_dancers, len(message.dancers))
        return [
            *self._switch(message.genre or message.status.value),
            *self._result(self._base, message),
            (f"{self._base}/dancers", len(message.dancers)),
            *self._dancers(message.dancers),
        ]

    def stop(self) -> list[Packet]:
        """Return the packets to send at the end of the run."""
        return self._state(_STOPPED, running=False)

    def _state(self, state: str, *, running: bool) -> list[Packet]:
        packet = (f"{self._base}/state", str(state))
        if running:
            return [packet]
        # The receiver would otherwise keep the last prediction, since no other one follows.
        return [
            packet,
            *self._switch(None),
            *self._empty_result(self._base, ""),
            (f"{self._base}/dancers", 0),
            *self._dancers(()),
        ]

    def _switch(self, name: str | None) -> Iterator[Packet]:
        """Yield packets that switch a genre or status on and the previous one off, on a change."""
        if name == self._switched_on:
            return
        for switch, value in ((self._switched_on, 0.0), (name, 1.0)):
            if switch is not None:
                yield f"{self._base}/on/{address_part(switch)}", value
        self._switched_on = name

    def _dancers(self, dancers: tuple[DancerResult, ...]) -> Iterator[Packet]:
        if self._max_dancers < 2:
            return  # The addresses of the source already have the result of a single dancer.
        for rank in range(1, self._max_dancers + 1):
            base = f"{self._base}/dancer/{rank}"
            if rank > len(dancers):
                yield f"{base}/id", 0
                yield from self._empty_result(base, Status.NO_PERSON.value)
            else:
                yield f"{base}/id", dancers[rank - 1].id
                yield from self._result(base, dancers[rank - 1])

    def _result(self, base: str, result: PredictionMessage | DancerResult) -> Iterator[Packet]:
        # Without a window, `dancing` is null, and receivers would keep its last value.
        numbers = self._zeros | _numbers(result)
        return _values(base, result.status.value, result.name or "", numbers)

    def _empty_result(self, base: str, status: str) -> Iterator[Packet]:
        return _values(base, status, "", self._zeros)


def _numbers(result: PredictionMessage | DancerResult) -> dict[str, float]:
    numbers = {"confidence": result.confidence}
    if result.dancing is not None:
        numbers["dancing"] = result.dancing
    for code, value in result.probabilities.items():
        numbers[f"probability/{address_part(code)}"] = value
    return numbers


def _values(base: str, status: str, genre: str, numbers: Mapping[str, float]) -> Iterator[Packet]:
    yield f"{base}/status", status
    yield f"{base}/genre", genre
    for name, value in numbers.items():
        yield f"{base}/{name}", float(value)


class OscSink(Sink):
    """Sink that sends OSC messages over UDP, one per packet.

    UDP does not report whether anything receives them.

    Raises:
        SinkError: `parse_target` rejects `target`.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._host, self._port = parse_target(target)
        self._encoders: dict[str, OscEncoder] = {}
        self._socket: socket.socket | None = None
        self._reported: set[int | None] = set()

    async def __aenter__(self) -> Self:
        """Resolve the host name.

        Raises:
            SinkError: The name cannot be resolved.
        """
        try:
            addresses = await resolve(self._host, self._port, socket.SOCK_DGRAM)
        except OSError as error:
            cause = "no answer" if isinstance(error, TimeoutError) else error.strerror
            raise SinkError(
                f"cannot look up {self._host} ({cause}): use an IP address in --osc"
            ) from error
        self._address = preferred_address(addresses)
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Send the state `stopped` of each source."""
        for encoder in self._encoders.values():
            self._send_all(encoder.stop())
        if self._socket:
            self._socket.close()

    async def send(self, message: Message, text: str) -> None:
        """Send the packets of `message`."""
        encoder = self._encoders.get(message.source)
        if encoder is None:
            encoder = self._encoders[message.source] = OscEncoder(message.source)
        self._send_all(encoder.packets(message))

    def _send_all(self, packets: list[Packet]) -> None:
        for address, value in packets:
            try:
                self._send(datagram(address, value))
            except OSError as error:
                self._report(error)

    def _send(self, packet: bytes) -> None:
        if self._socket is None:
            self._socket = _open_socket(self._address)
        try:
            self._socket.send(packet)
        except BlockingIOError:
            pass  # UDP packets may be lost on this machine, too.
        except ConnectionRefusedError as error:
            # The error is about an earlier packet; this one has not been sent.
            self._report(error)
            self._socket.send(packet)
        except OSError:
            # The route may be gone; the next packet opens a socket with a new route.
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
    """Return an OSC message with one value: a string, a 32-bit float or a 32-bit integer."""
    builder = OscMessageBuilder(address)
    builder.add_arg(value)
    return builder.build().dgram


def preferred_address(addresses: list[Address]) -> Address:
    """Return the first IPv4 address, or the first address if there is none.

    Many OSC receivers support IPv4 only, even if a name such as `localhost` resolves to IPv6 first.
    Trying one address after the other is impossible, since UDP does not report failures.
    """
    return min(addresses, key=lambda address: address[0] is not socket.AF_INET)


def _open_socket(address: Address) -> socket.socket:
    """Return a connected UDP socket; unconnected ones report no errors."""
    family, destination = address
    connection = socket.socket(family, socket.SOCK_DGRAM)
    try:
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        connection.connect(destination)
    except OSError:
        connection.close()
        raise
    return connection
