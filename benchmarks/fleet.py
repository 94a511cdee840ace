"""Measures a fleet on Ray nodes of this machine, and writes its part of docs/scaling.md.

Usage: python -m benchmarks.fleet [--seconds 20] [--out docs/scaling.md]

Takes about five minutes. Needs Mosquitto.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, Final

import psutil

from benchmarks.marked import ROOT, conditions, write_part
from dancetype.cli.fleet import load_camera
from dancetype.engine.errors import ExpectedError
from dancetype.stream.assets import SAMPLE_CLIP, cache_folder, fetch
from dancetype.stream.fleet.cameras import CamerasFile, parse_cameras
from dancetype.stream.fleet.cluster import Node, RayCluster, Resources
from dancetype.stream.fleet.report import Report
from dancetype.stream.fleet.runner import Fleet
from dancetype.stream.fleet.supervisor import CameraState, Start, Supervisor
from dancetype.stream.messages import SourceState
from dancetype.stream.ray_cluster import attached
from dancetype.stream.settings import load_settings
from tests.system.mosquitto import HOST, mosquitto, subscriber, text
from tests.system.ray_nodes import kill_node, ray_head
from tests.system.rtsp_server import a_free_port, write_stream

PAGE: Final = ROOT / "docs" / "scaling.md"
NODES: Final = (1, 2, 4)
SATURATING: Final = 4
POSE_FPS: Final = (5, 15)
PLANNED: Final = 1000
BEATS: Final = 1000
# Of a core that is planned for, so much is to be used on average.
LOAD: Final = 0.7
_UP_WITHIN: Final = 120.0
_SETTLING: Final = 5.0
_COUNTS: Final = ("publish/messages/received", "publish/bytes/received", "bytes/received")


@dataclass(frozen=True)
class Sample:
    """What has been done so far; seconds, and counts since everything began."""

    at: float
    posed: float
    predictions: float
    cameras_cpu: float
    driver_cpu: float
    ray_cpu: float
    published: float
    payload: float
    received: float

    def rates(self, before: "Sample") -> "Sample":
        """By the second, from `before` until now."""
        seconds = self.at - before.at
        return Sample(
            **{
                name: (getattr(self, name) - getattr(before, name)) / seconds
                for name in self.__dataclass_fields__
            }
        )


@dataclass(frozen=True)
class Costs:
    """What one camera takes.

    Attributes:
        cores: by the frames a second that are posed; of a processor, on average.
        resident: bytes of memory.
        messages: at the broker, a second.
        received: bytes there a second, with all that MQTT adds.
        driver: cores of the supervisor's machine.
    """

    cores: Mapping[int, float]
    resident: float
    messages: float
    received: float
    driver: float


class Rig:
    """A fleet under measurement.

    Args:
        supervisor: of it.
        counts: the broker's, by topic, kept up to date.
    """

    def __init__(self, supervisor: Supervisor, counts: Mapping[str, float]) -> None:
        self._supervisor = supervisor
        self._counts = counts
        self._ray_cpu: dict[int, float] = {}

    @property
    def views(self) -> list[CameraState]:
        """How each camera stands."""
        return self._supervisor.cameras

    async def until(self, holds: Callable[[], bool], *, within: float = _UP_WITHIN) -> None:
        """Waits until something holds."""
        async with asyncio.timeout(within):
            while not holds():
                await asyncio.sleep(0.1)

    async def up(self) -> None:
        """Waits until all cameras have predicted, and for what comes up with them to be done."""
        await self.until(lambda: all(view.report.predictions for view in self.views))
        await asyncio.sleep(_SETTLING)

    def sample(self) -> Sample:
        """What has been done so far."""
        reports = [view.report for view in self.views]
        # What one had used that has ended in the meantime is not to be missed.
        self._ray_cpu |= {process.pid: _cpu(process) for process in _ray_processes()}
        published, payload, received = (self._counts.get(name, 0.0) for name in _COUNTS)
        return Sample(
            time.monotonic(),
            sum(report.posed for report in reports),
            sum(report.predictions for report in reports),
            sum(report.cpu_seconds for report in reports),
            time.process_time(),
            sum(self._ray_cpu.values()),
            published,
            payload,
            received,
        )

    async def rates(self, seconds: float) -> Sample:
        """What is done in a second, over the next `seconds`."""
        before = self.sample()
        await asyncio.sleep(seconds)
        return self.sample().rates(before)


def _ray_processes() -> Iterator[psutil.Process]:
    """Ray's own: all that this one has started but the cameras, the broker and forked helpers."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "CameraActor" not in " ".join(process.cmdline()) and process.name() != "mosquitto":
                yield process


def _cpu(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _resident() -> float:
    """Bytes that a camera's process holds, on average."""
    held = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "CameraActor" in " ".join(process.cmdline()):
                held.append(process.memory_info().rss)
    return mean(held)


@asynccontextmanager
async def rig(ray: Any, cameras: str, broker: int, folder: Path) -> AsyncIterator[Rig]:
    """A fleet that runs while this is entered, and a listener to what the broker counts."""
    file = folder / "cameras.toml"
    file.write_text(cameras, encoding="utf-8")
    base = load_settings({"mqtt": f"mqtt://{HOST}:{broker}"})
    supervisor = Supervisor(clock=time.monotonic, unix=time.time)
    cluster = RayCluster(ray, load_camera)
    cameras_file = CamerasFile(file, base)
    fleet = Fleet(supervisor, cluster=cluster, file=cameras_file, clock=time.monotonic)
    counts: dict[str, float] = {}

    async def listen() -> None:
        async with subscriber(broker, "$SYS/broker/#") as client:
            async for message in client.messages:
                name = str(message.topic).removeprefix("$SYS/broker/")
                if name in _COUNTS:
                    counts[name] = float(text(message))

    stop = asyncio.Event()
    tasks = [asyncio.create_task(listen()), asyncio.create_task(fleet.run(stop))]
    try:
        yield Rig(supervisor, counts)
    finally:
        stop.set()
        await asyncio.wait({tasks[1]}, timeout=20)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@contextmanager
def nodes(count: int, *, cores: float) -> Iterator[tuple[Any, list[Any]]]:
    """Ray, attached to a cluster of so many nodes with so many cores each, and those nodes."""
    with ray_head(cores=0) as cluster:
        made = [cluster.add_node(num_cpus=cores) for _ in range(count)]
        with attached(cluster.address) as ray:
            yield ray, made


async def throughput(count: int, folder: Path, seconds: float) -> tuple[Sample, float | None]:
    """Rates with `count` nodes and more frames than can be posed; seconds to be back after a kill.

    The second is None for one node.
    """
    tables = "".join(f'[cameras.cam-{i}]\nsource = "test:"\n' for i in range(SATURATING))
    port = a_free_port()
    # Each node could take the cameras of another one besides.
    cores = 2 * SATURATING / count
    async with mosquitto(port, folder, "allow_anonymous true\nsys_interval 1"):
        with nodes(count, cores=cores) as (ray, made):
            async with rig(ray, f"[defaults]\ncpus = 1\n{tables}", port, folder) as one:
                await one.up()
                rates = await one.rates(seconds)
                back = await _back(one, made[0], port) if count > 1 else None
    return rates, back


async def _back(one: Rig, node: Any, port: int) -> float:
    lost = {view.camera.name for view in one.views if view.node and view.node.id == node.node_id}
    epochs = {view.camera.name: view.last_epoch for view in one.views}
    killed = time.monotonic()
    await asyncio.to_thread(kill_node, node)
    async with subscriber(port, "dancetype/+/prediction") as client, asyncio.timeout(60):
        async for message in client.messages:
            name = str(message.topic).split("/")[1]
            view = next(view for view in one.views if view.camera.name == name)
            if view.last_epoch != epochs[name]:
                lost.discard(name)
            if not lost:
                break
    return time.monotonic() - killed


async def costs(folder: Path, seconds: float) -> tuple[Costs, Sample]:
    """What a camera takes that a machine has no trouble with, and the rates of all of them."""
    clip = folder / "clip.mp4"
    write_stream(
        fetch(SAMPLE_CLIP, cache_folder(), say=print), clip, width=1280, height=720, fps=30
    )
    tables = "".join(
        f'[cameras.fps-{fps}]\nsource = "{clip}"\nloop = true\npose_fps = {fps}\n'
        for fps in POSE_FPS
    )
    port = a_free_port()
    async with mosquitto(port, folder, "allow_anonymous true\nsys_interval 1"):
        with nodes(1, cores=4) as (ray, _):
            async with rig(ray, tables, port, folder) as one:
                await one.up()
                before = {view.camera.name: view.report.cpu_seconds for view in one.views}
                rates = await one.rates(seconds)
                used = {
                    fps: (view.report.cpu_seconds - before[view.camera.name]) / seconds
                    for fps, view in zip(POSE_FPS, one.views, strict=True)
                }
                resident = _resident()
                asking = await _beat_seconds(ray)
    if rates.posed < 0.9 * sum(POSE_FPS):
        raise ExpectedError(
            f"{rates.posed:.1f} poses a second instead of {sum(POSE_FPS)}: this machine is too "
            "busy with something else to be measured"
        )
    count = len(POSE_FPS)
    driver = asking + _bookkeeping_seconds(PLANNED)
    return (
        Costs(used, resident, rates.published / count, rates.received / count, driver),
        rates,
    )


async def _beat_seconds(ray: Any) -> float:
    """Processor seconds of the supervisor's process for one question and its answer."""
    camera = parse_cameras('[cameras.idle]\nsource = "test:"\ncpus = 1', load_settings({}))["idle"]
    orders = _placed({"idle": camera}, []).orders()
    start = next(order for order in orders if isinstance(order, Start))
    process = RayCluster(ray, load_camera).start(start.assignment)
    await process.poll()
    before = time.process_time()
    await asyncio.gather(*(process.poll() for _ in range(BEATS)))
    took = (time.process_time() - before) / BEATS
    process.kill()
    return took


def _placed(cameras: Any, machines: Sequence[Node]) -> Supervisor:
    supervisor = Supervisor(clock=time.monotonic, unix=time.time)
    supervisor.set_nodes(machines)
    supervisor.want(cameras)
    return supervisor


def _bookkeeping_seconds(count: int) -> float:
    """Processor seconds of a supervisor for one camera of many in one second, without asking."""
    tables = "".join(f'[cameras.cam-{i}]\nsource = "test:"\ncpus = 1\n' for i in range(count))
    cameras = parse_cameras(tables, load_settings({}))
    supervisor = _placed(cameras, [Node(str(i), str(i), Resources(32)) for i in range(count // 16)])
    assignments = [each.assignment for each in supervisor.orders() if isinstance(each, Start)]
    before, rounds = time.process_time(), 5
    for _ in range(rounds):
        for number, assignment in enumerate(assignments):
            report = Report(state=SourceState.RUNNING, node=str(number // 16))
            supervisor.on_report(assignment, report)
        supervisor.orders()
    return (time.process_time() - before) / rounds / count


def plan(cameras: int, cost: Costs) -> list[tuple[str, str]]:
    """What so many cameras take, by what it is."""
    rows = [
        (
            f"cores, at {fps} poses a second",
            f"{cameras * cores / LOAD:,.0f} ({cores:.2f} a camera, each core {LOAD:.0%} busy)",
        )
        for fps, cores in cost.cores.items()
    ]
    return [
        *rows,
        ("memory", f"{cameras * cost.resident / 1e9:,.0f} GB"),
        ("messages at the broker", f"{cameras * cost.messages:,.0f} a second"),
        (
            "data to the broker",
            f"{cameras * cost.received / 1e6:,.1f} MB/s, and as much again to each who takes all",
        ),
        ("supervisor", f"{cameras * cost.driver:.2f} of a core"),
    ]


def part(measured: Mapping[int, tuple[Sample, float | None]], cost: Costs, light: Sample) -> str:
    """What stands in the page."""
    lines = [
        f"Measured on {conditions()}, by `python -m benchmarks.fleet`.",
        "",
        f"{SATURATING} cameras with 30 frames a second each, more than this machine can pose:",
        "",
        "| Ray nodes | poses/s | predictions/s | cores of the cameras | of Ray itself | "
        "of the supervisor | back after a node was killed |",
        "|---|---|---|---|---|---|---|",
    ]
    for count, (rates, back) in measured.items():
        returned = "-" if back is None else f"{back:.1f} s"
        lines.append(
            f"| {count} | {rates.posed:.1f} | {rates.predictions:.1f} | {rates.cameras_cpu:.2f} | "
            f"{rates.ray_cpu:.2f} | {rates.driver_cpu:.3f} | {returned} |"
        )
    count = len(POSE_FPS)
    lines += [
        "",
        "All nodes share the cores of one machine. So this shows what it costs to divide them, and "
        "that nothing of the fleet stands in the way; it cannot show that four machines do four "
        "times the work of one. Cameras have nothing to do with each other, and only the broker "
        "and the supervisor are common to all, with these costs of a camera:",
        "",
        f"| of a camera (720p30 in H.264; messages at {light.posed / count:.0f} poses a "
        "second) | |",
        "|---|---|",
        *(f"| cores at {fps} poses a second | {used:.2f} |" for fps, used in cost.cores.items()),
        f"| memory of its process | {cost.resident / 1e6:.0f} MB |",
        f"| messages at the broker | {cost.messages:.1f} a second |",
        f"| bytes at the broker | {cost.received / 1e3:.1f} kB/s |",
        f"| the supervisor, for asking it each second | {cost.driver * 1e3:.2f} ms of a core |",
        "",
        f"So {PLANNED:,} cameras take:",
        "",
        "| what | how much |",
        "|---|---|",
        *(f"| {what} | {how_much} |" for what, how_much in plan(PLANNED, cost)),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            cost, light = asyncio.run(costs(folder, args.seconds))
            measured = {
                count: asyncio.run(throughput(count, folder, args.seconds)) for count in NODES
            }
        write_part(args.out, "fleet", part(measured, cost, light))
    except ExpectedError as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    main()
