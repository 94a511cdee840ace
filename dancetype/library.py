"""The functions of the public API: classify a file, or watch a source live."""

from collections.abc import Generator
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, Final

from dancetype.app import estimator_factory, make_pipelines
from dancetype.engine.classifier import Classifier
from dancetype.engine.clip import ClipResult, classify_track
from dancetype.engine.defaults import DEFAULT_HOP, Device
from dancetype.engine.errors import Fault, SourceError
from dancetype.stream.clock import Clock
from dancetype.stream.message_builder import MessageBuilder
from dancetype.stream.messages import PredictionMessage
from dancetype.stream.pipeline import Event
from dancetype.stream.settings import PoseFps, Settings, Variant
from dancetype.stream.sources.base import SourceState
from dancetype.stream.sources.uri import parse_path, parse_uri
from dancetype.stream.system import explain_missing_libraries

_JOIN_TIMEOUT: Final = 10.0
_MAX_QUEUED: Final = 64
_WAIT_TIMEOUT: Final = 0.5


def classify(
    path: str | Path,
    *,
    model: str | Path | None = None,
    pose_model: str | Path | None = None,
    variant: Variant = "full",
    pose_fps: float | None = None,
    device: Device = "auto",
) -> ClipResult:
    """Classify a whole video file, as fast as it can be read.

    Args:
        path: Video file.
        model: Genre model, an ONNX file; the shipped model if None.
        pose_model: Pose model, a `.task` file; if None, that of `variant`, downloaded if missing.
        variant: Pose model: "lite", "full" or "heavy".
        pose_fps: Maximum number of frames per second to find poses in; all frames if None.
        device: "auto", "cpu" or "cuda", for the genre model.

    Raises:
        FileError: The file cannot be read.
        ModelError: A model cannot be loaded.
        AssetError: The pose model does not exist, or cannot be downloaded.
    """
    from dancetype.engine.media.extraction import extract_track
    from dancetype.engine.media.video import Video

    settings = _settings(model, pose_model, device=device, variant=variant)
    with explain_missing_libraries():
        classifier = Classifier(settings.model, device=device)
        with estimator_factory(settings)() as estimator, Video(path, fps=pose_fps) as video:
            track = extract_track(video, estimator, name=Path(path).stem)
    return classify_track(track.times, track.joints, classifier)


def watch(
    source: str | int | Path,
    *,
    people: int = 1,
    hop: float = DEFAULT_HOP,
    model: str | Path | None = None,
    pose_model: str | Path | None = None,
    variant: Variant = "full",
    pose_fps: PoseFps = "auto",
    every_frame: bool = False,
    device: Device = "auto",
) -> Generator[PredictionMessage]:
    """Yield predictions of a source live, until it ends.

    The source is read on background threads, which stop when the generator is closed. If the caller
    is slow, the oldest predictions are dropped. A live source that is lost is retried forever.

    Args:
        source: Number of a webcam, URL of a stream, a video file, or `test:`, as for `--source`.
        people: Maximum number of dancers.
        hop: Seconds between predictions.
        model: Genre model, an ONNX file; the shipped model if None.
        pose_model: Pose model, a `.task` file; if None, that of `variant`, downloaded if missing.
        variant: Pose model: "lite", "full" or "heavy".
        pose_fps: Maximum number of frames per second to find poses in. With "auto" it is 15, and
            down to 8 while the machine is short of time.
        every_frame: Whether to find poses in all frames, unless `pose_fps` is a number, and to wait
            for each frame of a file. By default only the newest frame counts.
        device: "auto", "cpu" or "cuda", for the genre model.

    Raises:
        SourceError: The source is invalid, or has failed permanently.
        ModelError: The genre model cannot be loaded.
        AssetError: The pose model does not exist, or cannot be downloaded.
        ValueError: `people` or `hop` is out of range.
    """
    is_path = isinstance(source, Path)
    uri = parse_path(str(source)) if is_path else parse_uri(str(source))
    settings = _settings(
        model,
        pose_model,
        people=people,
        hop=hop,
        device=device,
        variant=variant,
        pose_fps=pose_fps,
        every_frame=every_frame,
    )
    clock = Clock.start()
    name = uri.short_name
    with explain_missing_libraries():
        classifier = Classifier(settings.model, device=device)
        pipeline = make_pipelines(settings, {name: uri}, classifier, clock)[name]
    builder = MessageBuilder(name, genres=classifier.contract.genres, clock=clock)
    events: Queue[Event] = Queue(_MAX_QUEUED)
    try:
        pipeline.start(partial(_put_newest, events))
        while not builder.finished:
            message = builder.build(_next(events))
            if isinstance(message, PredictionMessage):
                yield message
            elif message.state is SourceState.FAILED:
                reason = message.reason or f"source {name} failed"
                raise SourceError(reason, message.fault or Fault.OTHER)
    finally:
        pipeline.stop()
        pipeline.join(_JOIN_TIMEOUT)


def _next(events: "Queue[Event]") -> Event:
    """Wait for the next event; on Windows, Ctrl-C does not end a wait without a time-out."""
    while True:
        with suppress(Empty):
            return events.get(timeout=_WAIT_TIMEOUT)


def _put_newest(events: "Queue[Event]", event: Event) -> None:
    """Put an event, and drop the oldest one if the queue is full; called on two threads."""
    while True:
        try:
            return events.put_nowait(event)
        except Full:
            with suppress(Empty):
                events.get_nowait()


def _settings(model: str | Path | None, pose_model: str | Path | None, **values: Any) -> Settings:
    # Unlike the commands, the API does not read environment variables.
    return Settings.model_construct(
        model=None if model is None else Path(model),
        pose_model=None if pose_model is None else Path(pose_model),
        **values,
    )
