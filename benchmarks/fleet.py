"""Measure `dancetype fleet` on Ray nodes of this machine. Takes about five minutes."""

import argparse
import asyncio
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from subprocess import DEVNULL
from typing import Any, Final

import psutil
from aiomqtt import Client
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.clips import camera_clip, sample_clip
from benchmarks.pages import DOCS, Results
from benchmarks.processes import cpu_seconds, python_process
from dancetype.engine.errors import ExpectedError
from dancetype.stream.fleet.cameras import parse_cameras
from dancetype.stream.fleet.cluster import Node, Resources
from dancetype.stream.fleet.report import Report
from dancetype.stream.fleet.supervisor import Start, Supervisor
from dancetype.stream.messages import SourceState
from dancetype.stream.ray_cluster import connect_ray
from dancetype.stream.settings import load_settings
from tests.testbed.mosquitto import HOST, mosquitto, payload_text, subscriber
from tests.testbed.ray_nodes import kill_node, ray_nodes
from tests.testbed.rtsp_server import find_free_port

PAGE: Final = DOCS / "guides" / "fleet.md"
PART: Final = "fleet"

NODES: Final = (1, 2, 4)
SATURATING_CAMERAS: Final = 4  # more than this machine can process
POSE_FPS: Final = (5, 15)
PLANNED_CAMERAS: Final = 1000
PLANNED_LOAD: Final = 0.7  # use of each core
_CALLS: Final = 1000
_START_TIMEOUT: Final = 120.0
_SETTLING_SECONDS: Final = 5.0
_METRIC_PREFIX: Final = "dancetype_fleet_camera_"
_MESSAGES: Final = "publish/messages/received"
_BYTES: Final = "bytes/received"


def per_second(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the rates between two samples of totals; `at` is the time of a sample."""
    seconds = after["at"] - before["at"]
    return {name: (after[name] - before[name]) / seconds for name in after if name != "at"}


@dataclass
class RunningFleet:
    """A running `dancetype fleet`, measured through its /metrics and its broker.

    Attributes:
        supervisor: Process of the command.
        page_port: Port of the status page.
        broker_port: Port of the MQTT broker.
        broker_totals: Messages and bytes received by the broker so far.
        ray_cpu: CPU seconds of Ray's processes so far, by process id.
    """

    supervisor: psutil.Popen
    page_port: int
    broker_port: int
    broker_totals: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys((_MESSAGES, _BYTES), 0.0)
    )
    ray_cpu: dict[int, float] = field(default_factory=dict)

    async def update_broker_totals(self, client: Client) -> None:
        """Update `broker_totals` from the broker's status messages until cancelled."""
        async for message in client.messages:
            name = str(message.topic).removeprefix("$SYS/broker/")
            if name in self.broker_totals:
                self.broker_totals[name] = float(payload_text(message))

    def metrics(self) -> Mapping[str, Mapping[str, float]]:
        """Return the metrics by name and camera; empty before the page is available."""
        metrics: dict[str, dict[str, float]] = defaultdict(dict)
        with suppress(OSError):
            url = f"http://{HOST}:{self.page_port}/metrics"
            with urllib.request.urlopen(url, timeout=5) as response:
                families = list(text_string_to_metric_families(response.read().decode()))
            for family in families:
                for sample in family.samples:
                    if camera := sample.labels.get("camera"):
                        metrics[sample.name.removeprefix(_METRIC_PREFIX)][camera] = sample.value
        return metrics

    async def wait_until_running(self, count: int) -> None:
        """Wait until `count` cameras have made a prediction, and a few seconds more."""
        async with asyncio.timeout(_START_TIMEOUT):
            while sum(map(bool, self.metrics()["predictions_total"].values())) < count:
                await asyncio.sleep(0.2)
        await asyncio.sleep(_SETTLING_SECONDS)

    def sample(self) -> dict[str, float]:
        """Return all totals so far."""
        metrics = self.metrics()
        # Keep the last values of processes that have ended, which are part of the total.
        self.ray_cpu |= {process.pid: cpu_seconds(process) for process in _processes(_is_ray)}
        return {
            "at": time.monotonic(),
            "posed": sum(metrics["frames_posed_total"].values()),
            "predictions": sum(metrics["predictions_total"].values()),
            "cameras_cpu": sum(metrics["cpu_seconds_total"].values()),
            "driver_cpu": cpu_seconds(self.supervisor),
            "ray_cpu": sum(self.ray_cpu.values()),
            **self.broker_totals,
        }

    async def rates(self, seconds: float) -> dict[str, float]:
        """Return the rates over the next `seconds`."""
        before = self.sample()
        await asyncio.sleep(seconds)
        return per_second(before, self.sample())

    async def seconds_until_all_publish(self, count: int) -> float:
        """Return the time until each of `count` cameras has published a prediction."""
        start = time.monotonic()
        topics = set()
        async with subscriber(self.broker_port, "dancetype/+/prediction") as client:
            async with asyncio.timeout(60):
                async for message in client.messages:
                    # During the first second, messages from before the start may still arrive.
                    if time.monotonic() > start + 1:
                        topics.add(str(message.topic))
                    if len(topics) == count:
                        break
        return time.monotonic() - start


def _processes(matches: Callable[[str], bool]) -> Iterator[psutil.Process]:
    """Yield the descendants of this process with a matching command line."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if matches(" ".join(process.cmdline())):
                yield process


def _is_ray(command: str) -> bool:
    return not any(other in command for other in ("CameraActor", "mosquitto", "dancetype fleet"))


@asynccontextmanager
async def run_fleet(address: str, cameras: str, folder: Path) -> AsyncIterator[RunningFleet]:
    """Run `dancetype fleet` on a Ray cluster; `cameras` is the content of its cameras file."""
    file = folder / "cameras.toml"
    file.write_text(cameras, encoding="utf-8")
    broker, page = find_free_port(), find_free_port()
    options = ["--cameras", file, "--address", address, "--port", page]
    options += ["--mqtt", f"mqtt://{HOST}:{broker}"]
    async with (
        mosquitto(broker, folder, "allow_anonymous true\nsys_interval 1"),
        subscriber(broker, "$SYS/broker/#") as client,
    ):
        supervisor = python_process("dancetype", "fleet", *options, stdout=DEVNULL)
        fleet = RunningFleet(supervisor, page, broker)
        updating = asyncio.create_task(fleet.update_broker_totals(client))
        try:
            yield fleet
        finally:
            supervisor.terminate()
            await asyncio.to_thread(supervisor.wait, 20)
            updating.cancel()
            await asyncio.wait({updating})


async def throughput(count: int, folder: Path, seconds: float) -> dict[str, Any]:
    """Return the rates with `count` nodes and more cameras than the machine can process.

    With several nodes, one is then killed; `back` is the time until all cameras publish again.
    """
    tables = "".join(f'[cameras.cam-{i}]\nsource = "test:"\n' for i in range(SATURATING_CAMERAS))
    defaults = "[defaults]\ncpus = 1\nevery_frame = true\n"
    # Each node has enough cores to take over the cameras of another node.
    with ray_nodes(count, cores=2 * SATURATING_CAMERAS / count) as (cluster, nodes):
        async with run_fleet(cluster.address, f"{defaults}{tables}", folder) as fleet:
            await fleet.wait_until_running(SATURATING_CAMERAS)
            rates = await fleet.rates(seconds)
            recovery = None
            if count > 1:
                killing = asyncio.to_thread(kill_node, nodes[0])
                recovery, _ = await asyncio.gather(
                    fleet.seconds_until_all_publish(SATURATING_CAMERAS), killing
                )
    return {"nodes": count, "rates": rates, "back": recovery}


async def costs(folder: Path, seconds: float) -> dict[str, Any]:
    """Return the resources that one camera uses per second on a machine that is not saturated."""
    clip = camera_clip(sample_clip(), folder)
    tables = "".join(
        f'[cameras.fps-{fps}]\nsource = "{clip}"\nloop = true\npose_fps = {fps}\n'
        for fps in POSE_FPS
    )
    count = len(POSE_FPS)
    with ray_nodes(1, cores=4) as (cluster, _):
        async with run_fleet(cluster.address, tables, folder) as fleet:
            await fleet.wait_until_running(count)
            before = fleet.metrics()["cpu_seconds_total"]
            rates = await fleet.rates(seconds)
            after = fleet.metrics()["cpu_seconds_total"]
            actors = _processes(lambda command: "CameraActor" in command)
            resident = mean(actor.memory_info().rss for actor in actors)
        driver = await _call_seconds(cluster.address) + _bookkeeping_seconds(PLANNED_CAMERAS)
    if rates["posed"] < 0.9 * sum(POSE_FPS):
        raise ExpectedError(
            f"{rates['posed']:.1f} poses per second instead of {sum(POSE_FPS)}: other programs use "
            "too much of this machine; stop them and try again"
        )
    return {
        "cores": {fps: (after[f"fps-{fps}"] - before[f"fps-{fps}"]) / seconds for fps in POSE_FPS},
        "resident": resident,
        "messages": rates[_MESSAGES] / count,
        "received": rates[_BYTES] / count,
        "driver": driver,
        "fps": rates["posed"] / count,
    }


async def _call_seconds(address: str) -> float:
    """Return the supervisor's CPU time for polling one camera, measured with a dummy actor."""
    with connect_ray(address) as ray:

        class Camera:
            def report(self) -> Report:
                return Report(state=SourceState.RUNNING)

        camera = ray.remote(num_cpus=0)(Camera).remote()

        async def poll() -> None:
            await camera.report.remote()

        await poll()
        before = time.process_time()
        await asyncio.gather(*(poll() for _ in range(_CALLS)))
        return (time.process_time() - before) / _CALLS


def _bookkeeping_seconds(count: int) -> float:
    """Return the supervisor's CPU time per camera and second, without the calls to cameras."""
    tables = "".join(f'[cameras.cam-{i}]\nsource = "test:"\ncpus = 1\n' for i in range(count))
    supervisor = Supervisor(clock=time.monotonic, unix=time.time)
    supervisor.set_nodes([Node(str(i), str(i), Resources(32)) for i in range(count // 16)])
    supervisor.set_cameras(parse_cameras(tables, load_settings({})))
    assignments = [order.assignment for order in supervisor.orders() if isinstance(order, Start)]
    before, rounds = time.process_time(), 5
    for _ in range(rounds):
        for number, assignment in enumerate(assignments):
            report = Report(state=SourceState.RUNNING, node=str(number // 16))
            supervisor.on_report(assignment, report)
        supervisor.orders()
    return (time.process_time() - before) / rounds / count


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds",
        type=float,
        default=20.0,
        help="duration of each measurement (default: %(default)g)",
    )


def measure(args: argparse.Namespace) -> Results:
    """Measure the resources of a camera, and the throughput with each number of nodes."""
    with tempfile.TemporaryDirectory() as name:
        cost = asyncio.run(costs(Path(name), args.seconds))
        saturated = [asyncio.run(throughput(count, Path(name), args.seconds)) for count in NODES]
    plan = {"cameras": SATURATING_CAMERAS, "planned": PLANNED_CAMERAS, "load": PLANNED_LOAD}
    return {**plan, "saturated": saturated, "cost": cost}
