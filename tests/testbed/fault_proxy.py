"""A TCP proxy that simulates network faults on command."""

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
_DRIP_INTERVAL: Final = 1.0
BURST_INTERVAL: Final = 0.8
# Closing a socket with a linger time of zero sends a reset.
_NO_LINGER: Final = struct.pack("ii", 1, 0)

_T = TypeVar("_T")


class Fault(StrEnum):
    """A fault between clients and the server."""

    NONE = "none"
    """No fault."""
    REFUSE = "refuse"
    """New connections are refused; existing ones are reset."""
    SILENT = "silent"
    """New connections are accepted but never answered; existing ones transfer nothing."""
    FREEZE = "freeze"
    """Nothing is transferred or closed, as with an unplugged cable; transfer resumes afterwards."""
    RESET = "reset"
    """New and existing connections are reset."""
    DRIP = "drip"
    """One byte per second passes in each direction of each connection."""
    BURSTS = "bursts"
    """Everything is held back for 0.8 s and then passed on, as on a busy wireless network."""


# Connections opened during these faults are reset when the fault ends.
_RESET_AFTERWARDS: Final = {Fault.SILENT, Fault.DRIP}


class _Connection:
    """A client connection, and its connection to the server once that is open."""

    def __init__(self, fault: Fault) -> None:
        self.initial_fault = fault
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
    """Proxy between clients and one server.

    Args:
        host: Host of the server.
        port: Port of the server.

    Attributes:
        accepted: Number of connections accepted since the start.
    """

    def __init__(self, host: str, port: int) -> None:
        self.accepted = 0
        self._server_address = host, port
        self._fault = Fault.NONE
        self._changed = asyncio.Event()
        self._connections: set[_Connection] = set()
        self._listener: asyncio.Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """Port on 127.0.0.1, which stays the same through all faults."""
        return self._port

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self._connections)

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stop_listening()

    async def set(self, fault: Fault) -> None:
        """Start a fault; `Fault.NONE` ends it."""
        self._fault = fault
        if fault is Fault.REFUSE:
            await self._stop_listening()
        elif self._listener is None:
            await self._listen()
        for connection in tuple(self._connections):
            if fault is Fault.RESET or (
                fault is Fault.NONE and connection.initial_fault in _RESET_AFTERWARDS
            ):
                connection.reset()
        self._changed.set()
        self._changed = asyncio.Event()

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, HOST, self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        """Close the listening socket and reset all connections."""
        if self._listener:
            self._listener.close()
            self._listener = None
        tasks = [connection.task for connection in self._connections if connection.task]
        for connection in tuple(self._connections):
            connection.reset()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        connection = _Connection(self._fault)
        connection.writers.append(writer)
        if self._fault is Fault.RESET:
            connection.reset()
            return
        self._connections.add(connection)
        connection.task = asyncio.create_task(self._forward(connection, reader))
        connection.task.add_done_callback(lambda _: self._connections.discard(connection))

    async def _forward(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        """Forward both directions of a connection until it ends."""
        try:
            while self._fault in (Fault.FREEZE, Fault.SILENT):
                await self._changed.wait()
            server_reader, server_writer = await asyncio.open_connection(*self._server_address)
            connection.writers.append(server_writer)
            await asyncio.gather(
                self._copy(reader, server_writer), self._copy(server_reader, connection.writers[0])
            )
            for writer in connection.writers:
                writer.close()
        except OSError:
            connection.reset()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self._fault is Fault.BURSTS:
                data += await _collect(reader)
            while data:
                allowed = await self._wait_for_allowance(len(data))
                writer.write(data[:allowed])
                await writer.drain()
                data = data[allowed:]
        await self._wait_for_allowance(0)
        writer.write_eof()

    async def _wait_for_allowance(self, size: int) -> int:
        """Wait until the fault allows a transfer; return how many of `size` bytes may pass."""
        while self._fault not in (Fault.NONE, Fault.BURSTS):
            changed = self._changed
            timeout = _DRIP_INTERVAL if self._fault is Fault.DRIP else None
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), timeout)
            if self._fault is Fault.DRIP:
                return min(size, 1)
        return size


async def _collect(reader: asyncio.StreamReader) -> bytes:
    """Return everything that arrives until the end of the interval."""
    parts = []
    with suppress(TimeoutError):
        async with asyncio.timeout(BURST_INTERVAL):
            while part := await reader.read(_CHUNK):
                parts.append(part)
    return b"".join(parts)


class FaultProxyThread:
    """A `FaultProxy` on its thread, for tests without an event loop.

    Args:
        host: Host of the server.
        port: Port of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        self._proxy = self._call(self._start_proxy())
        return self

    def __exit__(self, *exception: object) -> None:
        self._call(self._proxy.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def port(self) -> int:
        """Port on 127.0.0.1."""
        return self._proxy.port

    @property
    def accepted(self) -> int:
        """Number of connections accepted since the start."""
        return self._proxy.accepted

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return self._proxy.connections

    def set(self, fault: Fault) -> None:
        """Start a fault; `Fault.NONE` ends it."""
        self._call(self._proxy.set(fault))

    async def _start_proxy(self) -> FaultProxy:
        return await FaultProxy(*self._address).__aenter__()

    def _call(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)
