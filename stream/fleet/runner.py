"""Event loop of a fleet: reports events to the supervisor, and carries out its orders."""

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
    """Fleet of cameras that run in processes of a cluster.

    Attributes:
        supervisor: Supervisor that decides which processes run.
        cluster: Cluster of the processes.
        file: Cameras file, which is read again every second.
        clock: Monotonic clock, in seconds.
        sleep: Function that waits for a number of seconds.
    """

    supervisor: Supervisor
    _: KW_ONLY
    cluster: RayCluster
    file: CamerasFile
    clock: Callable[[], float]
    sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep

    def __post_init__(self) -> None:
        self._processes: dict[Assignment, RayProcess] = {}
        self._process_tasks: dict[Assignment, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._nodes_task: asyncio.Task[list[Node]] | None = None
        self._reported_error: str | None = None
        self._process_ended = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then stop all cameras.

        Raises:
            SettingsError: The file is invalid at the start.
        """
        self.supervisor.set_cameras(self.file.load())
        while not stop.is_set():
            self._reload_file()
            await self._step(stop)
        self.supervisor.set_cameras({})
        while not self.supervisor.idle:
            await self._step(None)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=POLL_INTERVAL)

    def _reload_file(self) -> None:
        cameras = self.file.reload()
        if cameras is not None:
            self.supervisor.set_cameras(cameras)
        if self.file.error != self._reported_error:
            self._reported_error = self.file.error
            if self.file.error:
                _log.error(LogEvent("cameras_file_rejected", error=self.file.error))

    async def _step(self, stop: asyncio.Event | None) -> None:
        """Update the machines and carry out orders; then wait until an event or the next second."""
        next_step = self.clock() + POLL_INTERVAL
        # A task, so that cameras do not wait if the head of the cluster does not answer.
        self._nodes_task = self._nodes_task or asyncio.create_task(
            asyncio.to_thread(self.cluster.nodes)
        )
        await asyncio.wait({self._nodes_task}, timeout=POLL_INTERVAL)
        if self._nodes_task.done():
            try:
                self.supervisor.set_nodes(self._nodes_task.result())
            except Exception as error:
                _log.warning(LogEvent("cluster_unavailable", error=str(error)))
            self._nodes_task = None
        for order in self.supervisor.orders():
            match order:
                case Start(assignment):
                    process_task = asyncio.create_task(self._run_process(assignment))
                    self._process_tasks[assignment] = process_task
                case Stop(assignment, reason):
                    self._spawn(self._stop(assignment, reason))
                case Kill(assignment):
                    self._process_tasks[assignment].cancel()
        waits: list[Coroutine[Any, Any, object]] = [
            self.sleep(max(next_step - self.clock(), 0.0)),
            self._process_ended.wait(),
        ]
        if stop:
            waits.append(stop.wait())
        tasks = {asyncio.ensure_future(wait) for wait in waits}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        self._process_ended.clear()

    async def _run_process(self, assignment: Assignment) -> None:
        """Start a process and poll it until it ends or this task is cancelled."""
        process: RayProcess | None = None
        try:
            process = await asyncio.to_thread(self.cluster.start, assignment)
            self._processes[assignment] = process
            poller = asyncio.create_task(self._poll(assignment, process))
            try:
                report = await process.run()
            finally:
                poller.cancel()
            self.supervisor.on_exit(assignment, report)
        except WorkerError as error:
            self.supervisor.on_lost(assignment, str(error))
        except Exception as error:
            _log.exception(LogEvent("camera_start_failed", camera=assignment.name))
            self.supervisor.on_lost(assignment, f"cannot be started: {error!r}")
        finally:
            self._process_ended.set()
            del self._process_tasks[assignment]
            self._processes.pop(assignment, None)
            if process:
                self._spawn(_kill(process))

    async def _poll(self, assignment: Assignment, process: RayProcess) -> None:
        # If the process is gone, process.run() raises the same error.
        with suppress(WorkerError):
            while True:
                next_poll = self.clock() + POLL_INTERVAL
                self.supervisor.on_report(assignment, await process.poll())
                await self.sleep(max(next_poll - self.clock(), 0.0))

    async def _stop(self, assignment: Assignment, reason: str) -> None:
        if process := self._processes.get(assignment):
            with suppress(WorkerError):
                await process.stop(reason)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _kill(process: RayProcess) -> None:
    # If the machine has left the cluster, its process no longer exists.
    with suppress(Exception):
        await asyncio.to_thread(process.kill)
