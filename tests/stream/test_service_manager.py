"""Reports to a service manager, received on a real socket."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from dancetype.stream import service_manager
from dancetype.stream.service_manager import ServiceNotifier
from tests.testbed.service_manager import ServiceManager

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd runs on Linux")

FEED: Final = ["WATCHDOG=1"]
WATCHDOG_USEC: Final = "20000"


def notifier(
    manager: ServiceManager,
    healthy: Callable[[], bool] = lambda: True,
    status: Callable[[], str] = lambda: "",
) -> ServiceNotifier:
    """Return the notifier of a service."""
    return ServiceNotifier(healthy=healthy, status=status, environment=manager.environment)


async def receive(manager: ServiceManager) -> list[str]:
    """Return the lines of the next report while the event loop runs."""
    return await asyncio.to_thread(manager.receive)


def fill(receiver: socket.socket) -> None:
    """Fill the queue of `receiver`, which takes more datagrams than one sender may have in it."""
    sent = True
    while sent:
        sent = False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(receiver.getsockname())
            sender.setblocking(False)
            with suppress(BlockingIOError):
                while sender.send(b" "):
                    sent = True


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServiceManager]:
    abstract = request.param == "abstract"
    address = f"@dancetype-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with ServiceManager(address) as manager:
        yield manager


async def test_start_and_end_are_reported(manager: ServiceManager) -> None:
    async with notifier(manager):
        assert await receive(manager) == ["READY=1"]
    assert await receive(manager) == ["STOPPING=1", "STATUS=stopping"]


async def test_watchdog_is_fed_only_while_frames_arrive(manager: ServiceManager) -> None:
    manager.environment |= {"WATCHDOG_USEC": WATCHDOG_USEC, "WATCHDOG_PID": str(os.getpid())}
    checks = 0
    frames_arrive = True

    def healthy() -> bool:
        nonlocal checks
        checks += 1
        return frames_arrive

    async def check_again() -> list[list[str]]:
        """Return what arrives until the state has been checked three more times."""
        manager.received()
        last = checks + 3
        async with asyncio.timeout(5):
            while checks < last:
                await asyncio.sleep(0)
        return manager.received()

    async with notifier(manager, healthy):
        assert FEED in await check_again()
        frames_arrive = False
        assert await check_again() == []
        frames_arrive = True
        assert FEED in await check_again()


async def test_changes_of_the_status_are_reported_once(manager: ServiceManager) -> None:
    manager.environment["WATCHDOG_USEC"] = WATCHDOG_USEC
    status = "stage: connecting"
    async with notifier(manager, healthy=lambda: False, status=lambda: status):
        assert await receive(manager) == ["READY=1"]
        assert await receive(manager) == ["STATUS=stage: connecting"]
        status = "Bühne: running"
        assert await receive(manager) == ["STATUS=Bühne: running"]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "forever"},
        {"WATCHDOG_USEC": WATCHDOG_USEC, "WATCHDOG_PID": "1"},
    ],
)
async def test_watchdog_of_no_or_another_process_is_not_fed(
    manager: ServiceManager, variables: dict[str, str]
) -> None:
    manager.environment |= variables
    async with notifier(manager, status=lambda: "stage: running"):
        assert await receive(manager) == ["READY=1"]
        assert await receive(manager) == ["STATUS=stage: running"]


@pytest.mark.parametrize("address", [None, "", "vsock:2:1234", "relative"])
async def test_nothing_happens_without_a_service_manager(
    address: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    environment = {} if address is None else {"NOTIFY_SOCKET": address}
    async with ServiceNotifier(healthy=lambda: True, status=lambda: "", environment=environment):
        pass
    assert caplog.records == []


async def test_missing_socket_is_logged_once_and_does_not_stop_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "missing")}
    async with ServiceNotifier(healthy=lambda: True, status=lambda: "", environment=environment):
        pass
    (message,) = caplog.messages
    assert message.startswith("service_notification_failed error='[Errno 2] No such file")


async def test_full_socket_delays_the_run_only_until_the_time_limit(
    manager: ServiceManager, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_manager, "_SEND_TIMEOUT", 0.01)
    fill(manager.socket)
    async with asyncio.timeout(5), notifier(manager):
        pass
    (message,) = caplog.messages
    assert "no room in the queue" in message
