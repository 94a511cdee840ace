import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from tests.testbed.fault_proxy import HOST, Fault, FaultProxy, FaultProxyThread

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echo_server_behind_proxy() -> AsyncIterator[FaultProxy]:
    """Run an echo server and yield the proxy in front of it."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, HOST, 0)
    async with FaultProxy(HOST, server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()


async def connect(proxy: FaultProxy) -> Stream:
    return await asyncio.open_connection(HOST, proxy.port)


async def is_echoed(stream: Stream, text: bytes) -> bool:
    stream[1].write(text)
    return await stream[0].readexactly(len(text)) == text


async def read_first_byte(proxy: FaultProxy) -> bytes:
    # The writer must stay referenced: it closes the connection when it is collected.
    reader, _writer = await connect(proxy)
    return await reader.read(1)


async def receives_nothing(stream: Stream) -> bool:
    """Return whether nothing arrives within 0.3 s."""
    try:
        await asyncio.wait_for(stream[0].read(1), 0.3)
    except TimeoutError:
        return True
    return False


async def test_forwards_everything_without_a_fault() -> None:
    async with asyncio.timeout(5), echo_server_behind_proxy() as proxy:
        stream = await connect(proxy)
        assert await is_echoed(stream, b"hello" * 100_000)
        assert (proxy.accepted, proxy.connections) == (1, 1)
        stream[1].write_eof()
        assert await stream[0].read() == b""


async def test_refuse_resets_open_connections_and_refuses_new_ones() -> None:
    async with asyncio.timeout(5), echo_server_behind_proxy() as proxy:
        old = await connect(proxy)
        assert await is_echoed(old, b"hello")
        await proxy.set(Fault.REFUSE)
        with pytest.raises(ConnectionResetError):
            await old[0].read(1)
        with pytest.raises(ConnectionRefusedError):
            await connect(proxy)
        await proxy.set(Fault.NONE)
        assert await is_echoed(await connect(proxy), b"hello")


async def test_freeze_delays_bytes_and_closes_nothing() -> None:
    async with asyncio.timeout(5), echo_server_behind_proxy() as proxy:
        old = await connect(proxy)
        assert await is_echoed(old, b"hello")
        await proxy.set(Fault.FREEZE)
        new = await connect(proxy)
        for stream in (old, new):
            stream[1].write(b"?")
            assert await receives_nothing(stream)
        await proxy.set(Fault.NONE)
        for stream in (old, new):
            assert await stream[0].readexactly(1) == b"?"


async def test_silent_freezes_open_connections_and_later_resets_new_ones() -> None:
    async with asyncio.timeout(5), echo_server_behind_proxy() as proxy:
        old = await connect(proxy)
        assert await is_echoed(old, b"hello")
        await proxy.set(Fault.SILENT)
        new = await connect(proxy)
        for stream in (old, new):
            stream[1].write(b"?")
            assert await receives_nothing(stream)
        await proxy.set(Fault.NONE)
        assert await old[0].readexactly(1) == b"?"
        with pytest.raises(ConnectionResetError):
            await new[0].read(1)


async def test_reset_resets_open_and_new_connections() -> None:
    async with asyncio.timeout(5), echo_server_behind_proxy() as proxy:
        old = await connect(proxy)
        assert await is_echoed(old, b"hello")
        await proxy.set(Fault.RESET)
        with pytest.raises(ConnectionResetError):
            await old[0].read(1)
        with pytest.raises(ConnectionResetError):
            await read_first_byte(proxy)
        await proxy.set(Fault.NONE)
        assert await is_echoed(await connect(proxy), b"hello")


async def test_drip_forwards_one_byte_per_second() -> None:
    async with asyncio.timeout(9), echo_server_behind_proxy() as proxy:
        old = await connect(proxy)
        assert await is_echoed(old, b"hello")
        await proxy.set(Fault.DRIP)
        new = await connect(proxy)
        start = monotonic()
        old[1].write(b"abcd")
        assert await old[0].readexactly(2) == b"ab"
        assert 2.5 < monotonic() - start < 4
        await proxy.set(Fault.NONE)
        assert await old[0].readexactly(2) == b"cd"
        with pytest.raises(ConnectionResetError):
            await new[0].read(1)


async def test_clients_are_reset_if_the_server_is_down() -> None:
    server = await asyncio.start_server(lambda *_: None, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    async with asyncio.timeout(5), FaultProxy(HOST, port) as proxy:
        with pytest.raises(ConnectionResetError):
            await read_first_byte(proxy)
        while proxy.connections:
            await asyncio.sleep(0)


def test_proxy_on_a_thread_injects_faults() -> None:
    with FaultProxyThread(HOST, 1) as proxy:
        proxy.set(Fault.REFUSE)
        with pytest.raises(ConnectionRefusedError):
            asyncio.run(asyncio.open_connection(HOST, proxy.port))
        assert (proxy.accepted, proxy.connections) == (0, 0)
