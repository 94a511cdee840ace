import socket
import threading

import pytest

from dancetype.stream.sinks.addresses import resolve


async def test_an_address_needs_nobody_to_ask() -> None:
    assert await resolve("127.0.0.1", 9000, socket.SOCK_DGRAM) == [
        (socket.AF_INET, ("127.0.0.1", 9000))
    ]


@pytest.mark.parametrize("host", ["no.invalid", "a" * 300, "a..b"])
async def test_a_name_that_is_none_is_an_os_error(host: str) -> None:
    with pytest.raises(OSError, match=r".+"):
        await resolve(host, 9000, socket.SOCK_DGRAM)


async def test_a_name_server_that_does_not_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait() and [])
    try:
        with pytest.raises(TimeoutError):
            await resolve("host", 9000, socket.SOCK_DGRAM, timeout=0.01)
    finally:
        answered.set()
