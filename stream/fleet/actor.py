"""The process of one camera: a live run that ends when its supervisor no longer polls it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from typing import Final, Protocol

from dancetype.stream.clock import Clock
from dancetype.stream.fleet.cameras import Assignment
from dancetype.stream.fleet.report import Report, make_report
from dancetype.stream.run_state import RunState
from dancetype.stream.session import EventThreads, Session
from dancetype.stream.settings import Settings
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.log import LogSink, configure, masked_text
from dancetype.stream.sinks.mqtt import MqttSink
from dancetype.stream.system import filter_native_stderr, limit_malloc_arenas

CLIENT_ID: Final = "dancetype-fleet"
"""Default prefix of the client ids at the broker; the name of the camera follows."""

LEASE: Final = 12.0
"""Seconds without a poll after which a process ends."""
# A poll may be left over from before the process was suspended or replaced; two in a row are not.
_POLLS: Final = 2


class LoadCamera(Protocol):
    """Loads what the process of a camera runs."""

    def __call__(
        self, settings: Settings, clock: Clock, *, loop: bool
    ) -> tuple[Mapping[str, str], Mapping[str, EventThreads]]:
        """Return the names of the genres by code, and the pipeline by the name of the source."""


class Lease:
    """Lease that the supervisor renews by polling; only the current process is polled.

    Two processes of one camera share a client id, so the broker disconnects the earlier one when
    the later one connects. The earlier one must not reconnect. The later one must, if an earlier
    one that had been cut off from its supervisor displaced it. Polls tell the two apart.
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
    """One camera's process. All methods but `__init__` are called on its event loop."""

    def __init__(self, assignment: Assignment, load_camera: LoadCamera) -> None:
        self._assignment = assignment
        self._load_camera = load_camera
        self._clock = Clock.start()
        self._state = RunState(self._clock)
        self._lease = Lease(time.monotonic)
        self._stopped = asyncio.Event()
        self._stop_reason = "its supervisor is gone"

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
        limit_malloc_arenas()
        with filter_native_stderr():
            configure()
            try:
                await self._run()
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

    def _report(self) -> Report:
        import ray

        state, name = self._state, self._assignment.name
        return replace(
            make_report(state.sources.get(name), state.now),
            node=ray.get_runtime_context().get_node_id(),
            connected=bool(state.broker_links and state.broker_links().get(name)),
            cpu_seconds=time.process_time(),
            version=version("dancetype"),
        )

    async def _run(self) -> None:
        clock, state, camera = self._clock, self._state, self._assignment.camera
        # Loading takes seconds, in which the supervisor still gets its answers.
        genres, pipelines = await asyncio.to_thread(
            self._load_camera, camera.settings, clock, loop=camera.loop
        )
        broker = MqttSink(
            camera.settings.mqtt or "",
            ca=camera.settings.mqtt_ca,
            client_id=camera.settings.mqtt_client_id or CLIENT_ID,
            homeassistant=camera.settings.homeassistant,
            may_connect=self._lease.confirmed,
            clock=clock.monotonic,
        )
        state.broker_links = lambda: broker.links
        async with SinkFanOut([state, LogSink(state), broker]) as outlets:
            session = Session(
                pipelines,
                outlets,
                genres=genres,
                clock=clock,
                first_epoch=self._assignment.epoch,
            )
            ending = asyncio.create_task(self._end(session))
            await session.run(signals=())
            ending.cancel()

    async def _end(self, session: Session) -> None:
        """Stop the session once the supervisor wants it or the lease has run out."""
        while self._lease.left and not self._stopped.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self._lease.left)
        session.stop(self._stop_reason)
