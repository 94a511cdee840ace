"""`dancetype fleet`: many cameras, on this machine or on all of a Ray cluster."""

import asyncio
import logging
import signal
import time
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from dancetype.cli.options import with_settings
from dancetype.engine.errors import SettingsError
from dancetype.engine.log_event import LogEvent
from dancetype.stream.fleet.cameras import CamerasFile
from dancetype.stream.ray_cluster import connect_ray
from dancetype.stream.settings import Settings
from dancetype.stream.sinks.broker import parse_broker, tls_context
from dancetype.stream.web.access import is_loopback

_log = logging.getLogger(__name__)


@with_settings
def fleet(
    settings: Settings,
    cameras: Annotated[
        Path, typer.Option(metavar="FILE", help="Cameras as a TOML file; may be edited while live.")
    ],
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ray://HOST:10001", help="Ray cluster to run on (default: this machine only)."
        ),
    ] = None,
) -> None:
    """Classify dance from many cameras on a Ray cluster."""
    if not settings.mqtt:
        raise SettingsError("mqtt: a fleet says what it sees to a broker: set DANCETYPE_MQTT")
    from dancetype.stream.sinks.log import configure

    configure()
    broker = parse_broker(settings.mqtt)
    tls_context(broker, settings.mqtt_ca)
    if address and is_loopback(broker.host):
        advice = "every node connects to its own loopback address: use the broker's host name"
        _log.warning(LogEvent("broker_is_loopback", broker=str(broker), advice=advice))
    file = CamerasFile(cameras, settings)
    # What is wrong with the file is to be told before Ray takes its seconds to start.
    file.load()
    with connect_ray(address) as ray:
        asyncio.run(_run(settings, file, ray))


async def _run(settings: Settings, file: CamerasFile, ray: Any) -> None:
    from dancetype.app import load_camera
    from dancetype.sinks import page_outlet
    from dancetype.stream.clock import Clock
    from dancetype.stream.fleet.cluster import RayCluster
    from dancetype.stream.fleet.runner import Fleet
    from dancetype.stream.fleet.status_page import StatusPage
    from dancetype.stream.fleet.supervisor import Supervisor

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
