"""Measure a fleet of cameras on Ray nodes of this machine. Takes about five minutes."""

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
SATURATING: Final = 4  # cameras
POSE_FPS: Final = (5, 15)
PLANNED: Final = 1000  # cameras
LOAD: Final = 0.7  # mean use of a core that is planned for
_CALLS: Final = 1000
_UP_WITHIN: Final = 120.0
_SETTLING: Final = 5.0
_OF_CAMERA: Final = "dancetype_fleet_camera_"
_MESSAGES: Final = "publish/messages/received"
_BYTES: Final = "bytes/received"


def per_second(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the rates between two samples, which hold totals so far and the time `at`."""
    seconds = after["at"] - before["at"]
    return {name: (after[name] - before[name]) / seconds for name in after if name != "at"}


@dataclass
class Rig:
    """A running `dancetype fleet`, observed by its /metrics and its broker."""

    supervisor: psutil.Popen
    page: int  # port
    broker: int  # port
    broker_totals: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys((_MESSAGES, _BYTES), 0.0)
    )
    ray_cpu: dict[int, float] = field(default_factory=dict)  # seconds by process

    async def listen(self, client: Client) -> None:
        """Keep the broker's totals up to date."""
        async for message in client.messages:
            name = str(message.topic).removeprefix("$SYS/broker/")
            if name in self.broker_totals:
                self.broker_totals[name] = float(payload_text(message))

    def cameras(self) -> Mapping[str, Mapping[str, float]]:
        """Return the metrics by name and camera, or none before the page is up."""
        found: dict[str, dict[str, float]] = defaultdict(dict)
        with suppress(OSError):
            url = f"http://{HOST}:{self.page}/metrics"
            with urllib.request.urlopen(url, timeout=5) as answer:
                families = list(text_string_to_metric_families(answer.read().decode()))
            for sample in (each for family in families for each in family.samples):
                if camera := sample.labels.get("camera"):
                    found[sample.name.removeprefix(_OF_CAMERA)][camera] = sample.value
        return found

    async def up(self, count: int) -> None:
        """Wait until all cameras have made a prediction, and a little longer."""
        async with asyncio.timeout(_UP_WITHIN):
            while sum(map(bool, self.cameras()["predictions_total"].values())) < count:
                await asyncio.sleep(0.2)
        await asyncio.sleep(_SETTLING)

    def sample(self) -> dict[str, float]:
        """Return all totals so far."""
        cameras = self.cameras()
        # The last value of a process that has ended since counts too.
        self.ray_cpu |= {each.pid: cpu_seconds(each) for each in _processes(_is_ray)}
        return {
            "at": time.monotonic(),
            "posed": sum(cameras["frames_posed_total"].values()),
            "predictions": sum(cameras["predictions_total"].values()),
            "cameras_cpu": sum(cameras["cpu_seconds_total"].values()),
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
        fresh = set()
        async with subscriber(self.broker, "dancetype/+/prediction") as client:
            async with asyncio.timeout(60):
                async for message in client.messages:
                    # Messages from before the start may still arrive.
                    if time.monotonic() > start + 1:
                        fresh.add(str(message.topic))
                    if len(fresh) == count:
                        break
        return time.monotonic() - start


def _processes(wanted: Callable[[str], bool]) -> Iterator[psutil.Process]:
    """Yield the descendants of this process whose command line is wanted."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if wanted(" ".join(process.cmdline())):
                yield process


def _is_ray(command: str) -> bool:
    return not any(word in command for word in ("CameraActor", "mosquitto", "dancetype fleet"))


@asynccontextmanager
async def run_fleet(address: str, cameras: str, folder: Path) -> AsyncIterator[Rig]:
    file = folder / "cameras.toml"
    file.write_text(cameras, encoding="utf-8")
    broker, page = find_free_port(), find_free_port()
    words = ["fleet", "--cameras", file, "--address", address, "--port", page]
    words += ["--mqtt", f"mqtt://{HOST}:{broker}"]
    async with (
        mosquitto(broker, folder, "allow_anonymous true\nsys_interval 1"),
        subscriber(broker, "$SYS/broker/#") as client,
    ):
        supervisor = python_process("dancetype", *words, stdout=DEVNULL)
        rig = Rig(supervisor, page, broker)
        listening = asyncio.create_task(rig.listen(client))
        try:
            yield rig
        finally:
            supervisor.terminate()
            await asyncio.to_thread(supervisor.wait, 20)
            listening.cancel()
            await asyncio.wait({listening})


async def throughput(count: int, folder: Path, seconds: float) -> dict[str, Any]:
    """Return the rates with `count` nodes and more frames than can be posed.

    If there are several nodes, one is killed: `back` is the time until all cameras publish again.
    """
    tables = "".join(f'[cameras.cam-{i}]\nsource = "test:"\n' for i in range(SATURATING))
    # Each node could take the cameras of another one besides.
    with ray_nodes(count, cores=2 * SATURATING / count) as (cluster, nodes):
        async with run_fleet(cluster.address, f"[defaults]\ncpus = 1\n{tables}", folder) as rig:
            await rig.up(SATURATING)
            rates = await rig.rates(seconds)
            back = None
            if count > 1:
                killing = asyncio.to_thread(kill_node, nodes[0])
                back, _ = await asyncio.gather(rig.seconds_until_all_publish(SATURATING), killing)
    return {"nodes": count, "rates": rates, "back": back}


async def costs(folder: Path, seconds: float) -> dict[str, Any]:
    """Return the needs of one camera when the machine is not saturated, per second."""
    clip = camera_clip(sample_clip(), folder)
    tables = "".join(
        f'[cameras.fps-{fps}]\nsource = "{clip}"\nloop = true\npose_fps = {fps}\n'
        for fps in POSE_FPS
    )
    count = len(POSE_FPS)
    with ray_nodes(1, cores=4) as (cluster, _):
        async with run_fleet(cluster.address, tables, folder) as rig:
            await rig.up(count)
            before = rig.cameras()["cpu_seconds_total"]
            rates = await rig.rates(seconds)
            after = rig.cameras()["cpu_seconds_total"]
            actors = _processes(lambda command: "CameraActor" in command)
            resident = mean(each.memory_info().rss for each in actors)
        driver = await _call_seconds(cluster.address) + _bookkeeping_seconds(PLANNED)
    if rates["posed"] < 0.9 * sum(POSE_FPS):
        raise ExpectedError(
            f"{rates['posed']:.1f} poses a second instead of {sum(POSE_FPS)}: this machine is too "
            "busy with something else to be measured"
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
    """Return the supervisor's CPU time for asking one camera, with an actor in its place."""
    with connect_ray(address) as ray:

        class Camera:
            def report(self) -> Report:
                return Report(state=SourceState.RUNNING)

        camera = ray.remote(num_cpus=0)(Camera).remote()

        async def ask() -> None:
            await camera.report.remote()

        await ask()
        before = time.process_time()
        await asyncio.gather(*(ask() for _ in range(_CALLS)))
        return (time.process_time() - before) / _CALLS


def _bookkeeping_seconds(count: int) -> float:
    """Return a supervisor's CPU time for one of `count` cameras per second, without calls."""
    tables = "".join(f'[cameras.cam-{i}]\nsource = "test:"\ncpus = 1\n' for i in range(count))
    supervisor = Supervisor(clock=time.monotonic, unix=time.time)
    supervisor.set_nodes([Node(str(i), str(i), Resources(32)) for i in range(count // 16)])
    supervisor.set_cameras(parse_cameras(tables, load_settings({})))
    assignments = [each.assignment for each in supervisor.orders() if isinstance(each, Start)]
    before, rounds = time.process_time(), 5
    for _ in range(rounds):
        for number, assignment in enumerate(assignments):
            report = Report(state=SourceState.RUNNING, node=str(number // 16))
            supervisor.on_report(assignment, report)
        supervisor.orders()
    return (time.process_time() - before) / rounds / count


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=20.0)


def measure(args: argparse.Namespace) -> Results:
    """Measure the needs of a camera, and the throughput of each number of nodes."""
    with tempfile.TemporaryDirectory() as name:
        cost = asyncio.run(costs(Path(name), args.seconds))
        saturated = [asyncio.run(throughput(n, Path(name), args.seconds)) for n in NODES]
    plan = {"cameras": SATURATING, "planned": PLANNED, "load": LOAD}
    return {**plan, "saturated": saturated, "cost": cost}
