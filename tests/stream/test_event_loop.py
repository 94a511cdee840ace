import asyncio
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dancetype.stream import event_loop
from dancetype.stream.event_loop import stop_on_signals

STOPPING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
WITHIN = 5.0


class LoopWithoutSignalHandlers(asyncio.SelectorEventLoop):
    """Loop as on Windows: signals have no handlers and do not end the wait for sockets."""

    def add_signal_handler(self, *arguments: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


class LoopWithoutReaders(LoopWithoutSignalHandlers):
    """Loop as the default one of Windows, which has no `add_reader` either."""

    def add_reader(self, *arguments: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


async def stopped_by(number: signal.Signals) -> None:
    stop = asyncio.Event()
    with stop_on_signals(stop.set):
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), number)
        await asyncio.wait_for(stop.wait(), WITHIN)


def run_on(loop_type: Callable[[], asyncio.AbstractEventLoop], main: Any) -> None:
    with asyncio.Runner(loop_factory=loop_type) as runner:
        runner.run(main)


@pytest.mark.parametrize("number", STOPPING)
@pytest.mark.parametrize(
    "loop_type", [asyncio.SelectorEventLoop, LoopWithoutSignalHandlers, LoopWithoutReaders]
)
def test_each_loop_is_stopped_by_signals(
    loop_type: type[asyncio.SelectorEventLoop], number: signal.Signals
) -> None:
    before = [signal.getsignal(number) for number in STOPPING]
    run_on(loop_type, stopped_by(number))
    assert [signal.getsignal(number) for number in STOPPING] == before


def test_nohup_is_respected() -> None:
    async def main() -> None:
        with stop_on_signals(lambda: None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        event_loop.run(main())
    finally:
        signal.signal(signal.SIGHUP, previous)


def test_selector_loop_is_used_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    async def loop_type() -> type[asyncio.AbstractEventLoop]:
        return type(asyncio.get_running_loop())

    class WindowsSelectorLoop(asyncio.SelectorEventLoop):
        pass

    monkeypatch.setattr(asyncio, "SelectorEventLoop", WindowsSelectorLoop)
    assert event_loop.run(loop_type()) is not WindowsSelectorLoop
    monkeypatch.setattr(sys, "platform", "win32")
    assert event_loop.run(loop_type()) is WindowsSelectorLoop


def test_signal_ends_the_wait_for_sockets_of_a_windows_loop() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with event_loop._woken_by_signals(loop):
            wakeup = signal.set_wakeup_fd(-1)
            signal.set_wakeup_fd(wakeup)
            assert wakeup >= 0
            # As the C-level handler does, while the loop waits without a time limit.
            threading.Timer(0.05, os.write, (wakeup, b"\2")).start()
            rounds = loop.time()
            await asyncio.sleep(0.1)
            assert loop.time() - rounds >= 0.05
        assert signal.set_wakeup_fd(-1) == -1

    run_on(LoopWithoutSignalHandlers, main())


def test_loop_that_wakes_up_itself_keeps_its_wakeup_socket() -> None:
    async def main() -> None:
        with event_loop._woken_by_signals(asyncio.get_running_loop()):
            assert signal.set_wakeup_fd(-1) == -1

    run_on(LoopWithoutReaders, main())


class FakeKernel:
    """The function of Windows that registers handlers of console events."""

    def __init__(self) -> None:
        self.handlers: list[Any] = []

    def SetConsoleCtrlHandler(self, handler: Any, add: int) -> int:  # noqa: N802
        self.handlers.append(handler) if add else self.handlers.remove(handler)
        return 1


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    fake = FakeKernel()
    monkeypatch.setattr(ctypes, "WinDLL", lambda name: fake, raising=False)
    monkeypatch.setattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE, raising=False)
    return fake


@contextmanager
def pressed(kernel: FakeKernel, event: int) -> Iterator[threading.Thread]:
    """Call the handler on a thread, as Windows does."""
    thread = threading.Thread(target=kernel.handlers[0], args=(event,), daemon=True)
    thread.start()
    yield thread


def test_closed_console_stops_the_run_and_delays_the_end_of_the_process(
    kernel: FakeKernel,
) -> None:
    async def main() -> None:
        stop = asyncio.Event()
        with event_loop._stop_on_console_close(asyncio.get_running_loop(), stop.set):
            with pressed(kernel, 2) as thread:
                await asyncio.wait_for(stop.wait(), WITHIN)
            # Windows would end the process as soon as the handler returned.
            assert thread.is_alive()
        assert not kernel.handlers

    asyncio.run(main())


def test_console_leaves_interrupts_to_the_signal_handlers(kernel: FakeKernel) -> None:
    async def main() -> None:
        stop = asyncio.Event()
        with event_loop._stop_on_console_close(asyncio.get_running_loop(), stop.set):
            assert kernel.handlers[0](0) == 0
            await asyncio.sleep(0)
        assert not stop.is_set()

    asyncio.run(main())
