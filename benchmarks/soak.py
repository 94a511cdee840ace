"""Run the equivalent of two hours in 48 minutes while cameras, broker and clients fail constantly.

Each source gives ten predictions per second instead of four, and a fault occurs every few seconds.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.clips import pose_model, sample_clip
from benchmarks.pages import save
from benchmarks.soak_result import FACTOR, Result, Sample, find_problems
from dancetype.engine.errors import ExpectedError
from tests.testbed.command import Command, captured_after, is_prediction
from tests.testbed.fault_proxy import HOST, Fault, FaultProxyThread
from tests.testbed.mosquitto import MosquittoProcess
from tests.testbed.rtsp_server import RtspServer, find_free_port, looping_url, write_stream
from tests.testbed.websocket_clients import ClientPool

EQUIVALENT_MINUTES: Final = 120.0
HOP: Final = 0.1
FPS: Final = 10

CAMERAS: Final = ("left", "right")
CALM: Final = "calm"  # a source that never fails
FAULTS: Final = [fault for fault in Fault if fault is not Fault.NONE]
FAULTS_PER_ROUND: Final = 4

MIN_SECONDS: Final = 180.0
CUT_SECONDS: Final = 180.0  # duration of the soak in the test suite
SETTLING: Final = 20.0  # timeout for closing dead connections and reconnecting to the broker
STEADY: Final = 6.0  # seconds for which a recovered camera must work


class Soak:
    """A long run of the command under random faults."""

    def __init__(self, folder: Path, *, seconds: float, seed: int) -> None:
        self._folder = folder
        self._seconds = seconds
        self._random = random.Random(seed)
        self._result = Result(seconds / 60)
        self._last_calm: float | None = None
        self._last_seq: dict[str, int] = {}

    def run(self) -> Result:
        """Start the servers and the command, cause faults and return the result."""
        videos = self._folder / "videos"
        videos.mkdir()
        pose_model()
        write_stream(sample_clip(), videos / "left.mp4", width=320, height=180, fps=FPS)
        shutil.copy(videos / "left.mp4", videos / "right.mp4")
        self._broker = MosquittoProcess(find_free_port(), self._folder)
        self._broker.start()
        with ExitStack() as stack:
            stack.callback(lambda: self._broker.kill())
            server = stack.enter_context(RtspServer(videos))
            ports = {**dict.fromkeys(CAMERAS, server.port), "broker": self._broker.port}
            self._proxies = {
                name: stack.enter_context(FaultProxyThread(HOST, port))
                for name, port in ports.items()
            }
            arguments = [
                *(
                    f"--source={name}={looping_url(f'{name}.mp4', self._proxies[name].port)}"
                    for name in CAMERAS
                ),
                *(f"--source={CALM}=test:?fps={FPS / 2:g}", "--hop", str(HOP)),
                *("--mqtt", f"mqtt://{HOST}:{self._proxies['broker'].port}"),
            ]
            self._command = stack.enter_context(Command(*arguments, folder=self._folder))
            self._clients = ClientPool(int(self._command.address.rpartition(":")[2]))
            stack.callback(self._clients.disconnect)
            self._cause_faults()
            self._command.stop()
        self._process_messages()
        self._evaluate()
        return self._result

    def _cause_faults(self) -> None:
        self._start = time.monotonic()
        stopped = Event()
        sampler = Thread(target=self._sample_until, args=(stopped,), daemon=True)
        sampler.start()
        try:
            self._checkpoint()
            while time.monotonic() - self._start < self._seconds:
                for _ in range(FAULTS_PER_ROUND):
                    self._cause_fault()
                self._checkpoint()
        finally:
            stopped.set()
            sampler.join()

    def _cause_fault(self) -> None:
        """Cause one fault while some clients connect and disconnect."""
        target = self._random.choice([*CAMERAS, *CAMERAS, "broker"])
        fault = self._random.choice(FAULTS)
        clients = self._random.randint(1, 4)
        seconds = self._random.uniform(0.5, 5.0)
        for _ in range(clients):
            self._clients.connect(stalled=self._random.random() < 0.3)
        if target == "broker" and self._random.random() < 0.5:
            self._result.faults["broker killed"] += 1
            self._broker.kill()
            time.sleep(seconds)
            self._broker.start()
        else:
            kind = "broker" if target == "broker" else "camera"
            self._result.faults[f"{kind} {fault.value}"] += 1
            self._proxies[target].set(fault)
            time.sleep(seconds)
            self._proxies[target].set(Fault.NONE)
        self._clients.disconnect(self._random.randint(0, clients))
        time.sleep(self._random.uniform(0.5, 2.0))

    def _checkpoint(self) -> None:
        """Wait until everything works again, and sample the resources of the process."""
        self._clients.disconnect()
        for name in CAMERAS:
            self._wait_for_prediction(name)
        self._process_messages()
        time.sleep(STEADY)
        deadline = time.monotonic() + SETTLING
        checkpoints = self._result.checkpoints
        max_threads = max((checkpoint.threads for checkpoint in checkpoints), default=sys.maxsize)
        while time.monotonic() < deadline:
            sample = self._sample()
            same_counts = not checkpoints or sample.counts == checkpoints[0].counts
            if same_counts and sample.threads <= max_threads:
                break
            time.sleep(0.5)
        if sample.time > self._result.warm_from:
            checkpoints.append(sample)

    def _wait_for_prediction(self, name: str) -> None:
        is_new = captured_after(time.time())
        self._command.wait_for(
            lambda message: message.source == name and is_new(message), within=SETTLING
        )

    def _process_messages(self) -> None:
        """Count the new messages and check them for gaps."""
        for message in self._command.pop_messages():
            expected = self._last_seq.get(message.source, -1) + 1
            if message.seq != expected:
                self._result.problems.append(f"{message.source}: message {expected} is missing")
            self._last_seq[message.source] = message.seq
            self._result.predictions += is_prediction(message)
            if message.source == CALM and is_prediction(message):
                gap = message.times.sent - (self._last_calm or message.times.sent)
                self._result.longest_gap = max(self._result.longest_gap, gap)
                self._last_calm = message.times.sent

    def _sample_until(self, stopped: Event) -> None:
        while not stopped.wait(1.0):
            self._result.samples.append(self._sample())

    def _sample(self) -> Sample:
        command, seconds = self._command, time.monotonic() - self._start
        return Sample(
            seconds, command.memory_bytes, command.threads, command.descriptors, command.sockets
        )

    def _evaluate(self) -> None:
        problems = self._result.problems
        problems += find_problems(self._result)
        tracebacks = [line for line in self._command.output.splitlines() if "Traceback" in line]
        problems += [f"an exception was logged: {line}" for line in tracebacks]
        if self._command.exit_code != 0:
            problems.append(f"the command ended with code {self._command.exit_code}")


def soak(folder: Path, *, seconds: float, seed: int = 1) -> Result:
    """Run a soak.

    Args:
        folder: Folder for its files.
        seconds: Duration.
        seed: Random seed of the faults.

    Raises:
        ExpectedError: The duration is too short to compare anything after the warm-up.
    """
    if seconds < MIN_SECONDS:
        raise ExpectedError(f"a soak of {seconds:g} s is too short: use at least {MIN_SECONDS:g} s")
    return Soak(folder, seconds=seconds, seed=seed).run()


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--minutes",
        type=float,
        default=EQUIVALENT_MINUTES / FACTOR,
        help="duration (default: %(default)g)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="random seed of the faults (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, help="JSON file for the result")


def run(args: argparse.Namespace) -> int:
    """Print the result; return 1 if there were problems."""
    with tempfile.TemporaryDirectory() as folder:
        result = soak(Path(folder), seconds=60 * args.minutes, seed=args.seed)
    table = Table("fault", "count")
    for fault, count in sorted(result.faults.items()):
        table.add_row(fault, str(count))
    console = Console()
    console.print(table)
    console.print(result.summary(), markup=False)
    for problem in result.problems:
        console.print(f"problem: {problem}", markup=False)
    if args.out:
        save(vars(result), args.out)
    return int(bool(result.problems))
