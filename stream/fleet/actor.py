"""The process of one camera: a live run that ends when its supervisor no longer polls it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from typing import Final

from dancetype.stream.fleet.cameras import Assignment
from dancetype.stream.fleet.report import Report, ReportSink
from dancetype.stream.sinks.base import Outlet
from dancetype.stream.sinks.log import LogOutlet, masked_text
from dancetype.stream.sinks.mqtt import MqttOutlet

CLIENT_ID: Final = "dancetype-fleet"
"""Default prefix of the client ids at the broker; the name of the camera follows."""

LEASE: Final = 12.0
"""Seconds without a poll after which a process ends."""
# A poll may be left over from before the process was suspended or replaced; two in a row are not.
_POLLS: Final = 2


RunCamera = Callable[[Assignment, Sequence[Outlet], Callable[[], Awaitable[str]]], Awaitable[None]]
"""Runs the live session of a camera with sinks that are not entered yet.

It returns when the source has ended, or once the last argument, awaited, gives a reason to stop.
"""


class Lease:
    """Lease that the supervisor renews by polling; only the current process is polled.

    Two processes of one camera share a client id, so the broker disconnects the earlier one when
    the later one connects. The earlier one must not reconnect. The later one must, if an earlier
    one that had been cut off from its supervisor displaced it. Polls tell the two apart.

    Args:
        clock: Monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._renewed = clock()
        self._polls = 0
        self._first = True
        self._polled = asyncio.Condition()

    @property
    def left(self) -> float:
        """Seconds until the lease runs out; 0 afterwards."""
        return max(self._renewed + LEASE - self._clock(), 0.0)

    async def renew(self) -> None:
        """Register a poll of the supervisor."""
        self._renewed = self._clock()
        async with self._polled:
            self._polls += 1
            self._polled.notify_all()

    async def confirmed(self) -> None:
        """Wait for two polls: the first time since the start, later since this call."""
        async with self._polled:
            wanted = (0 if self._first else self._polls) + _POLLS
            self._first = False
            await self._polled.wait_for(lambda: self._polls >= wanted)


class CameraActor:
    """One camera's process. All methods but `__init__` are called on its event loop.

    Args:
        assignment: The camera.
        run_camera: Runs its live session; imported by name in this process.
    """

    def __init__(self, assignment: Assignment, run_camera: RunCamera) -> None:
        self._assignment = assignment
        self._run_camera = run_camera
        self._reports = ReportSink(time.monotonic)
        self._lease = Lease(time.monotonic)
        self._stopped = asyncio.Event()
        self._stop_reason = ""
        self._broker: MqttOutlet | None = None

    async def poll(self) -> Report:
        """Renew the lease and return the current report."""
        await self._lease.renew()
        return self._report()

    async def run(self) -> Report:
        """Run the camera to its end, and return the last report.

        Raises:
            RuntimeError: The camera cannot start, or the lease has run out; the text has the
                reason, without credentials.
        """
        try:
            self._broker = self._open_broker()
            sinks: list[Outlet] = [LogOutlet(), self._reports, self._broker]
            await self._run_camera(self._assignment, sinks, self._until_stopped)
        except Exception as error:
            # The supervisor's machine may lack the module that defines the error's class.
            raise RuntimeError(masked_text(str(error) or repr(error))) from None
        if not self._lease.left:
            raise RuntimeError("its supervisor had not polled it")
        return self._report()

    async def stop(self, reason: str) -> None:
        """End the run in good order."""
        self._stop_reason = reason
        self._stopped.set()

    def _open_broker(self) -> MqttOutlet:
        settings = self._assignment.camera.settings
        return MqttOutlet(
            settings.mqtt or "",
            ca=settings.mqtt_ca,
            client_id=settings.mqtt_client_id or CLIENT_ID,
            homeassistant=settings.homeassistant,
            may_connect=self._lease.confirmed,
            clock=time.monotonic,
        )

    async def _until_stopped(self) -> str:
        while self._lease.left:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self._lease.left)
                return self._stop_reason
        return "its supervisor is gone"

    def _report(self) -> Report:
        import ray

        broker = self._broker
        return replace(
            self._reports.report(),
            node=ray.get_runtime_context().get_node_id(),
            connected=broker is not None and bool(broker.links) and broker.connected,
            cpu_seconds=time.process_time(),
            version=version("dancetype"),
        )
