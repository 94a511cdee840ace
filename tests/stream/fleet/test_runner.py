import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from dancetype.engine.errors import WorkerError
from dancetype.stream.fleet.camera_state import CameraState
from dancetype.stream.fleet.cameras import Assignment, CamerasFile
from dancetype.stream.fleet.cluster import Node, RayCluster, RayProcess, Resources
from dancetype.stream.fleet.report import Report
from dancetype.stream.fleet.runner import Fleet
from dancetype.stream.fleet.supervisor import Supervisor
from dancetype.stream.messages import SourceState
from dancetype.stream.settings import load_settings

TIMEOUT = 5.0


def camera_tables(*names: str) -> str:
    return "".join(f'[cameras.{name}]\nsource = "test:"\n' for name in names)


class FakeProcess(RayProcess):
    """A process that answers polls while `silent` is false."""

    def __init__(self, assignment: Assignment, node: str) -> None:
        self.assignment = assignment
        self.node = node
        self.killed = False
        self.silent = False
        self.last_report: asyncio.Future[Report] | None = None

    async def run(self) -> Report:
        self.last_report = asyncio.get_running_loop().create_future()
        return await self.last_report

    async def poll(self) -> Report:
        if self.silent:
            await asyncio.Event().wait()
        return Report(state=SourceState.RUNNING, node=self.node)

    async def stop(self, reason: str) -> None:
        assert self.last_report
        self.last_report.set_result(Report(reason=reason))

    def die(self) -> None:
        assert self.last_report
        self.last_report.set_exception(WorkerError("its process died"))

    def kill(self) -> None:
        self.killed = True


class FakeCluster(RayCluster):
    """A cluster of two machines, which starts every process on the first one."""

    def __init__(self) -> None:
        self.processes: list[FakeProcess] = []
        self.unreachable = False

    def nodes(self) -> list[Node]:
        if self.unreachable:
            raise ConnectionError("no answer")
        return [Node(name, name, Resources(cpus=4)) for name in ("one", "two")]

    def start(self, assignment: Assignment) -> FakeProcess:
        self.processes.append(FakeProcess(assignment, "one"))
        return self.processes[-1]

    def newest_process(self, name: str) -> FakeProcess:
        return [process for process in self.processes if process.assignment.name == name][-1]


class FleetSetup:
    """A fleet on a simulated clock that runs faster than real time.

    Attributes:
        now: Time of the clock.
        text: Content of the cameras file.
        cluster: Cluster of the fleet.
        stop: Event that stops the fleet.
        supervisor: Supervisor of the fleet.
        fleet: The fleet.
    """

    def __init__(self, text: str) -> None:
        self.now = 0.0
        self.text = text
        self.cluster = FakeCluster()
        self.stop = asyncio.Event()
        clock = lambda: self.now  # noqa: E731
        self.supervisor = Supervisor(clock=clock, unix=clock, draw=lambda: 1.0)
        file = CamerasFile(Path("c.toml"), load_settings({}), read=lambda path: self.text.encode())
        self.fleet = Fleet(
            self.supervisor, cluster=self.cluster, file=file, clock=clock, sleep=self._sleep
        )

    def live(self) -> dict[str, CameraState]:
        return {state.camera.name: state for state in self.supervisor.cameras if state.live}

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT):
            while not condition():
                await asyncio.sleep(0)

    async def _sleep(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            await asyncio.sleep(0.0005)
            self.now += 0.05


@asynccontextmanager
async def running_fleet(*names: str) -> AsyncIterator[FleetSetup]:
    """Run a fleet whose cameras all deliver frames, and stop it at the end."""
    setup = FleetSetup(camera_tables(*names))
    run = asyncio.create_task(setup.fleet.run(setup.stop))
    try:
        await setup.wait_until(lambda: len(setup.live()) == len(names))
        yield setup
        setup.stop.set()
        async with asyncio.timeout(TIMEOUT):
            await run
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


async def test_stopping_a_fleet_stops_every_camera() -> None:
    async with running_fleet("a", "b") as setup:
        pass
    last_reports = [process.last_report for process in setup.cluster.processes]
    assert [report and report.result() for report in last_reports] == [
        Report(reason="stopped by the fleet")
    ] * 2
    assert all(process.killed for process in setup.cluster.processes)
    assert setup.supervisor.idle


async def test_dead_process_is_replaced_without_affecting_others() -> None:
    async with running_fleet("a", "b") as setup:
        first = setup.cluster.newest_process("a")
        first.die()
        await setup.wait_until(
            lambda: setup.cluster.newest_process("a") is not first and len(setup.live()) == 2
        )
        assert setup.live()["a"].restarts == 1
        assert setup.live()["a"].error == f"its process died (on {first.node})"
        assert len(setup.cluster.processes) == 3


async def test_process_that_does_not_answer_is_killed_and_replaced() -> None:
    async with running_fleet("a") as setup:
        first = setup.cluster.newest_process("a")
        first.silent = True
        await setup.wait_until(
            lambda: first.killed and setup.cluster.newest_process("a") is not first
        )
        await setup.wait_until(lambda: "a" in setup.live())


async def test_fleet_applies_changes_of_its_file() -> None:
    async with running_fleet("a", "b") as setup:
        kept_process = setup.cluster.newest_process("b")
        setup.text = camera_tables("b", "c")
        await setup.wait_until(lambda: set(setup.live()) == {"b", "c"})
        assert setup.cluster.newest_process("b") is kept_process
        assert not kept_process.killed


async def test_invalid_file_is_logged_once_and_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running_fleet("a") as setup:
        setup.text = "[cameras"

        def logged_errors() -> list[str]:
            errors = (record for record in caplog.records if record.levelno == logging.ERROR)
            return [error.getMessage() for error in errors]

        await setup.wait_until(lambda: bool(logged_errors()))
        later = setup.now + 10
        await setup.wait_until(lambda: setup.now > later)
        (error,) = logged_errors()
        assert error.startswith("cameras_file_rejected error=")
        assert set(setup.live()) == {"a"}


async def test_cameras_keep_running_while_the_cluster_does_not_answer() -> None:
    async with running_fleet("a") as setup:
        setup.cluster.unreachable = True
        later = setup.now + 10
        await setup.wait_until(lambda: setup.now > later)
        setup.cluster.unreachable = False
        assert set(setup.live()) == {"a"}
        assert len(setup.cluster.processes) == 1
