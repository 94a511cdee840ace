"""`dancetype fleet`: many cameras, on this machine or on a Ray cluster."""

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from dancetype.cli.options import with_settings
from dancetype.engine.errors import SettingsError
from dancetype.engine.log_event import LogEvent
from dancetype.stream import event_loop
from dancetype.stream.event_loop import stop_on_signals
from dancetype.stream.fleet.cameras import CamerasFile
from dancetype.stream.ray_cluster import connect_ray
from dancetype.stream.settings import Settings
from dancetype.stream.sinks.broker import parse_broker, tls_context
from dancetype.stream.web.access import is_loopback

_log = logging.getLogger(__name__)

_FLEET_PANEL: Final = "Fleet"


@with_settings
def fleet(
    settings: Settings,
    cameras: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="TOML file that lists the cameras; changes are applied while the fleet runs.",
            rich_help_panel=_FLEET_PANEL,
        ),
    ],
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ray://HOST:10001",
            help="Ray cluster to run on; `auto` on a machine of the cluster (default: this machine "
            "only).",
            rich_help_panel=_FLEET_PANEL,
        ),
    ] = None,
) -> None:
    """Classify dance from many cameras, on one or more machines.

    Each camera runs in a separate process, which is restarted if it fails, and publishes to the
    MQTT broker. Options such as --people are defaults for cameras that do not set them in the file.

    Examples:
        # All cameras of the file, on this machine
        export DANCETYPE_MQTT=mqtt://user:pass@10.0.0.5
        dancetype fleet --cameras cameras.toml
        # On a Ray cluster, started with `ray start`
        dancetype fleet --cameras cameras.toml --address ray://10.0.0.2:10001
        # Status page for other machines
        DANCETYPE_TOKEN=... dancetype fleet --cameras cameras.toml --host 0.0.0.0
    """
    if not settings.mqtt:
        raise SettingsError(
            "mqtt: a fleet publishes to an MQTT broker, and none is set: give --mqtt, or set "
            "DANCETYPE_MQTT"
        )
    from dancetype.stream.sinks.log import configure

    configure()
    broker = parse_broker(settings.mqtt)
    tls_context(broker, settings.mqtt_ca)
    if address and is_loopback(broker.host):
        advice = "every node connects to its own loopback address: use the broker's host name"
        _log.warning(LogEvent("broker_is_loopback", broker=str(broker), advice=advice))
    file = CamerasFile(cameras, settings)
    # Report errors in the file before Ray starts, which takes seconds.
    file.load()
    with connect_ray(address) as ray:
        event_loop.run(_run(settings, file, ray))


async def _run(settings: Settings, file: CamerasFile, ray: Any) -> None:
    from dancetype.app import load_camera
    from dancetype.sinks import make_web_server
    from dancetype.stream.clock import Clock
    from dancetype.stream.fleet.cluster import RayCluster
    from dancetype.stream.fleet.runner import Fleet
    from dancetype.stream.fleet.status_page import StatusPage
    from dancetype.stream.fleet.supervisor import Supervisor
    from dancetype.stream.service_manager import ServiceNotifier

    stop = asyncio.Event()
    if settings.seconds is not None:
        asyncio.get_running_loop().call_later(settings.seconds, stop.set)
    supervisor = Supervisor(clock=time.monotonic, unix=time.time)
    cluster = RayCluster(ray, load_camera)
    running_fleet = Fleet(supervisor, cluster=cluster, file=file, clock=time.monotonic)
    status = StatusPage(supervisor, error=lambda: file.error, version=version("dancetype"))
    async with AsyncExitStack() as stack:
        stack.enter_context(stop_on_signals(stop.set))
        if settings.serve:
            server = make_web_server(settings, status.routes, Clock.start())
            await stack.enter_async_context(server)
            Console().print(f"page: {server.url}", soft_wrap=True)
        notifier = ServiceNotifier(
            # A fleet without cameras waits for the first one.
            healthy=lambda: supervisor.live or not supervisor.cameras,
            status=lambda: status.summary,
        )
        await stack.enter_async_context(notifier)
        await running_fleet.run(stop)
