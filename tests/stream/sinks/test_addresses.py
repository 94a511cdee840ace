import socket
import threading

import pytest

from dancetype.stream.sinks.addresses import resolve


async def test_ip_address_needs_no_name_server() -> None:
    assert await resolve("127.0.0.1", 9000, socket.SOCK_DGRAM) == [
        (socket.AF_INET, ("127.0.0.1", 9000))
    ]


@pytest.mark.parametrize("host", ["no.invalid", "a" * 300, "a..b"])
async def test_invalid_host_name_raises_os_error(host: str) -> None:
    with pytest.raises(OSError, match=r".+"):
        await resolve(host, 9000, socket.SOCK_DGRAM)


async def test_silent_name_server_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait() and [])
    try:
        with pytest.raises(TimeoutError):
            await resolve("host", 9000, socket.SOCK_DGRAM, timeout=0.01)
    finally:
        answered.set()
