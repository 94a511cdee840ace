"""Receiving end of `NOTIFY_SOCKET`, as systemd has it."""

import socket
import time
from typing import Final, Self

_TIMEOUT: Final = 5.0


class ServiceManager:
    """Socket that receives the reports of a service.

    Args:
        address: Path of the socket; an abstract address after `@`.

    Attributes:
        socket: Socket.
        environment: Variables of the service.
    """

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0"))
        self.environment = {"NOTIFY_SOCKET": address}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()

    def receive(self, within: float = _TIMEOUT) -> list[str]:
        """Wait for the next report; return its lines."""
        self.socket.settimeout(within)
        return self.socket.recv(4096).decode().split("\n")

    def receive_until(self, line: str, *, within: float) -> list[str]:
        """Wait for a report with this line; return the lines of all reports up to it."""
        deadline = time.monotonic() + within
        lines: list[str] = []
        while line not in lines:
            lines += self.receive(max(deadline - time.monotonic(), 0.001))
        return lines

    def received(self) -> list[list[str]]:
        """Return the lines of all reports that have arrived."""
        self.socket.setblocking(False)
        reports = []
        while True:
            try:
                reports.append(self.socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return reports
