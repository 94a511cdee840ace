"""Run a fleet: report what happens to its supervisor, and carry out the orders."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from typing import Any

from dancetype.engine.errors import WorkerError
from dancetype.engine.log_event import LogEvent
from dancetype.stream.fleet.cameras import Assignment, CamerasFile
from dancetype.stream.fleet.cluster import Node, RayCluster, RayProcess
from dancetype.stream.fleet.supervisor import POLL_INTERVAL, Kill, Start, Stop, Supervisor

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Fleet:
    """Keep the cameras of a file running, in processes of a cluster, as a supervisor decides."""

    supervisor: Supervisor
    _: KW_ONLY
    cluster: RayCluster
    file: CamerasFile
    clock: Callable[[], float]
    sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep

    def __post_init__(self) -> None:
        self._processes: dict[Assignment, RayProcess] = {}
        self._holding: dict[Assignment, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._nodes: asyncio.Task[list[Node]] | None = None
        self._reported_error: str | None = None
        self._news = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then end all cameras in good order.

        Raises:
            SettingsError: The file is not valid at the start.
        """
        self.supervisor.want(self.file.load())
        while not stop.is_set():
            self._follow_file()
            await self._step(stop)
        self.supervisor.want({})
        while not self.supervisor.idle:
            await self._step(None)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=POLL_INTERVAL)

    def _follow_file(self) -> None:
        cameras = self.file.look()
        if cameras is not None:
            self.supervisor.want(cameras)
        if self.file.error != self._reported_error:
            self._reported_error = self.file.error
            if self.file.error:
                _log.error(LogEvent("cameras_file_rejected", error=self.file.error))

    async def _step(self, stop: asyncio.Event | None) -> None:
        """Update the machines, carry out orders, and wait for the next second or for news."""
        due = self.clock() + POLL_INTERVAL
        # Cameras must not wait for a head of the cluster that does not answer.
        self._nodes = self._nodes or asyncio.create_task(asyncio.to_thread(self.cluster.nodes))
        await asyncio.wait({self._nodes}, timeout=POLL_INTERVAL)
        if self._nodes.done():
            try:
                self.supervisor.set_nodes(self._nodes.result())
            except Exception as error:
                _log.warning(LogEvent("cluster_unavailable", error=str(error)))
            self._nodes = None
        for order in self.supervisor.orders():
            match order:
                case Start(assignment):
                    self._holding[assignment] = asyncio.create_task(self._hold(assignment))
                case Stop(assignment, reason):
                    self._spawn(self._stop(assignment, reason))
                case Kill(assignment):
                    self._holding[assignment].cancel()
        waits = [self.sleep(max(due - self.clock(), 0.0)), self._news.wait()]
        tasks = {asyncio.ensure_future(each) for each in [*waits, *([stop.wait()] if stop else [])]}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        self._news.clear()

    async def _hold(self, assignment: Assignment) -> None:
        """Start a process and poll it until it is gone or no longer wanted."""
        process: RayProcess | None = None
        try:
            process = await asyncio.to_thread(self.cluster.start, assignment)
            self._processes[assignment] = process
            polling = asyncio.create_task(self._poll(assignment, process))
            try:
                report = await process.run()
            finally:
                polling.cancel()
            self.supervisor.on_exit(assignment, report)
        except WorkerError as error:
            self.supervisor.on_lost(assignment, str(error))
        except Exception as error:
            _log.exception(LogEvent("camera_start_failed", camera=assignment.name))
            self.supervisor.on_lost(assignment, f"cannot be started: {error!r}")
        finally:
            self._news.set()
            del self._holding[assignment]
            self._processes.pop(assignment, None)
            if process:
                self._spawn(_kill(process))

    async def _poll(self, assignment: Assignment, process: RayProcess) -> None:
        # If the process is gone, its run raises the same error.
        with suppress(WorkerError):
            while True:
                due = self.clock() + POLL_INTERVAL
                self.supervisor.on_report(assignment, await process.poll())
                await self.sleep(max(due - self.clock(), 0.0))

    async def _stop(self, assignment: Assignment, reason: str) -> None:
        if process := self._processes.get(assignment):
            with suppress(WorkerError):
                await process.stop(reason)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _kill(process: RayProcess) -> None:
    # If its machine is gone there is nothing left to kill.
    with suppress(Exception):
        await asyncio.to_thread(process.kill)
