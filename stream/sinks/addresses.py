"""Name resolution that does not block the event loop, nor the end of the process."""

import asyncio
import socket
from concurrent.futures import Future
from threading import Thread
from typing import Any, Final

Address = tuple[socket.AddressFamily, Any]
"""Address family, and what a socket of that family connects to."""

_TIMEOUT: Final = 5.0


async def resolve(
    host: str, port: int, kind: socket.SocketKind, *, timeout: float = _TIMEOUT
) -> list[Address]:
    """Look `host` up on a daemon thread, for sockets of a kind.

    Raises:
        OSError: The name is unknown, or no name server can be reached.
        TimeoutError: The name server does not answer.
    """
    found: Future[list[Address]] = Future()

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=kind)
            found.set_result([(family, address) for family, _, _, _, address in answers])
        except (OSError, UnicodeError) as error:
            found.set_exception(error if isinstance(error, OSError) else OSError(str(error)))

    # From now on a time-out no longer cancels the future, whose result the thread will set.
    found.set_running_or_notify_cancel()
    Thread(target=look_up, name=f"look up {host}", daemon=True).start()
    async with asyncio.timeout(timeout):
        return await asyncio.wrap_future(found)
