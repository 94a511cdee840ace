import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from tests.testbed.fault_proxy import HOST, Fault, FaultProxy, FaultProxyThread

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def an_echo() -> AsyncIterator[FaultProxy]:
    """A server that says everything back, behind a proxy."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, HOST, 0)
    async with FaultProxy(HOST, server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()


async def a_client(proxy: FaultProxy) -> Stream:
    return await asyncio.open_connection(HOST, proxy.port)


async def says_back(stream: Stream, text: bytes) -> bool:
    stream[1].write(text)
    return await stream[0].readexactly(len(text)) == text


async def the_first_byte(proxy: FaultProxy) -> bytes:
    # A writer that nobody holds closes its connection.
    reader, _writer = await a_client(proxy)
    return await reader.read(1)


async def is_still(stream: Stream) -> bool:
    """Nothing comes for a while; the one thing here that only time can tell."""
    try:
        await asyncio.wait_for(stream[0].read(1), 0.3)
    except TimeoutError:
        return True
    return False


async def test_without_a_fault_all_goes_through() -> None:
    async with asyncio.timeout(5), an_echo() as proxy:
        stream = await a_client(proxy)
        assert await says_back(stream, b"hello" * 100_000)
        assert (proxy.accepted, proxy.connections) == (1, 1)
        stream[1].write_eof()
        assert await stream[0].read() == b""


async def test_refusing_resets_what_there_is_and_lets_nobody_in() -> None:
    async with asyncio.timeout(5), an_echo() as proxy:
        old = await a_client(proxy)
        assert await says_back(old, b"hello")
        await proxy.set(Fault.REFUSE)
        with pytest.raises(ConnectionResetError):
            await old[0].read(1)
        with pytest.raises(ConnectionRefusedError):
            await a_client(proxy)
        await proxy.set(Fault.NONE)
        assert await says_back(await a_client(proxy), b"hello")


async def test_frozen_bytes_flow_on_later_and_nothing_is_closed() -> None:
    async with asyncio.timeout(5), an_echo() as proxy:
        old = await a_client(proxy)
        assert await says_back(old, b"hello")
        await proxy.set(Fault.FREEZE)
        new = await a_client(proxy)
        for stream in (old, new):
            stream[1].write(b"?")
            assert await is_still(stream)
        await proxy.set(Fault.NONE)
        for stream in (old, new):
            assert await stream[0].readexactly(1) == b"?"


async def test_silence_freezes_what_there_is_and_resets_who_came_during_it() -> None:
    async with asyncio.timeout(5), an_echo() as proxy:
        old = await a_client(proxy)
        assert await says_back(old, b"hello")
        await proxy.set(Fault.SILENT)
        new = await a_client(proxy)
        for stream in (old, new):
            stream[1].write(b"?")
            assert await is_still(stream)
        await proxy.set(Fault.NONE)
        assert await old[0].readexactly(1) == b"?"
        with pytest.raises(ConnectionResetError):
            await new[0].read(1)


async def test_resetting_resets_what_there_is_and_who_comes() -> None:
    async with asyncio.timeout(5), an_echo() as proxy:
        old = await a_client(proxy)
        assert await says_back(old, b"hello")
        await proxy.set(Fault.RESET)
        with pytest.raises(ConnectionResetError):
            await old[0].read(1)
        with pytest.raises(ConnectionResetError):
            await the_first_byte(proxy)
        await proxy.set(Fault.NONE)
        assert await says_back(await a_client(proxy), b"hello")


async def test_dripping_lets_one_byte_a_second_through() -> None:
    async with asyncio.timeout(9), an_echo() as proxy:
        old = await a_client(proxy)
        assert await says_back(old, b"hello")
        await proxy.set(Fault.DRIP)
        new = await a_client(proxy)
        start = monotonic()
        old[1].write(b"abcd")
        assert await old[0].readexactly(2) == b"ab"
        assert 2.5 < monotonic() - start < 4
        await proxy.set(Fault.NONE)
        assert await old[0].readexactly(2) == b"cd"
        with pytest.raises(ConnectionResetError):
            await new[0].read(1)


async def test_a_server_that_is_away_resets_its_clients() -> None:
    server = await asyncio.start_server(lambda *_: None, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    async with asyncio.timeout(5), FaultProxy(HOST, port) as proxy:
        with pytest.raises(ConnectionResetError):
            await the_first_byte(proxy)
        while proxy.connections:
            await asyncio.sleep(0)


def test_the_proxy_on_a_thread_does_the_same() -> None:
    with FaultProxyThread(HOST, 1) as proxy:
        proxy.set(Fault.REFUSE)
        with pytest.raises(ConnectionRefusedError):
            asyncio.run(asyncio.open_connection(HOST, proxy.port))
        assert (proxy.accepted, proxy.connections) == (0, 0)
