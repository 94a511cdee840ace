"""`dancetype fleet`: many cameras, on this machine or on all of a Ray cluster."""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from dancetype.app import page_outlet
from dancetype.cli.run import pipelines
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import SettingsError
from dancetype.loading import native_libraries
from dancetype.stream.events import Event
from dancetype.stream.fleet.cameras import Assignment, Camera, CamerasFile
from dancetype.stream.fleet.cluster import RayCluster
from dancetype.stream.fleet.runner import Fleet
from dancetype.stream.fleet.status_page import StatusPage
from dancetype.stream.fleet.supervisor import Supervisor
from dancetype.stream.messages import Clock
from dancetype.stream.native_memory import one_heap
from dancetype.stream.ray_cluster import attached
from dancetype.stream.session import MakePipeline, Runnable, Session
from dancetype.stream.settings import Settings
from dancetype.stream.sinks.base import Outlet, Outlets
from dancetype.stream.sinks.broker import parse_broker, tls_context
from dancetype.stream.sinks.log import configure
from dancetype.stream.speaker import Speaker
from dancetype.stream.system import chatter_dropped
from dancetype.stream.web.access import is_loopback

_log = logging.getLogger(__name__)


def fleet(settings: Settings, cameras: Path, *, address: str | None) -> None:
    """Keeps the cameras of a file running until it is stopped.

    Args:
        settings: of the page and the broker, and of cameras that have none of their own.
        cameras: the file.
        address: of a Ray cluster; None starts one here.

    Raises:
        ExpectedError: it cannot start.
    """
    if not settings.mqtt:
        raise SettingsError("mqtt: a fleet says what it sees to a broker: set DANCETYPE_MQTT")
    configure()
    broker = parse_broker(settings.mqtt)
    tls_context(broker, settings.mqtt_ca)
    if address and is_loopback(broker.host):
        _log.warning(
            "cameras look for the broker on their own machine: %s is another one on each", broker
        )
    file = CamerasFile(cameras, settings)
    # What is wrong with the file is to be told before Ray takes its seconds to start.
    file.load()
    with attached(address) as ray:
        asyncio.run(_run(settings, file, ray))


async def _run(settings: Settings, file: CamerasFile, ray: Any) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if settings.seconds is not None:
        loop.call_later(settings.seconds, stop.set)
    supervisor = Supervisor(clock=time.monotonic, unix=time.time)
    cluster = RayCluster(ray, run_camera)
    running = Fleet(supervisor, cluster=cluster, file=file, clock=time.monotonic)
    status = StatusPage(supervisor, error=lambda: file.error, version=version("dancetype"))
    if not settings.serve:
        await running.run(stop)
        return
    async with page_outlet(settings, status.routes, Clock.start()) as served:
        Console().print(f"page: {served.url}", soft_wrap=True)
        await running.run(stop)


async def run_camera(
    assignment: Assignment, sinks: Sequence[Outlet], stop: Callable[[], Awaitable[str]]
) -> None:
    """Run the live session of one camera until its source ends or `stop` returns a reason."""
    one_heap()
    with chatter_dropped():
        configure()
        clock = Clock.start()
        # Loading takes seconds, in which the supervisor still gets its answers.
        genres, makers = await asyncio.to_thread(_load, assignment.camera, clock)
        async with Outlets(sinks) as outlets:
            session = Session(
                {name: _from_epoch(make, assignment.epoch) for name, make in makers.items()},
                speaker=partial(Speaker, genres=genres, clock=clock),
                outlets=outlets,
            )
            stopping = asyncio.create_task(_stop_session(session, stop))
            await session.run(signals=())
            stopping.cancel()


async def _stop_session(session: Session, stop: Callable[[], Awaitable[str]]) -> None:
    session.stop(await stop())


def _load(camera: Camera, clock: Clock) -> tuple[dict[str, str], dict[str, MakePipeline]]:
    """Return the model's genres and the maker of the camera's pipeline."""
    settings = camera.settings
    with native_libraries():
        classifier = Classifier(settings.model, device=settings.device)
        makers = pipelines(
            settings,
            settings.source,
            classifier,
            clock,
            onlookers={camera.name: ()},
            loop=camera.loop,
        )
    return dict(classifier.contract.genres), makers


def _from_epoch(make: MakePipeline, first: int) -> MakePipeline:
    """Let a pipeline's epochs begin at `first`."""

    def made(*, on_event: Callable[[Event], None]) -> Runnable:
        return make(on_event=lambda event: on_event(replace(event, epoch=event.epoch + first)))

    return made
