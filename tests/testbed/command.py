"""The real command as a process, watched from outside."""

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
# A slow machine with other tests beside takes its time to load MediaPipe.
STARTING: Final = 60.0
_TICK: Final = 0.02


class Command:
    """`dancetype run`, which writes its messages to a file that is read along.

    Entered, it has said where its page is (or, with `--no-serve`, that its first source connects);
    left, it is killed where it still runs.

    Args:
        words: of the command, after `run`.
        folder: for the messages, and for what the command says.
        environment: variables, besides those of this process.
        before: words that start it, such as those of a tracer.
        jsonl: where messages are to go instead; they cannot be read along then.

    Attributes:
        messages: all there were so far, in their order.
    """

    def __init__(
        self,
        *words: str | Path,
        folder: Path,
        environment: dict[str, str] | None = None,
        before: tuple[str, ...] = (),
        jsonl: Path | None = None,
    ) -> None:
        self.messages: list[Message] = []
        self._file = jsonl or folder / "messages.jsonl"
        self._read_along = jsonl is None
        self._said = folder / "said"
        served = () if "--no-serve" in words or "--port" in words else ("--port", "0")
        self._line = [
            *(*before, sys.executable, "-m", "dancetype", "run", *map(str, words), *served),
            *("--jsonl", str(self._file)),
        ]
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self._came = Condition()
        self._closed = False

    def __enter__(self) -> Self:
        with self._said.open("wb") as said:
            self._popen = subprocess.Popen(
                self._line, stdout=said, stderr=said, cwd=CHECKOUT, env=self._environment
            )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._until(lambda: "page: " in self.said or bool(self.messages), STARTING)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self.runs:
            for child in (*self._process.children(recursive=True), self._process):
                child.kill()
        self._popen.wait(10)
        self._closed = True
        self._reader.join(10)

    @property
    def said(self) -> str:
        """Everything on its stdout and stderr so far."""
        return self._said.read_text(errors="replace")

    @property
    def page(self) -> str:
        """Where it serves, as `host:port`."""
        found = re.search(r"page: https?://(\S+?)/", self.said)
        assert found, self.said
        return found[1]

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self._popen.poll() is None

    @property
    def code(self) -> int | None:
        """What it has ended with."""
        return self._popen.poll()

    @property
    def threads(self) -> int:
        """How many threads it has."""
        return int(self._process.num_threads())

    @property
    def descriptors(self) -> int:
        """How many files, sockets and the like it holds open."""
        return int(self._process.num_fds())

    @property
    def sockets(self) -> int:
        """How many of these are TCP sockets."""
        return len(self._process.net_connections("tcp"))

    @property
    def listening(self) -> set[str]:
        """Where it takes connections, as `host:port`."""
        found = self._process.net_connections("tcp")
        return {f"{each.laddr[0]}:{each.laddr[1]}" for each in found if each.status == "LISTEN"}

    @property
    def resident(self) -> int:
        """Bytes of memory that it holds."""
        return int(self._process.memory_info().rss)

    def get(self, path: str) -> str:
        """What it answers to an HTTP request."""
        with urllib.request.urlopen(f"http://{self.page}{path}", timeout=5) as answer:
            return str(answer.read().decode())

    def mark(self) -> int:
        """How many messages there were so far; what comes `after` it is new."""
        return len(self.messages)

    def take(self) -> list[Message]:
        """The messages so far, which are then forgotten: a long run would fill the memory."""
        taken = self.messages[:]
        del self.messages[: len(taken)]
        return taken

    def wait_for(
        self, wanted: Callable[[Message], bool], *, within: float, after: int = 0
    ) -> Message:
        """The first message that is `wanted`, of those from `after` on."""
        seen = after

        def there() -> bool:
            nonlocal seen
            while seen < len(self.messages) and not wanted(self.messages[seen]):
                seen += 1
            return seen < len(self.messages)

        self._until(there, within)
        return self.messages[seen]

    def wait_for_state(self, *states: SourceState, within: float, after: int = 0) -> SourceMessage:
        """The first message that says one of these states, of those from `after` on."""
        found = self.wait_for(
            lambda message: is_state(message) and message.state in states,
            within=within,
            after=after,
        )
        assert isinstance(found, SourceMessage)
        return found

    def wait_until(self, holds: Callable[[], bool], *, within: float) -> float:
        """Seconds until something holds that no message tells."""
        start = time.monotonic()
        self._until(holds, within)
        return time.monotonic() - start

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Seconds from the signal to the end of the process; its messages are all read then."""
        start = time.monotonic()
        self._process.send_signal(number)
        self._popen.wait(20)
        seconds = time.monotonic() - start
        self._closed = True
        self._reader.join(10)
        return seconds

    @property
    def _process(self) -> psutil.Process:
        """The command itself, be it under a tracer."""
        process = psutil.Process(self._popen.pid)
        children = process.children()
        return children[0] if self._line[0] != sys.executable and children else process

    def _until(self, holds: Callable[[], bool], within: float) -> None:
        deadline = time.monotonic() + within
        while not holds():
            last = self.messages[-4:]
            assert self.runs, f"it has ended with code {self.code}: {self.said}"
            assert time.monotonic() < deadline, f"not within {within:g} s; last: {last}"
            with self._came:
                self._came.wait(0.1)

    def _read(self) -> None:
        """Reads the file of messages along with the one who writes it."""
        while self._read_along and not self._file.exists() and not self._closed:
            time.sleep(_TICK)
        if not self._file.exists() or not self._read_along:
            return
        with self._file.open(encoding="utf-8") as file:
            rest = ""
            while True:
                # Asked before the reading: what is written until the end is read.
                closed = self._closed
                rest += file.read()
                *lines, rest = rest.split("\n")
                if lines:
                    self.messages += [parse_message(line) for line in lines]
                    with self._came:
                        self._came.notify_all()
                elif closed:
                    return
                else:
                    time.sleep(_TICK)


def is_prediction(message: Message) -> TypeGuard[PredictionMessage]:
    """Whether it is a prediction and not a state."""
    return isinstance(message, PredictionMessage)


def is_state(message: Message) -> TypeGuard[SourceMessage]:
    """Whether it says what a source is doing."""
    return isinstance(message, SourceMessage)


def captured_after(moment: float) -> Callable[[Message], bool]:
    """Tells predictions whose newest frame was captured after `moment` (seconds since 1970)."""
    return lambda message: is_prediction(message) and message.times.capture > moment
