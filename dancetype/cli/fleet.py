"""`dancetype fleet`: many cameras, on this machine or on all of a Ray cluster."""

import asyncio
import logging
import signal
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from dancetype.app import page_outlet
from dancetype.cli.run import pipelines
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import SettingsError
from dancetype.loading import native_libraries
from dancetype.stream.fleet.cameras import CamerasFile
from dancetype.stream.fleet.cluster import RayCluster
from dancetype.stream.fleet.runner import Fleet
from dancetype.stream.fleet.status_page import StatusPage
from dancetype.stream.fleet.supervisor import Supervisor
from dancetype.stream.frames import Onlooker
from dancetype.stream.messages import Clock
from dancetype.stream.ray_cluster import attached
from dancetype.stream.session import MakePipeline
from dancetype.stream.settings import Settings
from dancetype.stream.sinks.broker import parse_broker, tls_context
from dancetype.stream.sinks.log import configure
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
    cluster = RayCluster(ray, load_camera)
    running = Fleet(supervisor, cluster=cluster, file=file, clock=time.monotonic)
    status = StatusPage(supervisor, error=lambda: file.error, version=version("dancetype"))
    if not settings.serve:
        await running.run(stop)
        return
    async with page_outlet(settings, status.routes, Clock.start()) as served:
        Console().print(f"page: {served.url}", soft_wrap=True)
        await running.run(stop)


def load_camera(
    settings: Settings, clock: Clock, *, loop: bool
) -> tuple[Mapping[str, str], Mapping[str, MakePipeline]]:
    """Load what the process of a fleet camera runs.

    Args:
        settings: Settings of the camera, with its source.
        clock: Clock of the process.
        loop: Whether a source that has ended starts over.

    Returns:
        The names of the genres by code, and the pipeline by the name of the source.

    Raises:
        ExpectedError: A model cannot be loaded.
    """
    onlookers: dict[str, tuple[Onlooker, ...]] = dict.fromkeys(settings.source, ())
    with native_libraries():
        classifier = Classifier(settings.model, device=settings.device)
        makers = pipelines(
            settings, settings.source, classifier, clock, onlookers=onlookers, loop=loop
        )
    return classifier.contract.genres, makers
