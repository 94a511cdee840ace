"""Run two hours of show in 48 minutes, with cameras, broker and clients that fail all the time.

Each source gives ten predictions a second in place of four, and something fails every few seconds.
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
from benchmarks.soak_result import FACTOR, Result, Sample, held_to_the_end
from dancetype.engine.errors import ExpectedError
from tests.testbed.command import Command, captured_after, is_prediction
from tests.testbed.fault_proxy import HOST, Fault, FaultProxyThread
from tests.testbed.mosquitto import MosquittoProcess
from tests.testbed.rtsp_server import RtspServer, find_free_port, looping_url, write_stream
from tests.testbed.websocket_clients import ClientPool

SHOW_MINUTES: Final = 120.0
HOP: Final = 0.1
FPS: Final = 10

CAMERAS: Final = ("left", "right")
CALM: Final = "calm"  # a source that never fails
FAULTS: Final = [fault for fault in Fault if fault is not Fault.NONE]
FAULTS_A_ROUND: Final = 4

LEAST_SECONDS: Final = 180.0
CUT_SECONDS: Final = 180.0  # length of the soak among the tests
SETTLING: Final = 20.0  # seconds within which dead connections are closed and the broker is back
STEADY: Final = 6.0  # seconds that a camera must work for to count as back


class Soak:
    """One long run of the command under faults, which `seed` chooses."""

    def __init__(self, folder: Path, *, seconds: float, seed: int) -> None:
        self._folder = folder
        self._seconds = seconds
        self._random = random.Random(seed)
        self._result = Result(seconds / 60)
        self._last_calm: float | None = None
        self._last_seq: dict[str, int] = {}

    def run(self) -> Result:
        """Start the servers and the command, and cause faults."""
        shows = self._folder / "shows"
        shows.mkdir()
        pose_model()
        write_stream(sample_clip(), shows / "left.mp4", width=320, height=180, fps=FPS)
        shutil.copy(shows / "left.mp4", shows / "right.mp4")
        self._broker = MosquittoProcess(find_free_port(), self._folder)
        self._broker.start()
        with ExitStack() as stack:
            stack.callback(lambda: self._broker.kill())
            camera = stack.enter_context(RtspServer(shows))
            ports = {**dict.fromkeys(CAMERAS, camera.port), "broker": self._broker.port}
            self._proxies = {
                name: stack.enter_context(FaultProxyThread(HOST, port))
                for name, port in ports.items()
            }
            words = [
                *(
                    f"--source={name}={looping_url(f'{name}.mp4', self._proxies[name].port)}"
                    for name in CAMERAS
                ),
                *(f"--source={CALM}=test:?fps={FPS / 2:g}", "--hop", str(HOP)),
                *("--mqtt", f"mqtt://{HOST}:{self._proxies['broker'].port}"),
            ]
            self._command = stack.enter_context(Command(*words, folder=self._folder))
            self._guests = ClientPool(int(self._command.address.rpartition(":")[2]))
            stack.callback(self._guests.disconnect)
            self._soak()
            self._command.stop()
        self._observe()
        self._judge()
        return self._result

    def _soak(self) -> None:
        self._start = time.monotonic()
        over = Event()
        sampling = Thread(target=self._sample_until, args=(over,), daemon=True)
        sampling.start()
        try:
            self._check()
            while time.monotonic() - self._start < self._seconds:
                for _ in range(FAULTS_A_ROUND):
                    self._cause_fault()
                self._check()
        finally:
            over.set()
            sampling.join()

    def _cause_fault(self) -> None:
        """Cause one fault, while a few clients come and go."""
        target = self._random.choice([*CAMERAS, *CAMERAS, "broker"])
        fault = self._random.choice(FAULTS)
        guests = self._random.randint(1, 4)
        seconds = self._random.uniform(0.5, 5.0)
        for _ in range(guests):
            self._guests.connect(stalled=self._random.random() < 0.3)
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
        self._guests.disconnect(self._random.randint(0, guests))
        time.sleep(self._random.uniform(0.5, 2.0))

    def _check(self) -> None:
        """Wait until nothing fails, and sample the resources of the process."""
        self._guests.disconnect()
        for name in CAMERAS:
            self._wait_for_prediction(name)
        self._observe()
        time.sleep(STEADY)
        deadline = time.monotonic() + SETTLING
        checkpoints = self._result.checkpoints
        most = max((each.threads for each in checkpoints), default=sys.maxsize)
        while time.monotonic() < deadline:
            sample = self._sample()
            same = not checkpoints or sample.counts == checkpoints[0].counts
            if same and sample.threads <= most:
                break
            time.sleep(0.5)
        if sample.time > self._result.warm_from:
            checkpoints.append(sample)

    def _wait_for_prediction(self, name: str) -> None:
        fresh = captured_after(time.time())
        self._command.wait_for(
            lambda message: message.source == name and fresh(message), within=SETTLING
        )

    def _observe(self) -> None:
        """Count new messages, and look for gaps."""
        for message in self._command.pop_messages():
            expected = self._last_seq.get(message.source, -1) + 1
            if message.seq != expected:
                self._result.problems.append(f"{message.source}: no message {expected}")
            self._last_seq[message.source] = message.seq
            self._result.predictions += is_prediction(message)
            if message.source == CALM and is_prediction(message):
                gap = message.times.sent - (self._last_calm or message.times.sent)
                self._result.longest_gap = max(self._result.longest_gap, gap)
                self._last_calm = message.times.sent

    def _sample_until(self, over: Event) -> None:
        while not over.wait(1.0):
            self._result.samples.append(self._sample())

    def _sample(self) -> Sample:
        command, seconds = self._command, time.monotonic() - self._start
        return Sample(
            seconds, command.memory_bytes, command.threads, command.descriptors, command.sockets
        )

    def _judge(self) -> None:
        problems = self._result.problems
        problems += held_to_the_end(self._result)
        crashes = [line for line in self._command.output.splitlines() if "Traceback" in line]
        problems += [f"something crashed: {line}" for line in crashes]
        if self._command.exit_code != 0:
            problems.append(f"it ended with code {self._command.exit_code}")


def soak(folder: Path, *, seconds: float, seed: int = 1) -> Result:
    """Run a soak, with its files in `folder`; too few seconds for a result are an error."""
    if seconds < LEAST_SECONDS:
        raise ExpectedError(f"a soak takes {LEAST_SECONDS:g} s or more, to be warm and to compare")
    return Soak(folder, seconds=seconds, seed=seed).run()


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=SHOW_MINUTES / FACTOR)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON file for the result")


def run(args: argparse.Namespace) -> int:
    """Print the result; return 1 if there were problems."""
    with tempfile.TemporaryDirectory() as folder:
        result = soak(Path(folder), seconds=60 * args.minutes, seed=args.seed)
    table = Table("what failed", "how often")
    for what, count in sorted(result.faults.items()):
        table.add_row(what, str(count))
    console = Console()
    console.print(table)
    console.print(result.summary(), markup=False)
    for problem in result.problems:
        console.print(f"does not hold: {problem}", markup=False)
    if args.out:
        save(vars(result), args.out)
    return int(bool(result.problems))
