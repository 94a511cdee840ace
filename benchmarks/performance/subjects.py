"""The programs that are measured, each a process of its own with a reader of what it says."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Final, Self

import psutil
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from dancetype.engine.errors import ExpectedError

ROOT: Final = Path(__file__).parents[2]
_STARTING: Final = 60.0
_TICK: Final = 0.05


@dataclass(frozen=True, slots=True)
class Said:
    """One prediction, as it reached its reader.

    Attributes:
        source: its name; empty where there is only one.
        received: seconds since 1970.
        captured: of its newest frame, likewise.
        pose: seconds that pose estimation of that frame took.
        frames: through pose estimation so far.
        whole: whether there was a window to classify.
    """

    source: str
    received: float
    captured: float
    pose: float
    frames: int
    whole: bool


class Subject(ABC):
    """A program that runs while this is entered.

    Args:
        words: of its command line.
        cores: numbers of the cores it may use; all where empty.

    Attributes:
        said: every prediction it has sent so far.
        started: when its process was started, in seconds since 1970.
    """

    def __init__(self, words: Sequence[str | Path], *, cores: Sequence[int] = ()) -> None:
        self.said: list[Said] = []
        self.started = 0.0
        self._words = [str(word) for word in words]
        self._cores = list(cores)

    def __enter__(self) -> Self:
        self.started = time.time()
        self._popen = subprocess.Popen(
            [sys.executable, "-m", *self._words],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._process = psutil.Process(self._popen.pid)
        if self._cores:
            self._process.cpu_affinity(self._cores)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(psutil.NoSuchProcess):
            self._process.terminate()
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
        self._reader.join(10)

    @property
    def cpu(self) -> float:
        """Seconds of all cores that it has used, in user and in system mode."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    @property
    def memory(self) -> int:
        """Bytes that it holds."""
        return int(self._process.memory_info().rss)

    def wait_for(self, holds: Callable[[list[Said]], bool]) -> None:
        """Waits until something holds of what it has said.

        Raises:
            ExpectedError: it has ended before, or takes too long.
        """
        deadline = time.monotonic() + _STARTING
        while not holds(self.said):
            if self._popen.poll() is not None or time.monotonic() > deadline:
                raise ExpectedError(f"{' '.join(self._words)}: says nothing: {self._last_words()}")
            time.sleep(_TICK)

    @abstractmethod
    def _read(self) -> None:
        """Appends to `said` what comes, on a thread of its own."""

    def _last_words(self) -> str:
        self._popen.kill()
        return (self._popen.communicate()[0] or "").strip()[-500:]


class Product(Subject):
    """`dancetype run`, with a client of its WebSocket.

    Args:
        words: of the command, after `run`.
        cores: numbers of the cores it may use; all where empty.
        module: that runs it, and what comes before `run`.
    """

    def __init__(
        self,
        *words: str | Path,
        cores: Sequence[int] = (),
        module: Sequence[str | Path] = ("dancetype",),
    ) -> None:
        super().__init__([*module, "run", "--port", "0", *words], cores=cores)

    def _read(self) -> None:
        assert self._popen.stdout is not None
        found = None
        while not found and (line := self._popen.stdout.readline()):
            found = re.search(r"page: http://(\S+?)/", line)
        if not found:
            return
        # A full pipe would hold it up.
        Thread(target=self._popen.stdout.read, daemon=True).start()
        with suppress(WebSocketException, OSError), connect(f"ws://{found[1]}/ws") as client:
            for text in client:
                received = time.time()
                message: dict[str, Any] = json.loads(text)
                if message["type"] == "prediction":
                    self.said.append(
                        Said(
                            source=message["source"],
                            received=received,
                            captured=message["times"]["capture"],
                            pose=message["latency"]["pose"],
                            frames=message["frames"]["posed"],
                            whole=message["window"] > 0,
                        )
                    )


class PlainLoop(Subject):
    """`benchmarks.plain_loop`, with somebody at the other end of its socket.

    Args:
        source: file or address.
        pose_model: file.
        seconds: after which it ends.
    """

    def __init__(self, source: str | Path, pose_model: Path, *, seconds: float) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        port = self._server.getsockname()[1]
        words = ["benchmarks.plain_loop", source, pose_model, "--port", str(port)]
        super().__init__([*words, "--seconds", str(seconds)])

    def _read(self) -> None:
        self._server.settimeout(_STARTING)
        with self._server, self._server.accept()[0] as connection, connection.makefile() as lines:
            for line in lines:
                received = time.time()
                message = json.loads(line)
                self.said.append(
                    Said(
                        source="",
                        received=received,
                        captured=message["captured"],
                        pose=message["pose"],
                        frames=message["frames"],
                        whole="genre" in message,
                    )
                )
