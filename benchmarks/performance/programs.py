"""The measured programs, each a process of its own with a reader of its predictions."""

import json
import re
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, Final, Self

import numpy as np
import psutil
from numpy.typing import NDArray
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from benchmarks.processes import cpu_seconds, python_process
from dancetype.engine.errors import ExpectedError

_START_TIMEOUT: Final = 60.0
_TICK: Final = 0.05
_WARM_UP: Final = 3.0  # seconds after the first prediction: caches are warm, the window is full


@dataclass(frozen=True, slots=True)
class Received:
    """A prediction as it reached its reader; times in seconds since 1970."""

    source: str
    received: float
    captured: float  # its newest frame
    pose: float  # seconds that pose estimation of that frame took
    frames: int  # through pose estimation so far
    whole: bool  # whether there was a window to classify


@dataclass(frozen=True, slots=True)
class Span:
    """Some seconds of a program, after its warm-up."""

    cpu: float  # seconds of all cores
    wall: float
    frames: float  # through pose estimation, as the predictions count them
    predictions: tuple[Received, ...]
    memory: int  # bytes at the end

    def figures(self) -> dict[str, Any]:
        """Return the figures of the page; `received_ms` is the time from capture to the reader."""
        received = [each.received - each.captured for each in self.predictions]
        pose = [each.pose for each in self.predictions]
        return {
            "fps": self.frames / self.wall,
            "cpu_ms": self.cpu / max(self.frames, 1) * 1e3,
            "cores": self.cpu / self.wall,
            "pose_ms": percentiles(np.array(pose) * 1e3),
            "received_ms": percentiles(np.array(received) * 1e3),
            "memory": self.memory,
        }


@dataclass(slots=True)
class Program:
    """A program that runs while this is entered."""

    words: Sequence[str | Path]  # module and arguments
    receive: Callable[[psutil.Popen], Iterator[Received]]  # called on a thread of its own
    cores: Sequence[int] = ()  # numbers of the cores it may use; all if empty
    predictions: list[Received] = field(default_factory=list)  # all so far
    started: float = field(init=False)  # seconds since 1970
    _process: psutil.Popen = field(init=False)
    _reader: Thread = field(init=False)

    def __enter__(self) -> Self:
        self.started = time.time()
        self._process = python_process(
            *self.words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if self.cores:
            self._process.cpu_affinity(list(self.cores))
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(psutil.NoSuchProcess):
            self._process.terminate()
        try:
            self._process.wait(10)
        except psutil.TimeoutExpired:
            self._process.kill()
        self._reader.join(10)

    def wait_for(self, holds: Callable[[list[Received]], bool]) -> None:
        """Wait until a condition of its predictions holds.

        Raises:
            ExpectedError: The program has ended, or takes too long.
        """
        deadline = time.monotonic() + _START_TIMEOUT
        while not holds(self.predictions):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                output = (self._process.communicate()[0] or "").strip()[-500:]
                raise ExpectedError(f"{shlex.join(map(str, self.words))}: no predictions: {output}")
            time.sleep(_TICK)

    def measure(self, seconds: float, *, sources: int = 1) -> Span:
        """Measure the program, once it is warm.

        Raises:
            ExpectedError: It sends nothing.
        """
        self.wait_for(lambda all_: len({each.source for each in all_ if each.whole}) == sources)
        time.sleep(_WARM_UP)
        first, cpu, start = len(self.predictions), cpu_seconds(self._process), time.monotonic()
        time.sleep(seconds)
        used, wall = cpu_seconds(self._process) - cpu, time.monotonic() - start
        predictions = tuple(self.predictions[first:])
        memory = self._process.memory_info().rss
        return Span(used, wall, frames_a_second(predictions) * wall, predictions, memory)

    def _read(self) -> None:
        for each in self.receive(self._process):
            self.predictions.append(each)


def open_product(
    *words: str | Path, cores: Sequence[int] = (), module: Sequence[str | Path] = ("dancetype",)
) -> Program:
    """Return `dancetype run WORDS`, with a client of its WebSocket."""
    return Program([*module, "run", "--port", "0", *words], _receive_messages, cores=cores)


def _receive_messages(process: psutil.Popen) -> Iterator[Received]:
    found = None
    while not found and (line := process.stdout.readline()):
        found = re.search(r"dashboard: http://(\S+?)/", line)
    if not found:
        return
    # A full pipe would block it.
    Thread(target=process.stdout.read, daemon=True).start()
    with suppress(WebSocketException, OSError), connect(f"ws://{found[1]}/ws") as client:
        for text in client:
            received = time.time()
            message: dict[str, Any] = json.loads(text)
            if message["type"] == "prediction":
                yield Received(
                    source=message["source"],
                    received=received,
                    captured=message["times"]["capture"],
                    pose=message["latency"]["pose"],
                    frames=message["frames"]["posed"],
                    whole=message["window"] > 0,
                )


def open_plain_loop(source: str | Path, pose_model: Path, *, seconds: float) -> Program:
    """Return `benchmarks.performance.plain_loop`, with a reader of its socket."""
    server = socket.create_server(("127.0.0.1", 0))
    words = ["benchmarks.performance.plain_loop", source, pose_model]
    words += ["--port", str(server.getsockname()[1]), "--seconds", str(seconds)]

    def receive(process: psutil.Popen) -> Iterator[Received]:
        server.settimeout(_START_TIMEOUT)
        with server, server.accept()[0] as connection, connection.makefile() as lines:
            for line in lines:
                received = time.time()
                message = json.loads(line)
                yield Received(
                    source="",
                    received=received,
                    captured=message["captured"],
                    pose=message["pose"],
                    frames=message["frames"],
                    whole="genre" in message,
                )

    return Program(words, receive)


def frames_a_second(predictions: Iterable[Received]) -> float:
    """Return the rate of pose estimation, from the first to the last prediction of each source."""
    ends: dict[str, tuple[Received, Received]] = {}
    for each in predictions:
        ends[each.source] = (ends.get(each.source, (each, each))[0], each)
    return sum(
        (last.frames - first.frames) / (last.received - first.received)
        for first, last in ends.values()
        if last is not first
    )


def together(spans: Sequence[Span]) -> Span:
    """Return several spans of one program as one."""
    return Span(
        cpu=sum(span.cpu for span in spans),
        wall=sum(span.wall for span in spans),
        frames=sum(span.frames for span in spans),
        predictions=tuple(each for span in spans for each in span.predictions),
        memory=max(span.memory for span in spans),
    )


def percentiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return p50, p95 and p99."""
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return float(p50), float(p95), float(p99)
