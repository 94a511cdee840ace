"""What a live run sends its messages to, as the settings have it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from rich.console import Console

from dancetype.engine.classifier import Classifier
from dancetype.engine.contract import Contract
from dancetype.engine.errors import SettingsError
from dancetype.stream.frames import Onlooker
from dancetype.stream.messages import Clock
from dancetype.stream.session import MakePipeline, Session
from dancetype.stream.settings import Settings
from dancetype.stream.sinks.base import Outlet, Outlets
from dancetype.stream.sinks.jsonl import JsonlOutlet
from dancetype.stream.sinks.log import LogOutlet
from dancetype.stream.sinks.metrics import Metrics
from dancetype.stream.sinks.mqtt import MqttOutlet
from dancetype.stream.sinks.osc import OscOutlet
from dancetype.stream.sinks.recording import RecordingSink
from dancetype.stream.sinks.terminal import TerminalOutlet
from dancetype.stream.speaker import Speaker
from dancetype.stream.web.access import access_for, is_loopback
from dancetype.stream.web.health import Health
from dancetype.stream.web.pages import Route
from dancetype.stream.web.server import WebSocketOutlet
from dancetype.stream.web.status import Overview
from dancetype.stream.web.tls import tls_context

if TYPE_CHECKING:
    from dancetype.stream.web.preview import Preview


@dataclass(frozen=True, slots=True)
class Outgoing:
    """All outlets of a run, and the one whose address people want to know.

    Attributes:
        outlets: not entered yet.
        page: serves the pages; None where nothing is served.
        onlookers: who has to see the frames of each source, by its name.
    """

    outlets: Outlets
    page: WebSocketOutlet | None
    onlookers: Mapping[str, Sequence[Onlooker]]

    async def run(
        self,
        makers: Mapping[str, MakePipeline],
        *,
        speaker: Callable[[str], Speaker],
        console: Console,
        seconds: float | None,
    ) -> Session:
        """Runs a session with these outlets, to its end, and says on `console` where the page is.

        The other arguments are those of `Session` and its `run`.

        Raises:
            SinkError: an outlet cannot start.
        """
        async with self.outlets as outlets:
            if self.page:
                console.print(f"page: {self.page.url}", soft_wrap=True)
            session = Session(makers, speaker=speaker, outlets=outlets)
            await session.run(seconds=seconds)
        return session


def outgoing(
    settings: Settings,
    sources: Collection[str],
    *,
    classifier: Classifier,
    clock: Clock,
    console: Console,
) -> Outgoing:
    """Makes the outlets that are wanted.

    Args:
        settings: say which.
        sources: names.
        classifier: has the genre model.
        clock: of the messages.
        console: what people look at.

    Raises:
        SinkError: a setting is none that an outlet can work with.
        SettingsError: two settings do not go together.
    """
    if settings.homeassistant and not settings.mqtt:
        raise SettingsError("homeassistant: it listens to a broker, so give --mqtt, too")
    program, contract = version("dancetype"), classifier.contract
    metrics = Metrics(
        version=program, recipe=contract.recipe, provider=classifier.provider, clock=clock
    )
    health = Health(clock)
    overview = Overview(
        program=program,
        model=contract.recipe,
        provider=classifier.provider,
        genres=contract.genres,
        preview=settings.preview,
        clock=clock,
    )
    outlets: list[Outlet] = [LogOutlet(), metrics, health, overview]
    recording = _recording(settings, contract, clock)
    if recording:
        outlets.append(recording)
    preview = _preview(settings, sources, clock)
    page = None
    if settings.serve:
        routes: dict[str, Route] = {
            "/metrics": metrics.page,
            "/healthz": health.live,
            "/readyz": health.ready,
            "/status": overview.page,
            **(preview.routes if preview else {}),
        }
        page = page_outlet(settings, routes, clock)
        _watch_clients(page, settings.max_clients, metrics, overview)
        outlets.append(page)
    outlets += _others(settings, metrics, overview, clock)
    looking: list[Preview | RecordingSink] = [each for each in (preview, recording) if each]
    return Outgoing(
        Outlets([*outlets, TerminalOutlet(console)]),
        page,
        {name: [one for each in looking for one in each.onlookers(name)] for name in sources},
    )


def _recording(settings: Settings, contract: Contract, clock: Clock) -> RecordingSink | None:
    if settings.record is None:
        return None
    return RecordingSink(
        settings.record,
        recipe=contract.recipe,
        people=settings.people,
        hop=settings.hop,
        clock=clock,
    )


def _preview(settings: Settings, sources: Collection[str], clock: Clock) -> "Preview | None":
    if not settings.preview:
        return None
    if not settings.serve:
        raise SettingsError("preview: its pictures are shown on the page: leave out --no-serve")
    if settings.token is None and not is_loopback(settings.host):
        raise SettingsError(
            "preview: whoever reaches this machine could watch people: set DANCETYPE_TOKEN, or "
            "leave out --preview"
        )
    # Brings OpenCV along, which takes its time.
    from dancetype.stream.web.preview import Preview

    return Preview(sources, clock=clock.monotonic)


def _watch_clients(page: WebSocketOutlet, most: int, metrics: Metrics, overview: Overview) -> None:
    metrics.watch_clients(lambda: page.clients, lambda: page.cut_off, lambda: page.refused)
    overview.watch_clients(
        lambda: {
            "connected": page.clients,
            "most": most,
            "cut_off": page.cut_off,
            "refused": page.refused,
        }
    )


def page_outlet(settings: Settings, routes: Mapping[str, Route], clock: Clock) -> WebSocketOutlet:
    """What serves `routes`, to those whom the settings let in.

    Raises:
        SinkError: a setting is none that it can work with.
    """
    token = settings.token.get_secret_value() if settings.token else None
    return WebSocketOutlet(
        host=settings.host,
        port=settings.port,
        access=access_for(settings.host, token, settings.insecure, settings.allow_origin),
        max_clients=settings.max_clients,
        tls=tls_context(settings.tls_cert, settings.tls_key),
        routes=routes,
        clock=clock,
    )


def _others(
    settings: Settings, metrics: Metrics, overview: Overview, clock: Clock
) -> Iterator[Outlet]:
    if settings.mqtt:
        broker = MqttOutlet(
            settings.mqtt,
            ca=settings.mqtt_ca,
            client_id=settings.mqtt_client_id,
            homeassistant=settings.homeassistant,
            clock=clock.monotonic,
        )
        metrics.watch_broker(lambda: broker.links)
        overview.watch_broker(lambda: broker.links)
        yield broker
    if settings.osc:
        yield OscOutlet(settings.osc)
    if settings.jsonl:
        yield JsonlOutlet(settings.jsonl)
