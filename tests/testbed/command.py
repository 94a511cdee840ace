"""The real `dancetype run` as a subprocess, whose messages and resources tests can read."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from threading import Condition, Thread
from typing import Final, Self, TypeGuard

import psutil

from dancetype.stream.messages import PredictionMessage, SourceMessage, SourceState, parse_message

Message = PredictionMessage | SourceMessage

CHECKOUT: Final = Path(__file__).parents[2]
# Loading MediaPipe takes long on a slow machine that runs other tests at the same time.
START_TIMEOUT: Final = 60.0
_POLL_INTERVAL: Final = 0.02


class Command:
    """`dancetype run`, with a JSON lines file from which its messages are read.

    Entering waits until the command has printed the address of its page (or, with `--no-serve`,
    until the first message). Leaving kills the process if it is still running.

    Args:
        arguments: Arguments after `run`.
        folder: Folder for the messages and the output of the command.
        environment: Variables to add to the environment of this process.
        prefix: Command line that starts the command, such as that of a tracer.
        jsonl: Another file for the messages, from which they are not read.

    Attributes:
        messages: All messages so far, oldest first.
    """

    def __init__(
        self,
        *arguments: str | Path,
        folder: Path,
        environment: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        jsonl: Path | None = None,
    ) -> None:
        self.messages: list[Message] = []
        self._message_file = jsonl or folder / "messages.jsonl"
        self._reads_messages = jsonl is None
        self._output_file = folder / "output.txt"
        port = () if "--no-serve" in arguments or "--port" in arguments else ("--port", "0")
        self._command_line = [
            *(*prefix, sys.executable, "-m", "dancetype", "run", *map(str, arguments), *port),
            *("--jsonl", str(self._message_file)),
        ]
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self._new_messages = Condition()
        self._closed = False

    def __enter__(self) -> Self:
        with self._output_file.open("wb") as output:
            self._popen = subprocess.Popen(
                self._command_line,
                stdout=output,
                stderr=output,
                cwd=CHECKOUT,
                env=self._environment,
            )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._wait(lambda: "dashboard: " in self.output or bool(self.messages), START_TIMEOUT)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self.running:
            for child in (*self._process.children(recursive=True), self._process):
                child.kill()
        self._popen.wait(10)
        self._closed = True
        self._reader.join(10)

    @property
    def output(self) -> str:
        """Text on stdout and stderr so far."""
        return self._output_file.read_text(errors="replace")

    @property
    def address(self) -> str:
        """Address of the web server, as `host:port`."""
        found = re.search(r"dashboard: https?://(\S+?)/", self.output)
        assert found, self.output
        return found[1]

    @property
    def running(self) -> bool:
        """Whether the process is still running."""
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Exit code, or None while the process is running."""
        return self._popen.poll()

    @property
    def threads(self) -> int:
        """Number of threads."""
        return int(self._process.num_threads())

    @property
    def descriptors(self) -> int:
        """Number of open file descriptors."""
        return int(self._process.num_fds())

    @property
    def sockets(self) -> int:
        """Number of open TCP sockets."""
        return len(self._process.net_connections("tcp"))

    @property
    def listening_addresses(self) -> set[str]:
        """Addresses of the listening TCP sockets, as `host:port`."""
        return {
            f"{connection.laddr[0]}:{connection.laddr[1]}"
            for connection in self._process.net_connections("tcp")
            if connection.status == "LISTEN"
        }

    @property
    def memory_bytes(self) -> int:
        """Resident memory in bytes."""
        return int(self._process.memory_info().rss)

    def get(self, path: str) -> str:
        """Return the body of the response to an HTTP GET request."""
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=5) as response:
            return str(response.read().decode())

    def pop_messages(self) -> list[Message]:
        """Return and remove the messages so far, so that a long run does not fill the memory."""
        messages = self.messages[:]
        del self.messages[: len(messages)]
        return messages

    def wait_for(
        self, matches: Callable[[Message], bool], *, within: float, after: int = 0
    ) -> Message:
        """Wait for a matching message; return the first one from index `after` on."""
        index = after

        def found() -> bool:
            nonlocal index
            while index < len(self.messages) and not matches(self.messages[index]):
                index += 1
            return index < len(self.messages)

        self._wait(found, within)
        return self.messages[index]

    def wait_for_state(self, *states: SourceState, within: float, after: int = 0) -> SourceMessage:
        """Wait for a source in one of the states; return the first message from `after` on."""
        message = self.wait_for(
            lambda message: is_state(message) and message.state in states,
            within=within,
            after=after,
        )
        assert isinstance(message, SourceMessage)
        return message

    def wait_until(self, condition: Callable[[], bool], *, within: float) -> float:
        """Wait until a condition holds that no message reports; return the seconds it took."""
        start = time.monotonic()
        self._wait(condition, within)
        return time.monotonic() - start

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send a signal and wait for the process to end; return the seconds it took.

        All messages have been read when this returns.
        """
        start = time.monotonic()
        self._process.send_signal(number)
        self._popen.wait(20)
        seconds = time.monotonic() - start
        self._closed = True
        self._reader.join(10)
        return seconds

    @property
    def _process(self) -> psutil.Process:
        """The process of the command; the child of the tracer if `prefix` starts one."""
        process = psutil.Process(self._popen.pid)
        children = process.children()
        return children[0] if self._command_line[0] != sys.executable and children else process

    def _wait(self, condition: Callable[[], bool], within: float) -> None:
        deadline = time.monotonic() + within
        while not condition():
            last = self.messages[-4:]
            assert self.running, f"the command ended with code {self.exit_code}: {self.output}"
            assert time.monotonic() < deadline, f"not within {within:g} s; last messages: {last}"
            with self._new_messages:
                self._new_messages.wait(0.1)

    def _read(self) -> None:
        """Read the messages while the command writes them."""
        while self._reads_messages and not self._message_file.exists() and not self._closed:
            time.sleep(_POLL_INTERVAL)
        if not self._message_file.exists() or not self._reads_messages:
            return
        with self._message_file.open(encoding="utf-8") as file:
            rest = ""
            while True:
                # Checked before reading, so that everything written before the end is read.
                closed = self._closed
                rest += file.read()
                *lines, rest = rest.split("\n")
                if lines:
                    self.messages += [parse_message(line) for line in lines]
                    with self._new_messages:
                        self._new_messages.notify_all()
                elif closed:
                    return
                else:
                    time.sleep(_POLL_INTERVAL)


def is_prediction(message: Message) -> TypeGuard[PredictionMessage]:
    """Return whether the message is a prediction."""
    return isinstance(message, PredictionMessage)


def is_state(message: Message) -> TypeGuard[SourceMessage]:
    """Return whether the message reports the state of a source."""
    return isinstance(message, SourceMessage)


def captured_after(moment: float) -> Callable[[Message], bool]:
    """Return a test for predictions whose newest frame was captured after `moment` (Unix time)."""
    return lambda message: is_prediction(message) and message.times.capture > moment
