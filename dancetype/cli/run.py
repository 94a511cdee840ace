"""`dancetype run` and `dancetype demo`: sources, live."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from functools import partial

from rich.console import Console

from dancetype.cli.ending import end
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import SettingsError
from dancetype.engine.floor import Floor
from dancetype.loading import estimator_maker, native_libraries, say
from dancetype.sinks import outgoing
from dancetype.stream.assets import SAMPLE_CLIP, cache_folder, fetch
from dancetype.stream.frames import Onlooker
from dancetype.stream.messages import Clock
from dancetype.stream.native_memory import one_heap
from dancetype.stream.session import MakePipeline, Session
from dancetype.stream.settings import Settings
from dancetype.stream.sinks.log import configure
from dancetype.stream.sources.uri import SourceUri, parse_uri
from dancetype.stream.speaker import Speaker
from dancetype.stream.system import chatter_dropped


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
    one_heap()
    with chatter_dropped(), native_libraries():
        configure()
        session = asyncio.run(_session(settings, sources, loop=loop))
    end(failed=session.failed, stuck=session.stuck)


async def _session(settings: Settings, sources: dict[str, SourceUri], *, loop: bool) -> Session:
    console = Console()
    clock = Clock.start()
    classifier = Classifier(settings.model, device=settings.device)
    sending = outgoing(settings, sources, classifier=classifier, clock=clock, console=console)
    makers = pipelines(settings, sources, classifier, clock, onlookers=sending.onlookers, loop=loop)
    speaker = partial(Speaker, genres=classifier.contract.genres, clock=clock)
    return await sending.run(makers, speaker=speaker, console=console, seconds=settings.seconds)


def pipelines(
    settings: Settings,
    sources: dict[str, SourceUri],
    classifier: Classifier,
    clock: Clock,
    *,
    onlookers: Mapping[str, Sequence[Onlooker]],
    loop: bool,
) -> dict[str, MakePipeline]:
    """Makes the pipeline of each of `sources`.

    Args:
        settings: of all of them.
        sources: by name.
        classifier: shared by them all.
        clock: of the messages.
        onlookers: who has to see the frames of each source, by its name.
        loop: whether a source that has ended starts over.

    Raises:
        AssetError: the pose model is not there, or cannot be fetched.
    """
    # Seconds to load, and no use for whoever has a setting wrong.
    from dancetype.stream.capture.watchdog import patience
    from dancetype.stream.pipeline import Pipeline
    from dancetype.stream.sources.opening import open_source

    make_estimator = estimator_maker(settings, people=settings.people)
    return {
        name: partial(
            Pipeline,
            name,
            open_source=partial(
                open_source,
                uri,
                clock=clock.monotonic,
                patience=patience(settings.stall),
                fps=settings.pose_fps,
            ),
            make_estimator=make_estimator,
            floor=Floor(classifier, people=settings.people, hop=settings.hop),
            clock=clock.monotonic,
            loop=loop,
            # Of frames that are left out nothing is heard.
            stall=max(settings.stall, 2 / (settings.pose_fps or math.inf)),
            onlookers=onlookers[name],
        )
        for name, uri in sources.items()
    }
