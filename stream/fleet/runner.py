"""Runs a fleet: tells its supervisor the news, and does what that orders."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from dancetype.engine.errors import WorkerError
from dancetype.stream.fleet.cameras import CamerasFile
from dancetype.stream.fleet.cluster import Process, Yard
from dancetype.stream.fleet.placing import Node
from dancetype.stream.fleet.supervisor import BEAT, Kill, Placement, Start, Stop, Supervisor

_log = logging.getLogger(__name__)


class Fleet:
    """Keeps the cameras of a file running.

    Args:
        supervisor: decides.
        yard: where processes are started.
        file: says which cameras there are to be.
        clock: monotonic, in seconds.
        sleep: passes seconds on that clock.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        *,
        yard: Yard,
        file: CamerasFile,
        clock: Callable[[], float],
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        self._supervisor = supervisor
        self._yard = yard
        self._file = file
        self._clock = clock
        self._sleep = sleep
        self._processes: dict[Placement, Process] = {}
        self._asking: dict[Placement, asyncio.Task[None]] = {}
        self._errands: set[asyncio.Task[None]] = set()
        self._nodes: asyncio.Task[list[Node]] | None = None
        self._told: str | None = None
        self._news = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set, then ends all cameras in good order.

        Raises:
            SettingsError: the file makes no sense to begin with.
        """
        self._supervisor.want(self._file.load())
        while not stop.is_set():
            self._look()
            await self._step(stop)
        self._supervisor.want({})
        while not self._supervisor.idle:
            await self._step(None)
        if self._errands:
            await asyncio.wait(self._errands, timeout=BEAT)

    def _look(self) -> None:
        cameras = self._file.look()
        if cameras is not None:
            self._supervisor.want(cameras)
        if self._file.error != self._told:
            self._told = self._file.error
            if self._told:
                _log.error("%s; the cameras stay as they are", self._told)

    async def _step(self, stop: asyncio.Event | None) -> None:
        """Looks at the machines, follows orders, and waits for the next time."""
        due = self._clock() + BEAT
        # Where the cluster's head does not answer, cameras must not wait for it.
        self._nodes = self._nodes or asyncio.create_task(asyncio.to_thread(self._yard.nodes))
        await asyncio.wait({self._nodes}, timeout=BEAT)
        if self._nodes.done():
            try:
                self._supervisor.see(self._nodes.result())
            except Exception as error:
                _log.warning("the cluster does not say which machines there are: %s", error)
            self._nodes = None
        for order in self._supervisor.orders():
            match order:
                case Start(placement):
                    self._asking[placement] = asyncio.create_task(self._hold(placement))
                case Stop(placement, reason):
                    self._send(self._stop(placement, reason))
                case Kill(placement):
                    self._asking[placement].cancel()
        waits = [self._sleep(max(due - self._clock(), 0.0)), self._news.wait()]
        tasks = {asyncio.ensure_future(each) for each in [*waits, *([stop.wait()] if stop else [])]}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        self._news.clear()

    async def _hold(self, placement: Placement) -> None:
        """Starts a process and asks how it is doing, until it is gone or no longer wanted."""
        process: Process | None = None
        try:
            process = await asyncio.to_thread(self._yard.start, placement)
            self._processes[placement] = process
            beats = asyncio.create_task(self._ask(placement, process))
            try:
                farewell = await process.run()
            finally:
                beats.cancel()
            self._supervisor.end(placement, farewell)
        except WorkerError as error:
            self._supervisor.lose(placement, str(error))
        except Exception as error:
            _log.exception("camera %s: cannot be started", placement.name)
            self._supervisor.lose(placement, f"cannot be started: {error!r}")
        finally:
            self._news.set()
            del self._asking[placement]
            self._processes.pop(placement, None)
            if process:
                self._send(_killed(process))

    async def _ask(self, placement: Placement, process: Process) -> None:
        # That it is gone is told by its run.
        with suppress(WorkerError):
            while True:
                due = self._clock() + BEAT
                self._supervisor.hear(placement, await process.beat())
                await self._sleep(max(due - self._clock(), 0.0))

    async def _stop(self, placement: Placement, reason: str) -> None:
        if process := self._processes.get(placement):
            with suppress(WorkerError):
                await process.stop(reason)

    def _send(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


async def _killed(process: Process) -> None:
    # Where its machine is gone there is nothing left to kill.
    with suppress(Exception):
        await asyncio.to_thread(process.kill)
