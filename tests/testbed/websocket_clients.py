"""Many small WebSocket clients, in a separate process so that a test measures the server alone.

The process connects, prints `ready`, reads for the given number of seconds and prints one line of
JSON.
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
    """A client that reads all messages.

    Attributes:
        delays: Seconds from sending each prediction to receiving it.
    """

    connection: socket.socket
    delays: list[float] = field(default_factory=list)
    rest: bytes = b""

    def read(self) -> bool:
        """Read the available data; return False if the server has closed the connection."""
        data = self.connection.recv(1 << 16)
        now = monotonic()
        payloads, self.rest = split_frames(self.rest + data)
        for payload in payloads:
            if sent := _SENT.search(payload):
                self.delays.append(now - float(sent[1]))
        return bool(data)


def split_frames(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the payloads of the complete WebSocket frames in `data`, and the rest."""
    payloads = []
    while len(data) >= 2:
        size, start = data[1] & 127, 2
        if size == 126:
            size, start = struct.unpack_from("!H", data, 2)[0] if len(data) >= 4 else 1 << 16, 4
        if len(data) < start + size:
            break
        payloads.append(data[start : start + size])
        data = data[start + size :]
    return payloads, data


def open_client(port: int, *, receive_buffer: int | None = None) -> socket.socket:
    """Connect to the server on this machine and send the WebSocket handshake."""
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(("127.0.0.1", port))
    connection.sendall(_HANDSHAKE)
    return connection


def finish_handshake(connection: socket.socket) -> bytes:
    """Read the server's response to the handshake; return the data after it."""
    response = b""
    while b"\r\n\r\n" not in response:
        response += connection.recv(4096)
    head, _, rest = response.partition(b"\r\n\r\n")
    if b" 101 " not in head.partition(b"\r\n")[0]:
        raise SystemExit(head.decode())
    return rest


class ClientPool:
    """WebSocket clients that connect and disconnect.

    Args:
        port: Port of the server.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._connections: list[socket.socket] = []

    def connect(self, *, stalled: bool) -> None:
        """Connect one more client; a stalled one never reads."""
        connection = open_client(self._port, receive_buffer=2048 if stalled else None)
        self._connections.append(connection)
        if not stalled:
            Thread(target=self._read, args=(connection,), daemon=True).start()

    def disconnect(self, count: int | None = None) -> None:
        """Disconnect `count` clients, or all, without a closing handshake."""
        for connection in self._connections[:count]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        del self._connections[:count]

    @staticmethod
    def _read(connection: socket.socket) -> None:
        with suppress(OSError, SystemExit):
            finish_handshake(connection)
            while connection.recv(1 << 16):
                pass


def main(port: int, readers: int, stalled: int, seconds: float) -> None:
    """Connect clients that read and clients that never do; print the delays after `seconds`."""
    stalled_connections = [open_client(port, receive_buffer=2048) for _ in range(stalled)]
    reading = []
    for _ in range(readers):
        connection = open_client(port)
        reading.append(Reader(connection, rest=finish_handshake(connection)))
    print("ready", flush=True)

    by_descriptor = {reader.connection.fileno(): reader for reader in reading}
    poll = select.epoll()
    for descriptor in by_descriptor:
        poll.register(descriptor, select.EPOLLIN)
    lost, end = 0, monotonic() + seconds
    while (remaining := end - monotonic()) > 0:
        for descriptor, _ in poll.poll(remaining):
            if not by_descriptor[descriptor].read():
                poll.unregister(descriptor)
                lost += 1
    print(json.dumps({"lost": lost, "delays": [reader.delays for reader in reading]}))
    del stalled_connections  # referenced until here, so that they stay open


if __name__ == "__main__":
    port, readers, stalled = (int(text) for text in sys.argv[1:4])
    main(port, readers, stalled, float(sys.argv[4]))
