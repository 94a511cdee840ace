"""`dancetype run` and `dancetype demo`: sources, live."""

import asyncio
import logging
from functools import partial

from rich.console import Console
from rich.logging import RichHandler

from engine.classifier import Classifier
from engine.floor import Floor
from stream.assets import SAMPLE_CLIP, cache_folder, fetch
from stream.messages import Clock
from stream.native_stderr import chatter_dropped
from stream.outlets.base import Outlet, Outlets
from stream.outlets.jsonl import JsonlOutlet
from stream.outlets.mqtt import MqttOutlet
from stream.outlets.terminal import TerminalOutlet
from stream.outlets.websocket import WebSocketOutlet
from stream.session import MakePipeline, Session
from stream.settings import Settings, SettingsError
from stream.sources.uri import SourceUri, parse_uri
from stream.speaker import Speaker
from stream.verbs.ending import end
from stream.verbs.loading import native_libraries, pose_model, say


def run(settings: Settings) -> None:
    """Shows and sends what is danced in front of the sources, until all end or it is stopped.

    Raises:
        ExpectedError: it cannot start.
        SystemExit: a source failed.
    """
    if not settings.source:
        raise SettingsError("no source: give --source 0 for a webcam, rtsp://..., a file or test:")
    _live(settings, settings.source, loop=False)


def demo(settings: Settings) -> None:
    """Does the same with the sample clip, over and over.

    Raises:
        ExpectedError: it cannot start.
        SystemExit: the clip cannot be read.
    """
    clip = fetch(SAMPLE_CLIP, cache_folder(), say=say)
    _live(settings, {"demo": parse_uri(str(clip))}, loop=True)


def _live(settings: Settings, sources: dict[str, SourceUri], *, loop: bool) -> None:
    with chatter_dropped(), native_libraries():
        logs = RichHandler(console=Console(stderr=True), show_path=False)
        logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[logs])
        session = asyncio.run(_session(settings, sources, loop=loop))
    end(failed=session.failed, stuck=session.stuck)


async def _session(settings: Settings, sources: dict[str, SourceUri], *, loop: bool) -> Session:
    console = Console()
    clock = Clock.start()
    classifier = Classifier(settings.model, device=settings.device)
    makers = _pipelines(settings, sources, classifier, clock, loop=loop)
    websocket = [WebSocketOutlet(host=settings.host, port=settings.port)] if settings.serve else []
    outlets: list[Outlet] = [*websocket]
    if settings.mqtt:
        outlets.append(MqttOutlet(settings.mqtt))
    if settings.jsonl:
        outlets.append(JsonlOutlet(settings.jsonl))
    async with Outlets([*outlets, TerminalOutlet(console)]) as entered:
        for served in websocket:
            console.print(f"page: http://{served.host}:{served.port}/", soft_wrap=True)
        session = Session(
            makers,
            speaker=partial(Speaker, labels=classifier.contract.labels, clock=clock),
            outlets=entered,
        )
        await session.run(seconds=settings.seconds)
    return session


def _pipelines(
    settings: Settings,
    sources: dict[str, SourceUri],
    classifier: Classifier,
    clock: Clock,
    *,
    loop: bool,
) -> dict[str, MakePipeline]:
    # Seconds to load, and no use for whoever has a setting wrong.
    from engine.pose import PoseEstimator
    from stream.pipeline import Pipeline
    from stream.sources.opening import open_source

    def estimator() -> PoseEstimator:
        # MediaPipe loads its libraries here, on a pipeline's own thread.
        with native_libraries():
            return PoseEstimator(model, people=settings.people)

    model = pose_model(settings.pose_model, settings.variant)
    return {
        name: partial(
            Pipeline,
            name,
            open_source=partial(open_source, uri, clock=clock.monotonic),
            make_estimator=estimator,
            floor=Floor(classifier, people=settings.people, hop=settings.hop),
            clock=clock.monotonic,
            loop=loop,
        )
        for name, uri in sources.items()
    }
