"""Start the measured programs as subprocesses and read their predictions."""

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
_POLL_INTERVAL: Final = 0.05
_WARM_UP: Final = 3.0  # seconds from the first window until caches are warm and the window is full


@dataclass(frozen=True, slots=True)
class Received:
    """A received prediction.

    Attributes:
        source: Name of the source.
        received: Unix time at which it was received.
        captured: Unix time at which its newest frame was captured.
        pose: Seconds that the pose estimation of that frame took.
        frames: Number of frames processed by pose estimation so far.
        has_window: Whether there was a window to classify.
        dropped: Number of frames dropped so far.
    """

    source: str
    received: float
    captured: float
    pose: float
    frames: int
    has_window: bool
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Measurement:
    """Measurement of a program after its warm-up.

    Attributes:
        cpu: CPU time in seconds, on all cores.
        wall: Elapsed time in seconds.
        frames: Number of frames processed by pose estimation, from the counts in the predictions.
        predictions: Predictions received.
        memory: Resident memory at the end in bytes.
    """

    cpu: float
    wall: float
    frames: float
    predictions: tuple[Received, ...]
    memory: int

    def figures(self) -> dict[str, Any]:
        """Return the figures of the page.

        `received_ms` is the time from the capture of a frame to the receipt of its prediction.
        """
        received = [prediction.received - prediction.captured for prediction in self.predictions]
        pose = [prediction.pose for prediction in self.predictions]
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
    """A program that runs while this is entered.

    Attributes:
        arguments: Module and arguments.
        receive: Function that yields the predictions, called on a separate thread.
        cores: Numbers of the cores that it may use; all if empty.
        predictions: Predictions received so far.
        started: Unix time at which it was started.
    """

    arguments: Sequence[str | Path]
    receive: Callable[[psutil.Popen], Iterator[Received]]
    cores: Sequence[int] = ()
    predictions: list[Received] = field(default_factory=list)
    started: float = field(init=False)
    _process: psutil.Popen = field(init=False)
    _reader: Thread = field(init=False)

    def __enter__(self) -> Self:
        self.started = time.time()
        self._process = python_process(
            *self.arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
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

    def wait_for(self, condition: Callable[[list[Received]], bool]) -> None:
        """Wait until the predictions meet a condition.

        Raises:
            ExpectedError: The program has ended or takes too long.
        """
        deadline = time.monotonic() + _START_TIMEOUT
        while not condition(self.predictions):
            if self._process.poll() is not None or time.monotonic() > deadline:
                with suppress(psutil.NoSuchProcess):
                    self._process.kill()
                command = shlex.join(map(str, self.arguments))
                output = (self._process.communicate()[0] or "").strip()[-500:]
                raise ExpectedError(f"{command}: no predictions: {output}")
            time.sleep(_POLL_INTERVAL)

    def measure(self, seconds: float, *, sources: int = 1) -> Measurement:
        """Wait for the warm-up and measure the program for some seconds.

        Raises:
            ExpectedError: The program sends no predictions.
        """
        self.wait_for(
            lambda predictions: (
                len({prediction.source for prediction in predictions if prediction.has_window})
                == sources
            )
        )
        time.sleep(_WARM_UP)
        first, cpu, start = len(self.predictions), cpu_seconds(self._process), time.monotonic()
        time.sleep(seconds)
        used, wall = cpu_seconds(self._process) - cpu, time.monotonic() - start
        predictions = tuple(self.predictions[first:])
        memory = self._process.memory_info().rss
        poses = count_rate(predictions, lambda prediction: prediction.frames) * wall
        return Measurement(used, wall, poses, predictions, memory)

    def _read(self) -> None:
        for prediction in self.receive(self._process):
            self.predictions.append(prediction)


def open_dancetype(
    *options: str | Path, cores: Sequence[int] = (), module: Sequence[str | Path] = ("dancetype",)
) -> Program:
    """Return `dancetype run OPTIONS` with a WebSocket client."""
    return Program([*module, "run", "--port", "0", *options], _receive_messages, cores=cores)


def _receive_messages(process: psutil.Popen) -> Iterator[Received]:
    address = None
    while not address and (line := process.stdout.readline()):
        address = re.search(r"page: http://(\S+?)/", line)
    if not address:
        return
    # A full pipe would block the process.
    Thread(target=process.stdout.read, daemon=True).start()
    with suppress(WebSocketException, OSError), connect(f"ws://{address[1]}/ws") as client:
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
                    has_window=message["window"] > 0,
                    dropped=message["frames"]["dropped"],
                )


def open_plain_loop(source: str | Path, pose_model: Path, *, seconds: float) -> Program:
    """Return `benchmarks.performance.plain_loop` with a reader of its socket."""
    server = socket.create_server(("127.0.0.1", 0))
    arguments = ["benchmarks.performance.plain_loop", source, pose_model]
    arguments += ["--port", str(server.getsockname()[1]), "--seconds", str(seconds)]

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
                    has_window="genre" in message,
                )

    return Program(arguments, receive)


def count_rate(predictions: Iterable[Received], count: Callable[[Received], int]) -> float:
    """Return the increase of a count per second, summed over the sources.

    It is measured from the first to the last prediction of each source.
    """
    first_and_last: dict[str, tuple[Received, Received]] = {}
    for prediction in predictions:
        first, _ = first_and_last.get(prediction.source, (prediction, prediction))
        first_and_last[prediction.source] = first, prediction
    return sum(
        (count(last) - count(first)) / (last.received - first.received)
        for first, last in first_and_last.values()
        if last is not first
    )


def merge(measurements: Sequence[Measurement]) -> Measurement:
    """Merge several measurements of one program."""
    return Measurement(
        cpu=sum(measurement.cpu for measurement in measurements),
        wall=sum(measurement.wall for measurement in measurements),
        frames=sum(measurement.frames for measurement in measurements),
        predictions=tuple(
            prediction for measurement in measurements for prediction in measurement.predictions
        ),
        memory=max(measurement.memory for measurement in measurements),
    )


def percentiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return p50, p95 and p99."""
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return float(p50), float(p95), float(p99)
