"""What a live run sends its messages to, as the settings have it."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

from rich.console import Console

from stream.messages import Clock
from stream.monitoring.health import Health
from stream.monitoring.logs import LogOutlet
from stream.monitoring.metrics import Metrics
from stream.outlets.access import access_for
from stream.outlets.base import Outlet, Outlets
from stream.outlets.jsonl import JsonlOutlet
from stream.outlets.mqtt import MqttOutlet
from stream.outlets.osc import OscOutlet
from stream.outlets.terminal import TerminalOutlet
from stream.outlets.tls import tls_context
from stream.outlets.websocket import WebSocketOutlet
from stream.settings import Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Outgoing:
    """All outlets of a run, and the one whose address people want to know.

    Attributes:
        outlets: not entered yet.
        page: serves the page; None where nothing is served.
    """

    outlets: Outlets
    page: WebSocketOutlet | None


def outgoing(settings: Settings, *, recipe: str, clock: Clock, console: Console) -> Outgoing:
    """Makes the outlets that are wanted.

    Args:
        settings: say which.
        recipe: that the genre model was trained by.
        clock: of the messages.
        console: what people look at.

    Raises:
        OutletError: a setting is none that an outlet can work with.
        SettingsError: two settings do not go together.
    """
    if settings.homeassistant and not settings.mqtt:
        raise SettingsError("homeassistant: it listens to a broker, so give --mqtt, too")
    metrics = Metrics(version=version("dancetype"), recipe=recipe, clock=clock)
    health = Health(clock)
    page = _page(settings, metrics, health, clock) if settings.serve else None
    outlets: list[Outlet] = [LogOutlet(), metrics, health]
    if page:
        metrics.watch_clients(lambda: page.clients, lambda: page.cut_off, lambda: page.refused)
        outlets.append(page)
    outlets += _others(settings, metrics, clock)
    return Outgoing(Outlets([*outlets, TerminalOutlet(console)]), page)


def _page(settings: Settings, metrics: Metrics, health: Health, clock: Clock) -> WebSocketOutlet:
    token = settings.token.get_secret_value() if settings.token else None
    return WebSocketOutlet(
        host=settings.host,
        port=settings.port,
        access=access_for(settings.host, token, settings.insecure, settings.allow_origin),
        max_clients=settings.max_clients,
        tls=tls_context(settings.tls_cert, settings.tls_key),
        routes={"/metrics": metrics.page, "/healthz": health.live, "/readyz": health.ready},
        clock=clock,
    )


def _others(settings: Settings, metrics: Metrics, clock: Clock) -> Iterator[Outlet]:
    if settings.mqtt:
        broker = MqttOutlet(
            settings.mqtt,
            ca=settings.mqtt_ca,
            client_id=settings.mqtt_client_id,
            homeassistant=settings.homeassistant,
            clock=clock.monotonic,
        )
        metrics.watch_broker(lambda: broker.links)
        yield broker
    if settings.osc:
        yield OscOutlet(settings.osc)
    if settings.jsonl:
        yield JsonlOutlet(settings.jsonl)
