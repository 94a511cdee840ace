"""Messages as Open Sound Control, which lighting desks and video software listen to."""

import errno
import logging
import os
import socket
from collections.abc import Iterator
from typing import Final, Self
from urllib.parse import quote, urlsplit

from pythonosc.osc_message_builder import OscMessageBuilder

from dancetype.engine.errors import SinkError
from dancetype.engine.rolling import Status
from dancetype.stream.messages import (
    DancerAnswer,
    Message,
    PredictionMessage,
    SourceMessage,
    SourceState,
)
from dancetype.stream.sinks.addresses import Address, resolve

_log = logging.getLogger(__name__)

Value = str | float | int
Said = tuple[str, Value]
"""An OSC address, and the one value sent there."""

_STOPPED: Final = "stopped"
# What has a meaning in an address or in a pattern of addresses (Wright, "The Open Sound Control
# 1.0 Specification", 2002), and what is our own sign for it.
_TAKEN: Final = frozenset(" #*,/?[]{}%")


def parse_target(target: str) -> tuple[str, int]:
    """Reads `host:port`; an IPv6 address stands in brackets, as `[::1]:9000`.

    Raises:
        SinkError: it is not of this form.
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
    """`name` as one part of an OSC address: what may not be in one is percent-encoded."""
    return "".join(
        char if "!" <= char <= "~" and char not in _TAKEN else quote(char, safe="") for char in name
    )


class OscVoice:
    """Puts the messages of one source into OSC.

    Args:
        source: its name.
    """

    def __init__(self, source: str) -> None:
        self._base = f"/dancetype/{address_part(source)}"
        self._codes: tuple[str, ...] = ()
        self._most = 0
        self._on: str | None = None

    def speak(self, message: Message) -> list[Said]:
        """What to send of a message, in this order."""
        if isinstance(message, SourceMessage):
            return self._state(message.state, running=message.state is SourceState.RUNNING)
        self._codes = tuple(message.probabilities)
        self._most = max(self._most, len(message.dancers))
        on = message.genre or message.status.value
        return [
            *self._switch(on),
            *self._answer(self._base, message),
            (f"{self._base}/dancers", len(message.dancers)),
            *self._dancers(message.dancers),
        ]

    def stop(self) -> list[Said]:
        """What to send last."""
        return self._state(_STOPPED, running=False)

    def _state(self, state: str, *, running: bool) -> list[Said]:
        said: list[Said] = [(f"{self._base}/state", str(state))]
        if running:
            return said
        # Nothing comes that would replace the last answer, and it must not stand for ever.
        return [
            *said,
            *self._switch(None),
            *self._silence(self._base, ""),
            (f"{self._base}/dancers", 0),
            *self._dancers(()),
        ]

    def _switch(self, on: str | None) -> Iterator[Said]:
        if on == self._on:
            return
        for name, value in ((self._on, 0.0), (on, 1.0)):
            if name is not None:
                yield f"{self._base}/on/{address_part(name)}", value
        self._on = on

    def _dancers(self, dancers: tuple[DancerAnswer, ...]) -> Iterator[Said]:
        if self._most < 2:
            return  # The one dancer's answer is that of the source.
        for rank in range(1, self._most + 1):
            base = f"{self._base}/dancer/{rank}"
            if rank > len(dancers):
                yield f"{base}/id", 0
                yield from self._silence(base, Status.NO_PERSON.value)
            else:
                yield f"{base}/id", dancers[rank - 1].id
                yield from self._answer(base, dancers[rank - 1])

    def _answer(self, base: str, answer: PredictionMessage | DancerAnswer) -> Iterator[Said]:
        yield f"{base}/status", answer.status.value
        yield f"{base}/genre", answer.name or ""
        yield f"{base}/confidence", float(answer.confidence)
        for code, value in answer.probabilities.items():
            yield f"{base}/probability/{address_part(code)}", float(value)

    def _silence(self, base: str, status: str) -> Iterator[Said]:
        yield f"{base}/status", status
        yield f"{base}/genre", ""
        yield f"{base}/confidence", 0.0
        for code in self._codes:
            yield f"{base}/probability/{address_part(code)}", 0.0


class OscSink:
    """Sends OSC messages over UDP, one in each packet, whether or not anybody listens.

    Args:
        target: where to, as `parse_target` reads it.

    Raises:
        SinkError: `target` is not of that form.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._host, self._port = parse_target(target)
        self._voices: dict[str, OscVoice] = {}
        self._socket: socket.socket | None = None
        self._told: set[int | None] = set()

    async def __aenter__(self) -> Self:
        """Looks the host up.

        Raises:
            SinkError: there is none of that name.
        """
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
        """Says that each source has stopped."""
        for voice in self._voices.values():
            self._send_all(voice.stop())
        if self._socket:
            self._socket.close()

    async def send(self, message: Message, text: str) -> None:
        """Sends what there is to say of `message`."""
        del text
        voice = self._voices.get(message.source)
        if voice is None:
            voice = self._voices[message.source] = OscVoice(message.source)
        self._send_all(voice.speak(message))

    def _send_all(self, said: list[Said]) -> None:
        for address, value in said:
            packet = datagram(address, value)
            try:
                self._send(packet)
            except OSError as error:
                self._tell(error)

    def _send(self, packet: bytes) -> None:
        if self._socket is None:
            self._socket = _connected(self._address)
        try:
            self._socket.send(packet)
        except BlockingIOError:
            pass  # A packet lost on this machine is as good as one lost on the way.
        except ConnectionRefusedError as error:
            # It is an earlier packet that was refused; this one is not sent yet.
            self._tell(error)
            self._socket.send(packet)
        except OSError:
            # Its route may be gone; the next packet finds a new one.
            self._socket.close()
            self._socket = None
            raise

    def _tell(self, error: OSError) -> None:
        if error.errno not in self._told:
            self._told.add(error.errno)
            refused = error.errno == errno.ECONNREFUSED
            why = "nobody listens there" if refused else os.strerror(error.errno or 0)
            _log.warning("OSC to %s: %s; going on (said once)", self._target, why)


def datagram(address: str, value: Value) -> bytes:
    """An OSC message with one value: text, a 32-bit float or a 32-bit integer."""
    builder = OscMessageBuilder(address)
    builder.add_arg(value)
    return builder.build().dgram


def preferred(addresses: list[Address]) -> Address:
    """The address to send to.

    UDP tells of no failure after which to try the next, and what listens to OSC often knows IPv4
    only, also where a name such as `localhost` means IPv6 first.
    """
    return min(addresses, key=lambda address: address[0] is not socket.AF_INET)


def _connected(address: Address) -> socket.socket:
    """A socket that gives errors back, which one that is not connected does not."""
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
