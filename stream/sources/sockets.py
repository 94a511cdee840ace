"""TCP connections with a deadline for everything that is read from them."""

import io
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


class ByteReader(Protocol):
    """Stream of bytes that FFmpeg reads."""

    def read(self, size: int) -> bytes:
        """Wait for the next bytes and return up to `size` of them; return none at the end.

        Raises:
            TimeoutError: The deadline has passed.
            OSError: The connection is lost.
        """
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Deadline:
    """Time by which an operation with many reads must end.

    A time-out for each read would not catch a camera that sends a packet byte by byte.

    Args:
        seconds: Time until the first deadline.
        timeout: Maximum duration of a single read.
        clock: Monotonic clock in seconds.
    """

    def __init__(
        self, seconds: float, timeout: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._timeout = timeout
        self.set(seconds)

    def set(self, seconds: float) -> None:
        """Set the deadline to `seconds` from now."""
        self._end = self._clock() + seconds

    def next_timeout(self) -> float:
        """Return the time-out of the next read in seconds, which is above 0.

        Raises:
            TimeoutError: The deadline has passed.
        """
        remaining = self._end - self._clock()
        if remaining <= 0:
            raise TimeoutError("no complete response in time")
        return min(remaining, self._timeout)


class Connection:
    """TCP connection, with the parts of the interface of a socket that `http.client` uses.

    Args:
        host: Host name or address.
        port: Port.
        deadline: Deadline of all reads.
        tls: TLS context; None for a connection without TLS.

    Raises:
        OSError: The connection cannot be established.
    """

    def __init__(
        self, host: str, port: int, deadline: Deadline, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self._deadline = deadline
        self._socket = socket.create_connection((host, port), deadline.next_timeout())
        if tls:
            try:
                self._socket = tls.wrap_socket(self._socket, server_hostname=host)
            except BaseException:
                self._socket.close()
                raise

    def sendall(self, data: "ReadableBuffer") -> None:
        """Send data."""
        self._socket.settimeout(self._deadline.next_timeout())
        self._socket.sendall(data)

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """Return a reader, which closes the connection when it is closed."""
        return io.BufferedReader(_RawReader(self._socket, self._deadline))

    def close(self) -> None:
        """Do nothing: responses outlive the `http.client` connection that they came from."""

    def shut_down(self) -> None:
        """Close the connection."""
        self._socket.close()


class _RawReader(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._socket = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._socket.settimeout(self._deadline.next_timeout())
        return self._socket.recv_into(buffer)

    def close(self) -> None:
        super().close()
        self._socket.close()
