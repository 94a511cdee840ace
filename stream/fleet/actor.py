"""The process of one camera: a live run of its own, which ends when nobody asks for it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Final, Protocol

from dancetype.stream.clock import Clock
from dancetype.stream.fleet.cameras import Camera
from dancetype.stream.fleet.office import Office
from dancetype.stream.fleet.report import Ending, Farewell, Report, make_report
from dancetype.stream.run_state import RunState
from dancetype.stream.session import EventThreads, Session
from dancetype.stream.settings import Settings
from dancetype.stream.sinks.base import SinkFanOut
from dancetype.stream.sinks.log import LogSink, configure, masked_text
from dancetype.stream.system import filter_native_stderr, limit_malloc_arenas

CLIENT_ID: Final = "dancetype-fleet"
"""What the cameras of a fleet are called at the broker, each followed by its name."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a process is to do.

    Attributes:
        camera: to look at.
        epoch: its source's first one; later processes of the camera get greater ones.
    """

    camera: Camera
    epoch: int


class LoadCamera(Protocol):
    """Loads what the process of a camera runs."""

    def __call__(
        self, settings: Settings, clock: Clock, *, loop: bool
    ) -> tuple[Mapping[str, str], Mapping[str, EventThreads]]:
        """Return the names of the genres by code, and the pipeline by the name of the source."""
        ...


class CameraActor:
    """One camera's process. All methods but `__init__` are called on its event loop."""

    def __init__(self, charge: Charge, load: LoadCamera) -> None:
        self._charge = charge
        self._load = load
        self._clock = Clock.start()
        self._state = RunState(self._clock)
        self._office = Office(time.monotonic)
        self._session: Session | None = None
        self._stopped: str | None = None
        self._connected: Callable[[], bool] = lambda: False

    async def beat(self) -> Report:
        """How it is doing; being asked, it goes on."""
        await self._office.ask()
        return self._report()

    async def run(self) -> Farewell:
        """Runs the camera to its end.

        Raises:
            RuntimeError: it cannot start; the text says why, without credentials.
        """
        limit_malloc_arenas()
        with filter_native_stderr():
            configure()
            try:
                ending = await self._run()
            except Exception as error:
                # Of what is raised here the supervisor's machine may not have the class.
                raise RuntimeError(masked_text(str(error) or repr(error))) from None
        return Farewell(ending, self._report())

    async def stop(self, reason: str) -> None:
        """Has it end in good order."""
        self._stopped = reason
        if self._session:
            self._session.stop(reason)

    def _report(self) -> Report:
        return replace(
            make_report(self._state.sources.get(self._charge.camera.name), self._state.now),
            connected=self._connected(),
            cpu_seconds=time.process_time(),
            version=version("dancetype"),
        )

    async def _run(self) -> Ending:
        clock, state = self._clock, self._state
        camera = self._charge.camera
        # Loading takes seconds, in which to answer the supervisor.
        genres, pipelines = await asyncio.to_thread(
            self._load, camera.settings, clock, loop=camera.loop
        )
        from dancetype.stream.sinks.mqtt import MqttSink

        settings, office = camera.settings, self._office
        broker = MqttSink(
            settings.mqtt or "",
            ca=settings.mqtt_ca,
            client_id=settings.mqtt_client_id or CLIENT_ID,
            homeassistant=settings.homeassistant,
            may_connect=office.confirmed,
            clock=clock.monotonic,
        )
        self._connected = lambda: bool(broker.links) and broker.connected
        async with SinkFanOut([state, LogSink(state), broker]) as outlets:
            session = self._session = Session(
                pipelines, outlets, genres=genres, clock=clock, first_epoch=self._charge.epoch
            )
            if self._stopped is not None:
                session.stop(self._stopped)
            lease = asyncio.create_task(_expire(office, session))
            await session.run(signals=())
            lease.cancel()
        if self._stopped is not None:
            return Ending.STOPPED
        return Ending.OVER if office.left else Ending.ABANDONED


async def _expire(office: Office, session: Session) -> None:
    while office.left:
        await asyncio.sleep(office.left)
    session.stop("its supervisor is gone")
