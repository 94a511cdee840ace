"""Name resolution that blocks neither the event loop nor the exit of the process."""

import asyncio
import socket
from concurrent.futures import Future
from threading import Thread
from typing import Any, Final

Address = tuple[socket.AddressFamily, Any]
"""Address family, and the address to pass to `connect` of a socket of that family."""

_TIMEOUT: Final = 5.0


async def resolve(
    host: str, port: int, kind: socket.SocketKind, *, timeout: float = _TIMEOUT
) -> list[Address]:
    """Look up `host` on a daemon thread.

    Args:
        host: Host name or address.
        port: Port of the returned addresses.
        kind: Type of the socket that will use the addresses.
        timeout: Maximum number of seconds to wait.

    Raises:
        OSError: The name is unknown, or no name server can be reached.
        TimeoutError: The name server does not answer.
    """
    result: Future[list[Address]] = Future()

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=kind)
            result.set_result([(family, address) for family, _, _, _, address in answers])
        except (OSError, UnicodeError) as error:
            result.set_exception(error if isinstance(error, OSError) else OSError(str(error)))

    # A running future cannot be cancelled by the time-out, so the thread can always set its result.
    result.set_running_or_notify_cancel()
    Thread(target=look_up, name=f"look up {host}", daemon=True).start()
    async with asyncio.timeout(timeout):
        return await asyncio.wrap_future(result)
