"""Many lean WebSocket clients, as a process of their own so that a test measures the server.

The process connects, then writes `ready`, reads for the seconds given and writes one line of JSON.
"""

import json
import re
import select
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic
from typing import Final

_HANDSHAKE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_SENT: Final = re.compile(rb'"type":"prediction".*"sent":([0-9.]+)')


@dataclass
class Reader:
    """A client that keeps up.

    Attributes:
        delays: seconds from handing each prediction to the outlet until it was here.
    """

    connection: socket.socket
    delays: list[float] = field(default_factory=list)
    rest: bytes = b""

    def read(self) -> bool:
        """Takes what is there; False once the server has gone."""
        data = self.connection.recv(1 << 16)
        now = monotonic()
        frames, self.rest = split(self.rest + data)
        for payload in frames:
            if sent := _SENT.search(payload):
                self.delays.append(now - float(sent[1]))
        return bool(data)


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Payloads of the whole frames in `data`, and what is left of it."""
    frames = []
    while len(data) >= 2:
        size, start = data[1] & 127, 2
        if size == 126:
            size, start = struct.unpack_from("!H", data, 2)[0] if len(data) >= 4 else 1 << 16, 4
        if len(data) < start + size:
            break
        frames.append(data[start : start + size])
        data = data[start + size :]
    return frames, data


def join(port: int, *, receive_buffer: int | None = None) -> socket.socket:
    """Opens a connection to the server on this machine and asks for its messages."""
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(("127.0.0.1", port))
    connection.sendall(_HANDSHAKE)
    return connection


def finish_handshake(connection: socket.socket) -> bytes:
    """Reads the server's answer, and gives what came after it."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4096)
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b" 101 " not in head.partition(b"\r\n")[0]:
        raise SystemExit(head.decode())
    return rest


class Guests:
    """WebSocket clients that come and go.

    Args:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._here: list[socket.socket] = []

    def join(self, *, stuck: bool) -> None:
        """One more comes; a stuck one never reads."""
        guest = join(self._port, receive_buffer=2048 if stuck else None)
        self._here.append(guest)
        if not stuck:
            Thread(target=self._read, args=(guest,), daemon=True).start()

    def leave(self, number: int | None = None) -> None:
        """So many go, or all, without a goodbye."""
        for guest in self._here[:number]:
            with suppress(OSError):
                guest.shutdown(socket.SHUT_RDWR)
            guest.close()
        del self._here[:number]

    @staticmethod
    def _read(guest: socket.socket) -> None:
        with suppress(OSError, SystemExit):
            finish_handshake(guest)
            while guest.recv(1 << 16):
                pass


def main(port: int, readers: int, sleepers: int, seconds: float) -> None:
    """Joins with that many of each kind, and says how they fared."""
    asleep = [join(port, receive_buffer=2048) for _ in range(sleepers)]
    awake = []
    for _ in range(readers):
        connection = join(port)
        awake.append(Reader(connection, rest=finish_handshake(connection)))
    print("ready", flush=True)

    by_number = {reader.connection.fileno(): reader for reader in awake}
    poll = select.epoll()
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    lost, end = 0, monotonic() + seconds
    while (left := end - monotonic()) > 0:
        for number, _ in poll.poll(left):
            if not by_number[number].read():
                poll.unregister(number)
                lost += 1
    print(json.dumps({"lost": lost, "delays": [reader.delays for reader in awake]}))
    del asleep


if __name__ == "__main__":
    port, readers, sleepers = (int(text) for text in sys.argv[1:4])
    main(port, readers, sleepers, float(sys.argv[4]))
