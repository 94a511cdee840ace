"""Event loop of the commands, and the signals that stop a run, on all operating systems."""

import asyncio
import ctypes
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

# SIGHUP: the terminal was closed. SIGBREAK: Ctrl-Break on Windows, also sent by other processes.
_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
# Events of a Windows console: it was closed, the user logs off, the system shuts down.
_CONSOLE_CLOSES: Final = frozenset({2, 5, 6})


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine on a new event loop, as `asyncio.run` does.

    On Windows this is a selector loop, since aiomqtt needs `add_reader`, which the default loop
    lacks. It can wait for 512 sockets.
    """
    factory = asyncio.SelectorEventLoop if sys.platform == "win32" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


@contextmanager
def stop_on_signals(stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` on the running event loop when the user or the system ends the process.

    This includes Ctrl-C, SIGTERM and a closed terminal. To be used on the main thread.
    """
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        for number in _stop_signals():
            try:
                loop.add_signal_handler(number, stop)
                stack.callback(loop.remove_signal_handler, number)
            except NotImplementedError:  # on Windows
                previous = signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
                stack.callback(signal.signal, number, previous)
        if sys.platform == "win32":
            stack.enter_context(_woken_by_signals(loop))
            stack.enter_context(_stop_on_console_close(loop, stop))
        yield


def _stop_signals() -> list[signal.Signals]:
    found = [signal.Signals[name] for name in _SIGNALS if name in signal.Signals.__members__]
    # `nohup` ignores SIGHUP, so that the process survives its terminal.
    return [
        number
        for number in found
        if not (number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN)
    ]


@contextmanager
def _woken_by_signals(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let a signal end the loop's wait for sockets; handlers only run after that."""
    receiver, sender = socket.socketpair()
    with receiver, sender:
        receiver.setblocking(False)
        sender.setblocking(False)
        try:
            loop.add_reader(receiver, receiver.recv, 4096)
        except NotImplementedError:  # This loop has a wake-up socket for signals.
            yield
            return
        previous = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous)
            loop.remove_reader(receiver)


@contextmanager
def _stop_on_console_close(
    loop: asyncio.AbstractEventLoop, stop: Callable[[], object]
) -> Iterator[None]:
    """Call `stop` if the console window is closed; Windows then grants a few seconds."""

    def handle(event: int) -> bool:
        if event not in _CONSOLE_CLOSES:
            return False
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(stop)
        # Windows ends the process as soon as the handler returns, or after five seconds. Until
        # then the main thread completes the files and ends the process.
        threading.Event().wait()
        return True

    api: Any = ctypes
    callback = api.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)(handle)
    register = api.WinDLL("kernel32").SetConsoleCtrlHandler
    register(callback, 1)
    try:
        yield
    finally:
        register(callback, 0)
