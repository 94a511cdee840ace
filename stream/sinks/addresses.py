"""Names of machines to addresses, without holding up anybody."""

import asyncio
import socket
from threading import Thread
from typing import Any, Final

Address = tuple[socket.AddressFamily, Any]
"""Family, and what a socket of that family connects to."""

_TIMEOUT: Final = 5.0


async def resolve(
    host: str, port: int, kind: socket.SocketKind, *, timeout: float = _TIMEOUT
) -> list[Address]:
    """Looks `host` up, on a thread that the end of the program does not wait for.

    Args:
        host: name or address of a machine.
        port: on that machine.
        kind: of the sockets it is for.
        timeout: seconds after which a name server that does not answer is given up.

    Raises:
        OSError: there is no such machine, or nobody to ask.
        TimeoutError: nobody answers.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Address]] = loop.create_future()

    def settle(addresses: list[Address], error: Exception | None) -> None:
        if found.done():
            return
        if error is None:
            found.set_result(addresses)
        else:
            found.set_exception(error)

    def look_up() -> None:
        addresses: list[Address] = []
        trouble: Exception | None = None
        try:
            answers = socket.getaddrinfo(host, port, type=kind)
            addresses = [(family, address) for family, _, _, _, address in answers]
        except (OSError, UnicodeError) as error:
            trouble = error if isinstance(error, OSError) else OSError(str(error))
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, addresses, trouble)

    Thread(target=look_up, name=f"look up {host}", daemon=True).start()
    async with asyncio.timeout(timeout):
        return await found
