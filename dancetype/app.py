"""Assembly of a live run: settings -> sources, pipelines, sinks, session.

Importing this module loads no sink and no OpenCV: worker processes import it too.
"""

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dancetype.engine.classifier import Classifier
from dancetype.engine.cores import available_cores
from dancetype.engine.errors import AssetError
from dancetype.engine.progress import print_status
from dancetype.engine.recognizer import MultiDancerRecognizer
from dancetype.stream import event_loop
from dancetype.stream.assets import POSE_MODELS, cache_folder, fetch
from dancetype.stream.capture.watchdog import source_timeout
from dancetype.stream.clock import Clock
from dancetype.stream.output import OutputError
from dancetype.stream.pipeline import FrameObserver, Pipeline
from dancetype.stream.pose_schedule import PoseRate, PoseTurns
from dancetype.stream.service_manager import ServiceNotifier
from dancetype.stream.session import EventThreads, Session
from dancetype.stream.settings import Settings, settings_of
from dancetype.stream.sources.uri import SourceUri
from dancetype.stream.system import (
    explain_missing_libraries,
    filter_native_stderr,
    limit_malloc_arenas,
)

if TYPE_CHECKING:
    from dancetype.engine.pose.base import PoseEstimator
    from dancetype.engine.workers import Work
    from dancetype.sinks import RunSinks


def run_sources(
    settings: Settings, sources: Mapping[str, SourceUri], *, loop: bool = False, note: str = ""
) -> None:
    """Classify sources live until all have ended, or the run is stopped.

    Args:
        settings: Settings of the run.
        sources: Sources by name.
        loop: Whether sources start again at their end.
        note: Text about the run for the terminal and the dashboard.

    Raises:
        ExpectedError: The run cannot start.
        SystemExit: A source or sink failed.
    """
    from dancetype.stream.sinks.log import configure

    limit_malloc_arenas()
    with filter_native_stderr(), explain_missing_libraries():
        configure()
        session = event_loop.run(_run_sources(settings, sources, loop=loop, note=note))
    exit_process(failed=session.failed, stuck=session.stuck)


async def _run_sources(
    settings: Settings, sources: Mapping[str, SourceUri], *, loop: bool, note: str
) -> Session:
    from dancetype.sinks import make_sinks

    clock = Clock.start()
    classifier = Classifier(settings.model, device=settings.device)
    sinks = make_sinks(settings, sources, classifier=classifier, clock=clock, note=note)
    pipelines = make_pipelines(
        settings, sources, classifier, clock, observers=sinks.observers, loop=loop
    )
    return await run_session(settings, pipelines, sinks, classifier=classifier, clock=clock)


async def run_session(
    settings: Settings,
    pipelines: Mapping[str, EventThreads],
    sinks: "RunSinks",
    *,
    classifier: Classifier,
    clock: Clock,
) -> Session:
    """Run the pipelines of all sources until they end, and send their messages to the sinks.

    Args:
        settings: Settings of the run.
        pipelines: Pipelines by the name of the source.
        sinks: Sinks of the run.
        classifier: Genre classifier.
        clock: Clock of the run.

    Raises:
        SinkError: A sink cannot start.
    """
    state = sinks.state
    notifier = ServiceNotifier(healthy=lambda: state.has_recent_frame, status=lambda: state.summary)
    async with sinks.fan_out as fan_out, notifier:
        # If this fails, the sink that writes to the terminal will report it.
        with suppress(OutputError):
            if sinks.web_server:
                sinks.console.print(f"page: {sinks.web_server.url}", soft_wrap=True)
            if sinks.note:
                sinks.console.print(sinks.note, soft_wrap=True)
        session = Session(pipelines, fan_out, genres=classifier.contract.genres, clock=clock)
        await session.run(seconds=settings.seconds)
    return session


def make_pipelines(
    settings: Settings,
    sources: Mapping[str, SourceUri],
    classifier: Classifier,
    clock: Clock,
    *,
    observers: Mapping[str, Sequence[FrameObserver]] | None = None,
    loop: bool = False,
) -> dict[str, Pipeline]:
    """Create the pipeline of each source without starting it; return them by the source's name.

    Args:
        settings: Settings of the run.
        sources: Sources by name.
        classifier: Genre classifier, shared by all pipelines.
        clock: Clock of the run.
        observers: Observers of the frames of each source, by its name.
        loop: Whether sources start again at their end.

    Raises:
        AssetError: The pose model does not exist, or cannot be downloaded.
    """
    # Importing OpenCV takes a second, and errors in the settings should be reported before that.
    from dancetype.stream.sources.opening import open_source

    make_estimator = estimator_factory(settings, people=settings.people)
    # The estimators have one thread each.
    cores = available_cores()
    turns, pose_fps = PoseTurns(cores, clock=clock.monotonic), _pose_fps(settings, cores)
    return {
        name: Pipeline(
            name,
            open_source=partial(
                open_source,
                uri,
                clock=clock.monotonic,
                timeout=source_timeout(settings.stall),
                transform=settings.transform(name),
            ),
            make_estimator=make_estimator,
            recognizer=MultiDancerRecognizer(classifier, people=settings.people, hop=settings.hop),
            clock=clock.monotonic,
            loop=loop,
            # The pause between two frames must not count as a stall if `pose_fps` is low.
            stall=max(settings.stall, 2 / (settings.fixed_pose_fps or math.inf)),
            observers=(observers or {}).get(name, ()),
            pose_fps=pose_fps,
            every_frame=settings.every_frame,
            turns=turns,
        )
        for name, uri in sources.items()
    }


def _pose_fps(settings: Settings, cores: int) -> float | PoseRate | None:
    if settings.pose_fps == "auto":
        return None if settings.every_frame else PoseRate(cores)
    return settings.pose_fps


def load_camera(
    settings: Settings, clock: Clock, *, loop: bool
) -> tuple[Mapping[str, str], Mapping[str, EventThreads]]:
    """Load the models of a fleet camera; return genre names by code, and its pipeline by name.

    Raises:
        ExpectedError: A model cannot be loaded.
    """
    with explain_missing_libraries():
        classifier = Classifier(settings.model, device=settings.device)
        pipelines = make_pipelines(settings, settings.source, classifier, clock, loop=loop)
    return classifier.contract.genres, pipelines


def pose_model_file(settings: Settings) -> Path:
    """Return the path of the pose model, which is downloaded if it is missing.

    Raises:
        AssetError: The model does not exist, or cannot be downloaded.
    """
    model = settings.pose_model
    if model is None:
        return fetch(POSE_MODELS[settings.variant], cache_folder(), report=print_status)
    if not model.is_file():
        raise AssetError(f"{model}: no such pose model; check --pose-model")
    return model


def estimator_factory(settings: Settings, *, people: int = 1) -> Callable[[], "PoseEstimator"]:
    """Return a function that creates a pose estimator on the thread that calls it.

    A missing pose model is downloaded now.

    Raises:
        AssetError: The model does not exist, or cannot be downloaded.
    """
    model = pose_model_file(settings)

    def make() -> "PoseEstimator":
        # The import takes a second, and MediaPipe has to be loaded on the thread that uses it.
        from dancetype.engine.pose.opening import open_estimator

        with explain_missing_libraries():
            return open_estimator(model, runtime=settings.pose_runtime, people=people)

    return make


def clip_settings(settings: Settings) -> Settings:
    """Return only the settings that are needed to classify a clip in another process.

    Secrets such as the token are left out.
    """
    values = {name: getattr(settings, name) for name in (*settings_of("classify"), "hop")}
    # The other process may have another working directory.
    paths = {name: value.absolute() for name, value in values.items() if isinstance(value, Path)}
    return Settings.model_construct(**{**values, **paths})


@contextmanager
def clip_worker(settings: Settings, *, threads: int) -> Iterator["Work"]:
    """Load the models, and yield a `ClipJob` that classifies clips with them.

    Args:
        settings: Settings with the models.
        threads: Threads that decode a clip and encode an annotated video; one per core if 0.

    Raises:
        ExpectedError: A model cannot be loaded.
    """
    # These imports take seconds.
    from dancetype.engine.media.video import Video
    from dancetype.stream.offline.clip_job import ClipJob

    classifier = Classifier(settings.model, device=settings.device)
    with estimator_factory(settings)() as estimator:
        yield ClipJob(
            classifier,
            estimator,
            hop=settings.hop,
            open_clip=partial(
                Video,
                fps=settings.fixed_pose_fps,
                transform=settings.clip_transform,
                threads=threads,
            ),
            clock=time.monotonic,
            threads=threads,
        )


def exit_process(*, failed: bool, stuck: bool) -> None:
    """Exit with status 1 if a source or sink failed; otherwise return.

    Args:
        failed: Whether a source or sink failed.
        stuck: Whether a driver or connection still blocks a thread. Such a thread would crash while
            the interpreter shuts down, so the process then exits without that shutdown. The caller
            must have closed everything else.
    """
    if stuck:
        try:
            sys.stdout.flush()
        except OutputError:
            failed = True
        sys.stderr.flush()
        os._exit(int(failed))
    if failed:
        sys.exit(1)
