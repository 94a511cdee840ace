"""`dancetype replay`: replay recordings through the classifier and all sinks."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from dancetype.cli.options import with_settings
from dancetype.engine.errors import FileError, SettingsError
from dancetype.stream.settings import Settings

if TYPE_CHECKING:
    from dancetype.engine.classifier import Classifier
    from dancetype.engine.media.recording import Header
    from dancetype.engine.recognizer import MultiDancerRecognizer
    from dancetype.stream.replay import Agreement, ScheduledRecording
    from dancetype.stream.session import Session


@with_settings
def replay(
    settings: Settings,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECORDING...", help="Files of run --record or record, or folders of them."
        ),
    ],
    speed: Annotated[float, typer.Option(min=0, help="Speed factor; 0 is unlimited.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Start over at the end, forever.")] = False,
) -> None:
    """Replay what run --record or record has recorded, to rehearse or to investigate a problem.

    The number of dancers and the hop are those of the recorded run, unless they are set.
    """
    from dancetype.app import exit_process
    from dancetype.stream.replay import Agreement
    from dancetype.stream.sinks.log import configure

    if not (math.isfinite(speed) and speed >= 0):
        raise SettingsError(f"speed: takes 0 or more, not {speed}")
    if loop and speed == 0:
        raise SettingsError("loop: it would flood all who listen; give a --speed, such as 4")
    parts = _parts(files)
    configure()
    agreements = {part.header.source: Agreement() for part in parts}
    session = asyncio.run(_session(settings, parts, agreements, speed=speed, loop=loop))
    if not loop:
        console = Console()
        for name, agreement in agreements.items():
            console.print(Text(f"{name}: {_agreed(agreement)}"), soft_wrap=True)
    exit_process(failed=session.failed, stuck=session.stuck)


def _parts(files: Sequence[Path]) -> "list[ScheduledRecording]":
    """Return each recording among `files`, or in a folder among them, once.

    Raises:
        FileError: One of them is not a recording, or a folder has none.
    """
    from dancetype.stream.replay import ScheduledRecording, open_recording

    paths: dict[Path, Path] = {}
    for file in files:
        found = sorted(file.glob("*.npz")) if file.is_dir() else [file]
        if not found:
            raise FileError(f"{file}: no recordings (.npz) in it")
        paths |= {path.resolve(): path for path in found}
    # Halfway through a rehearsal would be too late to find a damaged one. Only one at a time is in
    # memory, as there may be days of them.
    recordings = ((path, open_recording(path)[0]) for path in paths.values())
    return [
        ScheduledRecording(path, recording.header, recording.seconds)
        for path, recording in recordings
    ]


async def _session(
    settings: Settings,
    parts: "Sequence[ScheduledRecording]",
    agreements: "Mapping[str, Agreement]",
    *,
    speed: float,
    loop: bool,
) -> "Session":
    from dancetype.app import run_session
    from dancetype.engine.classifier import Classifier
    from dancetype.sinks import live_sinks
    from dancetype.stream.clock import Clock
    from dancetype.stream.replay import Replay, ReplayClock, loop_duration, schedule

    clock = Clock.start()
    classifier = Classifier(settings.model, device=settings.device)
    scheduled = schedule(parts)
    # There are no images to show, and the poses are recorded already.
    settings = settings.model_copy(update={"preview": False, "record": None})
    sinks = live_sinks(settings, scheduled, classifier=classifier, clock=clock)
    replay_clock = ReplayClock(clock.monotonic, speed=speed, loop_seconds=loop_duration(scheduled))
    replays = {
        name: Replay(
            name,
            of_source,
            make_recognizer=partial(_recognizer, settings, classifier),
            clock=replay_clock,
            agreement=agreements[name],
            loop=loop,
        )
        for name, of_source in scheduled.items()
    }
    return await run_session(settings, replays, sinks, classifier=classifier, clock=clock)


def _recognizer(
    settings: Settings, classifier: "Classifier", header: "Header"
) -> "MultiDancerRecognizer":
    """Create a recognizer as the run had it, except for explicit settings."""
    from dancetype.engine.recognizer import MultiDancerRecognizer

    given = settings.model_fields_set
    return MultiDancerRecognizer(
        classifier,
        people=settings.people if "people" in given else header.people_followed,
        hop=settings.hop if "hop" in given else header.hop,
    )


def _agreed(agreement: "Agreement") -> str:
    if not agreement.compared:
        return "no prediction is of a frame that one was recorded of"
    return f"{agreement.same} of {agreement.compared} predictions are as they were recorded"
