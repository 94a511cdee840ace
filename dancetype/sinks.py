"""Assembly of the sinks of a run."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from rich.console import Console

from dancetype.engine.classifier import Classifier
from dancetype.engine.contract import Contract
from dancetype.engine.errors import SettingsError
from dancetype.stream.clock import Clock
from dancetype.stream.pipeline import FrameObserver
from dancetype.stream.run_state import RunState
from dancetype.stream.settings import Settings
from dancetype.stream.sink import Sink, SinkFanOut
from dancetype.stream.sinks.jsonl import JsonlSink
from dancetype.stream.sinks.log import LogSink
from dancetype.stream.sinks.metrics import Metrics
from dancetype.stream.sinks.mqtt import MqttSink
from dancetype.stream.sinks.osc import OscSink
from dancetype.stream.sinks.recording import RecordingSink
from dancetype.stream.sinks.terminal import TerminalSink
from dancetype.stream.web.access import is_loopback, make_access, tls_context
from dancetype.stream.web.browser.folder import browser_routes
from dancetype.stream.web.health import Health
from dancetype.stream.web.pages import Route
from dancetype.stream.web.server import WebSocketSink
from dancetype.stream.web.status import StatusPage

if TYPE_CHECKING:
    from dancetype.stream.web.preview import Preview


@dataclass(frozen=True, slots=True)
class RunSinks:
    """All sinks of a run.

    Attributes:
        fan_out: All sinks, not entered yet.
        state: State of the run, which one of the sinks updates.
        web_server: Server of the dashboard and the WebSocket; None if --no-serve is set.
        observers: Observers of the frames of each source, by its name.
        console: Standard output.
        note: Text about the run for the terminal, or "".
    """

    fan_out: SinkFanOut
    state: RunState
    web_server: WebSocketSink | None
    observers: Mapping[str, Sequence[FrameObserver]]
    console: Console
    note: str


def make_sinks(
    settings: Settings,
    sources: Collection[str],
    *,
    classifier: Classifier,
    clock: Clock,
    note: str = "",
) -> RunSinks:
    """Create the sinks that the settings enable.

    Args:
        settings: Settings of the run.
        sources: Names of the sources.
        classifier: Genre classifier, whose model the sinks report.
        clock: Clock of the run.
        note: Text about the run for the terminal and the dashboard.

    Raises:
        SinkError: A sink cannot work with its settings.
        SettingsError: Two settings contradict each other.
    """
    if settings.homeassistant and not settings.mqtt:
        raise SettingsError("homeassistant: needs an MQTT broker; give --mqtt, too")
    contract, provider = classifier.contract, classifier.provider
    state = RunState(clock)
    metrics = Metrics(
        version=version("dancetype"), recipe=contract.recipe, provider=provider, state=state
    )
    sinks: list[Sink] = [state, LogSink(state), metrics]
    recording = _recording_sink(settings, contract, clock)
    if recording:
        sinks.append(recording)
    preview = _preview(settings, sources, clock)
    web_server = None
    if settings.serve:
        routes: dict[str, Route] = {"/metrics": metrics.page}
        routes |= _status_routes(settings, classifier, state, note)
        routes |= preview.routes if preview else {}
        routes |= browser_routes(settings.browser_page) if settings.browser_page else {}
        web_server = make_web_server(settings, routes, clock)
        state.clients = web_server.counts
        sinks.append(web_server)
    sinks += _output_sinks(settings, state, clock)
    providers: list[Preview | RecordingSink] = [sink for sink in (preview, recording) if sink]
    console = Console()
    return RunSinks(
        SinkFanOut([*sinks, TerminalSink(console, state)]),
        state,
        web_server,
        {
            name: [observer for sink in providers for observer in sink.observers(name)]
            for name in sources
        },
        console,
        note,
    )


def _recording_sink(settings: Settings, contract: Contract, clock: Clock) -> RecordingSink | None:
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
        raise SettingsError(
            "preview: the dashboard, which shows the images, is off; leave out --no-serve"
        )
    if settings.token is None and not is_loopback(settings.host):
        raise SettingsError(
            f"preview: with --host {settings.host}, other machines could watch the cameras without "
            "a token; set DANCETYPE_TOKEN, or leave out --preview"
        )
    # This import loads OpenCV, which takes a second.
    from dancetype.stream.web.preview import Preview

    return Preview(sources, clock=clock.monotonic)


def _status_routes(
    settings: Settings, classifier: Classifier, state: RunState, note: str
) -> dict[str, Route]:
    health = Health(state)
    status_page = StatusPage(
        program=version("dancetype"),
        model=classifier.contract.recipe,
        provider=classifier.provider,
        genres=classifier.contract.genres,
        preview=settings.preview,
        note=note,
        state=state,
    )
    return {"/healthz": health.live, "/readyz": health.ready, "/status": status_page.page}


def make_web_server(settings: Settings, routes: Mapping[str, Route], clock: Clock) -> WebSocketSink:
    """Create the server of `routes` and the WebSocket, with the access control of the settings.

    Raises:
        SinkError: A setting is invalid.
    """
    token = settings.token.get_secret_value() if settings.token else None
    return WebSocketSink(
        host=settings.host,
        port=settings.port,
        access=make_access(settings.host, token, settings.insecure, settings.allow_origin),
        max_clients=settings.max_clients,
        tls=tls_context(settings.tls_cert, settings.tls_key),
        routes=routes,
        clock=clock,
    )


def _output_sinks(settings: Settings, state: RunState, clock: Clock) -> Iterator[Sink]:
    if settings.mqtt:
        mqtt_sink = MqttSink(
            settings.mqtt,
            ca=settings.mqtt_ca,
            client_id=settings.mqtt_client_id,
            homeassistant=settings.homeassistant,
            clock=clock.monotonic,
        )
        state.broker_connections = lambda: mqtt_sink.connections
        state.shared_sources = lambda: mqtt_sink.shared_sources
        yield mqtt_sink
    if settings.osc:
        yield OscSink(settings.osc)
    if settings.jsonl:
        yield JsonlSink(settings.jsonl)
