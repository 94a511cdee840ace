"""Reports to the service manager that started the process, such as systemd: sd_notify(3)."""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Final, Self

from dancetype.engine.log_event import LogEvent

_log = logging.getLogger(__name__)

_MAX_INTERVAL: Final = 5.0
_SEND_TIMEOUT: Final = 1.0


class ServiceNotifier:
    """Reports of a run while it is entered; does nothing without a service manager.

    Entering reports `READY=1`, and leaving `STOPPING=1`. In between, every change of the status is
    reported within five seconds, and the watchdog is fed while the run is healthy.

    Args:
        healthy: Function that returns whether frames arrive.
        status: Function that returns the state of the run in one line.
        environment: Environment, with the variables `NOTIFY_SOCKET`, `WATCHDOG_USEC` and
            `WATCHDOG_PID` if there is a service manager.
    """

    def __init__(
        self,
        *,
        healthy: Callable[[], bool],
        status: Callable[[], str],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._healthy = healthy
        self._status = status
        self._address = _socket_address(environment)
        self._watchdog = _watchdog_seconds(environment)
        self._last_status = ""
        self._task: asyncio.Task[None] | None = None
        self._failure_logged = False

    async def __aenter__(self) -> Self:
        """Report that the run has started."""
        if self._address:
            await self._send("READY=1")
            self._task = asyncio.create_task(self._report())
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Report that the run is stopping."""
        if self._task:
            self._task.cancel()
            await self._send("STOPPING=1", "STATUS=stopping")

    async def _report(self) -> None:
        # systemd recommends half of its limit.
        interval = min(_MAX_INTERVAL, (self._watchdog or _MAX_INTERVAL) / 2)
        while True:
            lines = ["WATCHDOG=1"] if self._watchdog and self._healthy() else []
            if (status := self._status()) != self._last_status:
                self._last_status = status
                lines.append(f"STATUS={status}")
            if lines:
                await self._send(*lines)
            await asyncio.sleep(interval)

    async def _send(self, *lines: str) -> None:
        if sys.platform == "win32" or not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.connect(self._address)
                # A full queue must not delay the run.
                async with asyncio.timeout(_SEND_TIMEOUT):
                    data = "\n".join(lines).encode(errors="replace")
                    await asyncio.get_running_loop().sock_sendall(sender, data)
        except OSError as error:
            if not self._failure_logged:
                self._failure_logged = True
                reason = str(error) or "no room in the queue of NOTIFY_SOCKET"
                _log.warning(LogEvent("service_notification_failed", error=reason))


def _socket_address(environment: Mapping[str, str]) -> str | None:
    """Return the address of the service manager's socket; None if it has none on this machine."""
    address = environment.get("NOTIFY_SOCKET", "")
    # `@` stands for the zero byte of an abstract address.
    if address.startswith("@"):
        return f"\0{address[1:]}"
    return address if address.startswith("/") else None


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """Return the limit of the watchdog, in seconds; None if it does not watch this process."""
    # Child processes inherit the variables.
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    limit = environment.get("WATCHDOG_USEC", "")
    return int(limit) / 1e6 if limit.isdecimal() and int(limit) else None
