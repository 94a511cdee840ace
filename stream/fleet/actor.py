"""Ray actor that runs one camera, until its supervisor stops polling it."""

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
"""Default prefix of the MQTT client ids; the name of the camera is appended."""

LEASE: Final = 12.0
"""Seconds without a poll after which a process ends."""
# A single poll may have been sent before the process was suspended or replaced.
_REQUIRED_POLLS: Final = 2
_LEASE_EXPIRED: Final = "the supervisor stopped polling it"


class LoadCamera(Protocol):
    """Function that loads the models of a camera and creates its pipeline."""

    def __call__(
        self, settings: Settings, clock: Clock, *, loop: bool
    ) -> tuple[Mapping[str, str], Mapping[str, EventThreads]]:
        """Return the genre names by code, and the pipeline by source name."""


class Lease:
    """Lease that the supervisor renews by polling; only the current process is polled.

    Two processes of one camera share a client id, so the broker disconnects one when the other
    connects. An old process must then not reconnect. The current process must, because an old one
    that lost its connection to the supervisor may have displaced it. Each process therefore waits
    for polls before it connects.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._renewed_at = clock()
        self._polls = 0
        self._is_first_wait = True
        self._polled = asyncio.Condition()

    @property
    def remaining(self) -> float:
        """Seconds until the lease expires; 0 afterwards."""
        return max(self._renewed_at + LEASE - self._clock(), 0.0)

    async def renew(self) -> None:
        """Register a poll of the supervisor."""
        self._renewed_at = self._clock()
        async with self._polled:
            self._polls += 1
            self._polled.notify_all()

    async def wait_for_polls(self) -> None:
        """Wait for two polls: at the first call since the start, at later calls from now on."""
        async with self._polled:
            required = (0 if self._is_first_wait else self._polls) + _REQUIRED_POLLS
            self._is_first_wait = False
            await self._polled.wait_for(lambda: self._polls >= required)


class CameraActor:
    """Process of one camera.

    All methods except `__init__` are called on the actor's event loop.

    Args:
        assignment: Camera to run.
        load_camera: Function that loads the models and creates the pipeline.
    """

    def __init__(self, assignment: Assignment, load_camera: LoadCamera) -> None:
        self._assignment = assignment
        self._load_camera = load_camera
        self._clock = Clock.start()
        self._state = RunState(self._clock)
        self._lease = Lease(time.monotonic)
        self._stopped = asyncio.Event()
        self._stop_reason = _LEASE_EXPIRED

    async def poll(self) -> Report:
        """Renew the lease and return the current report."""
        await self._lease.renew()
        return self._report()

    async def run(self) -> Report:
        """Run the camera to its end, and return the last report.

        Raises:
            RuntimeError: The camera cannot start, or the lease expired. The text contains no
                credentials.
        """
        limit_malloc_arenas()
        with filter_native_stderr():
            configure()
            try:
                await self._run()
            except Exception as error:
                # The supervisor's machine may lack the module that defines the error's class.
                raise RuntimeError(masked_text(str(error) or repr(error))) from None
        if not self._lease.remaining:
            raise RuntimeError(_LEASE_EXPIRED)
        return self._report()

    async def stop(self, reason: str) -> None:
        """Stop the run."""
        self._stop_reason = reason
        self._stopped.set()

    def _report(self) -> Report:
        import ray

        state, name = self._state, self._assignment.name
        return replace(
            make_report(state.sources.get(name), state.now),
            node=ray.get_runtime_context().get_node_id(),
            connected=bool(state.broker_connections and state.broker_connections().get(name)),
            cpu_seconds=time.process_time(),
            version=version("dancetype"),
        )

    async def _run(self) -> None:
        clock, state, camera = self._clock, self._state, self._assignment.camera
        # On a thread, so that the actor answers polls in the seconds that loading takes.
        genres, pipelines = await asyncio.to_thread(
            self._load_camera, camera.settings, clock, loop=camera.loop
        )
        mqtt_sink = MqttSink(
            camera.settings.mqtt or "",
            ca=camera.settings.mqtt_ca,
            client_id=camera.settings.mqtt_client_id or CLIENT_ID,
            homeassistant=camera.settings.homeassistant,
            before_connect=self._lease.wait_for_polls,
            clock=clock.monotonic,
        )
        state.broker_connections = lambda: mqtt_sink.connections
        async with SinkFanOut([state, LogSink(state), mqtt_sink]) as sinks:
            session = Session(
                pipelines,
                sinks,
                genres=genres,
                clock=clock,
                first_epoch=self._assignment.epoch,
            )
            stopper = asyncio.create_task(self._stop_session(session))
            await session.run(handle_signals=False)
            stopper.cancel()

    async def _stop_session(self, session: Session) -> None:
        """Stop the session when `stop` is called or the lease expires."""
        while self._lease.remaining and not self._stopped.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self._lease.remaining)
        session.stop(self._stop_reason)
