import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from dancetype.engine.errors import WorkerError
from dancetype.stream.fleet.cameras import Assignment, CamerasFile
from dancetype.stream.fleet.cluster import Node, RayCluster, RayProcess, Resources
from dancetype.stream.fleet.report import Report
from dancetype.stream.fleet.runner import Fleet
from dancetype.stream.fleet.supervisor import CameraState, Supervisor
from dancetype.stream.messages import SourceState
from dancetype.stream.settings import load_settings

WITHIN = 5.0


def tables(*names: str) -> str:
    return "".join(f'[cameras.{name}]\nsource = "test:"\n' for name in names)


class FakeProcess(RayProcess):
    """A process that answers until it is told otherwise."""

    def __init__(self, assignment: Assignment, node: str) -> None:
        self.assignment = assignment
        self.node = node
        self.killed = False
        self.silent = False
        self.over: asyncio.Future[Report] | None = None

    async def run(self) -> Report:
        self.over = asyncio.get_running_loop().create_future()
        return await self.over

    async def poll(self) -> Report:
        if self.silent:
            await asyncio.Event().wait()
        return Report(state=SourceState.RUNNING, node=self.node)

    async def stop(self, reason: str) -> None:
        assert self.over
        self.over.set_result(Report(reason=reason))

    def die(self) -> None:
        assert self.over
        self.over.set_exception(WorkerError("its process died"))

    def kill(self) -> None:
        self.killed = True


class FakeCluster(RayCluster):
    """Two machines, on which every process comes up."""

    def __init__(self) -> None:
        self.processes: list[FakeProcess] = []
        self.away = False

    def nodes(self) -> list[Node]:
        if self.away:
            raise ConnectionError("no answer")
        return [Node(name, name, Resources(cpus=4)) for name in ("one", "two")]

    def start(self, assignment: Assignment) -> FakeProcess:
        self.processes.append(FakeProcess(assignment, "one"))
        return self.processes[-1]

    def of(self, name: str) -> FakeProcess:
        return [each for each in self.processes if each.assignment.name == name][-1]


class Show:
    """A fleet whose time passes as fast as everybody lets it."""

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
        return {each.camera.name: each for each in self.supervisor.cameras if each.live}

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN):
            while not holds():
                await asyncio.sleep(0)

    async def _sleep(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            await asyncio.sleep(0.0005)
            self.now += 0.05


@asynccontextmanager
async def show(*names: str) -> AsyncIterator[Show]:
    one = Show(tables(*names))
    running = asyncio.create_task(one.fleet.run(one.stop))
    try:
        await one.until(lambda: len(one.live()) == len(names))
        yield one
        one.stop.set()
        async with asyncio.timeout(WITHIN):
            await running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_stopping_a_fleet_ends_every_camera_in_good_order() -> None:
    async with show("a", "b") as one:
        pass
    assert [process.over and process.over.result() for process in one.cluster.processes] == [
        Report(reason="no longer wanted")
    ] * 2
    assert all(process.killed for process in one.cluster.processes)
    assert one.supervisor.idle


async def test_a_process_that_dies_is_replaced_and_the_others_are_left_alone() -> None:
    async with show("a", "b") as one:
        first = one.cluster.of("a")
        first.die()
        await one.until(lambda: one.cluster.of("a") is not first and len(one.live()) == 2)
        assert one.live()["a"].restarts == 1
        assert one.live()["a"].error == f"its process died (on {first.node})"
        assert len(one.cluster.processes) == 3


async def test_a_silent_process_is_killed_and_replaced() -> None:
    async with show("a") as one:
        first = one.cluster.of("a")
        first.silent = True
        await one.until(lambda: first.killed and one.cluster.of("a") is not first)
        await one.until(lambda: "a" in one.live())


async def test_the_fleet_follows_its_file() -> None:
    async with show("a", "b") as one:
        kept = one.cluster.of("b")
        one.text = tables("b", "c")
        await one.until(lambda: set(one.live()) == {"b", "c"})
        assert one.cluster.of("b") is kept
        assert not kept.killed


async def test_a_broken_file_changes_nothing_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with show("a") as one:
        one.text = "[cameras"

        def told() -> list[str]:
            errors = (each for each in caplog.records if each.levelno == logging.ERROR)
            return [each.getMessage() for each in errors]

        await one.until(lambda: bool(told()))
        later = one.now + 10
        await one.until(lambda: one.now > later)
        (error,) = told()
        assert error.startswith("cameras_file_rejected error=")
        assert set(one.live()) == {"a"}


async def test_a_cluster_that_does_not_answer_for_a_while_ends_no_camera() -> None:
    async with show("a") as one:
        one.cluster.away = True
        later = one.now + 10
        await one.until(lambda: one.now > later)
        one.cluster.away = False
        assert set(one.live()) == {"a"}
        assert len(one.cluster.processes) == 1
