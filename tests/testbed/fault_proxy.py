"""A TCP proxy that breaks on command, the way networks do."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

HOST: Final = "127.0.0.1"
_CHUNK: Final = 65536
_DRIP: Final = 1.0
# Closing a socket that lingers for no time sends a reset.
_NO_LINGER: Final = struct.pack("ii", 1, 0)

_T = TypeVar("_T")


class Fault(StrEnum):
    """What is wrong with the way to the server."""

    NONE = "none"
    """Nothing."""
    REFUSE = "refuse"
    """Nobody listens; connections that there were are reset."""
    SILENT = "silent"
    """New connections are taken and never answered; those that there were stand still."""
    FREEZE = "freeze"
    """All bytes are held back and nothing is closed, as with a pulled cable; later they go on."""
    RESET = "reset"
    """All connections are reset, new ones at once."""
    DRIP = "drip"
    """One byte a second goes through, in each direction of each connection."""


# What connects during one of these cannot be carried on by a server that comes back.
_LOST: Final = {Fault.SILENT, Fault.DRIP}


class _Link:
    """One connection: the client's side, and the server's once it is there."""

    def __init__(self, born: Fault) -> None:
        self.born = born
        self.writers: list[asyncio.StreamWriter] = []
        self.task: asyncio.Task[None] | None = None

    def reset(self) -> None:
        if self.task:
            self.task.cancel()
        for writer in self.writers:
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER
                )
            writer.transport.abort()


class FaultProxy:
    """Stands between clients and one server.

    Args:
        host: of the server.
        port: of the server.

    Attributes:
        accepted: connections that were ever taken.
    """

    def __init__(self, host: str, port: int) -> None:
        self.accepted = 0
        self._server_address = host, port
        self._fault = Fault.NONE
        self._changed = asyncio.Event()
        self._links: set[_Link] = set()
        self._listener: asyncio.Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1; stays the same through all faults."""
        return self._port

    @property
    def connections(self) -> int:
        """How many connections there are now."""
        return len(self._links)

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._refuse()

    async def set(self, fault: Fault) -> None:
        """Breaks the way, or heals it with `Fault.NONE`."""
        self._fault = fault
        if fault is Fault.REFUSE:
            await self._refuse()
        elif self._listener is None:
            await self._listen()
        for link in tuple(self._links):
            if fault is Fault.RESET or (fault is Fault.NONE and link.born in _LOST):
                link.reset()
        self._changed.set()
        self._changed = asyncio.Event()

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._take, HOST, self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None
        tasks = [link.task for link in self._links if link.task]
        for link in tuple(self._links):
            link.reset()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = _Link(self._fault)
        link.writers.append(writer)
        if self._fault is Fault.RESET:
            link.reset()
            return
        self._links.add(link)
        link.task = asyncio.create_task(self._join(link, reader))
        link.task.add_done_callback(lambda _: self._links.discard(link))

    async def _join(self, link: _Link, reader: asyncio.StreamReader) -> None:
        """Carries both directions of a connection until it ends."""
        try:
            while self._fault in (Fault.FREEZE, Fault.SILENT):
                await self._changed.wait()
            answers, server = await asyncio.open_connection(*self._server_address)
            link.writers.append(server)
            await asyncio.gather(self._carry(reader, server), self._carry(answers, link.writers[0]))
            for writer in link.writers:
                writer.close()
        except OSError:
            link.reset()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            while data:
                share = await self._share(len(data))
                writer.write(data[:share])
                await writer.drain()
                data = data[share:]
        await self._share(0)
        writer.write_eof()

    async def _share(self, size: int) -> int:
        """How much of `size` bytes may go now; waits until some may."""
        while self._fault is not Fault.NONE:
            changed = self._changed
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), _DRIP if self._fault is Fault.DRIP else None)
            if self._fault is Fault.DRIP:
                return min(size, 1)
        return size


class FaultProxyThread:
    """A `FaultProxy` for tests that are not asynchronous, on a thread of its own.

    Args:
        host: of the server.
        port: of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        self._proxy = self._call(self._make())
        return self

    def __exit__(self, *exception: object) -> None:
        self._call(self._proxy.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self._proxy.port

    @property
    def accepted(self) -> int:
        """Connections that were ever taken."""
        return self._proxy.accepted

    @property
    def connections(self) -> int:
        """How many connections there are now."""
        return self._proxy.connections

    def set(self, fault: Fault) -> None:
        """Breaks the way, or heals it with `Fault.NONE`."""
        self._call(self._proxy.set(fault))

    async def _make(self) -> FaultProxy:
        return await FaultProxy(*self._address).__aenter__()

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
