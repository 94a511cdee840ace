"""`dancetype replay`: replay recordings through the classifier and all sinks."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from dancetype.cli.options import with_settings
from dancetype.engine.errors import FileError, SettingsError
from dancetype.stream import event_loop
from dancetype.stream.settings import Settings

if TYPE_CHECKING:
    from dancetype.engine.classifier import Classifier
    from dancetype.engine.media.recording import Header
    from dancetype.engine.recognizer import MultiDancerRecognizer
    from dancetype.stream.replay import Agreement, ScheduledRecording
    from dancetype.stream.session import Session

_REPLAY_PANEL: Final = "Replay"


@with_settings
def replay(
    settings: Settings,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECORDING",
            help="Files written by `run --record` or `record`, or folders of them.",
        ),
    ],
    speed: Annotated[
        float,
        typer.Option(
            metavar="FACTOR",
            min=0,
            help="Speed factor; 0 is as fast as possible.",
            rich_help_panel=_REPLAY_PANEL,
        ),
    ] = 1.0,
    loop: Annotated[
        bool,
        typer.Option(
            "--loop",
            help="Start again at the end, until Ctrl-C.",
            rich_help_panel=_REPLAY_PANEL,
        ),
    ] = False,
) -> None:
    """Replay recordings through the classifier and all sinks.

    No camera or dancer is needed: use it to set up lights and overlays, or to reproduce a wrong
    prediction. --people and --hop default to the values of the recorded run. At the end, the
    command reports how many predictions match the recorded ones.

    Examples:
        # Repeat all recordings of a folder
        dancetype replay recordings --loop
        # Four times as fast, with OSC to a lighting desk
        dancetype replay recordings --speed 4 --osc 10.0.0.7:9000
        # Compare another model with the recorded predictions
        dancetype replay recordings --speed 0 --no-serve --model new.onnx
    """
    from dancetype.app import exit_process
    from dancetype.stream.replay import Agreement
    from dancetype.stream.sinks.log import configure

    if not (math.isfinite(speed) and speed >= 0):
        raise SettingsError(f"speed: must be a number of at least 0, not {speed}")
    if loop and speed == 0:
        raise SettingsError("loop: --speed 0 would flood the clients; give a --speed such as 4")
    recordings = _find_recordings(files)
    configure()
    agreements = {recording.header.source: Agreement() for recording in recordings}
    session = event_loop.run(_session(settings, recordings, agreements, speed=speed, loop=loop))
    if not loop:
        console = Console()
        for name, agreement in agreements.items():
            console.print(Text(f"{name}: {_agreement_text(agreement)}"), soft_wrap=True)
    exit_process(failed=session.failed, stuck=session.stuck)


def _find_recordings(files: Sequence[Path]) -> "list[ScheduledRecording]":
    """Return the recordings in `files`, and in folders among them, without duplicates.

    Raises:
        FileError: A file is not a recording, or a folder contains none.
    """
    from dancetype.stream.replay import ScheduledRecording, open_recording

    paths: dict[Path, Path] = {}
    for file in files:
        found = sorted(file.glob("*.npz")) if file.is_dir() else [file]
        if not found:
            raise FileError(f"{file}: this folder contains no recordings (.npz)")
        paths |= {path.resolve(): path for path in found}
    # Check all files now rather than halfway through a rehearsal. Only one at a time is in memory,
    # since there may be days of recordings.
    opened = ((path, open_recording(path)[0]) for path in paths.values())
    return [
        ScheduledRecording(path, recording.header, recording.seconds) for path, recording in opened
    ]


async def _session(
    settings: Settings,
    recordings: "Sequence[ScheduledRecording]",
    agreements: "Mapping[str, Agreement]",
    *,
    speed: float,
    loop: bool,
) -> "Session":
    from dancetype.app import run_session
    from dancetype.engine.classifier import Classifier
    from dancetype.sinks import make_sinks
    from dancetype.stream.clock import Clock
    from dancetype.stream.replay import Replay, ReplayClock, loop_duration, schedule

    clock = Clock.start()
    classifier = Classifier(settings.model, device=settings.device)
    scheduled = schedule(recordings)
    # A recording contains no images to preview, and need not be recorded again.
    settings = settings.model_copy(update={"preview": False, "record": None})
    sinks = make_sinks(settings, scheduled, classifier=classifier, clock=clock)
    replay_clock = ReplayClock(clock.monotonic, speed=speed, loop_seconds=loop_duration(scheduled))
    replays = {
        name: Replay(
            name,
            source_recordings,
            make_recognizer=partial(_recognizer, settings, classifier),
            clock=replay_clock,
            agreement=agreements[name],
            loop=loop,
        )
        for name, source_recordings in scheduled.items()
    }
    return await run_session(settings, replays, sinks, classifier=classifier, clock=clock)


def _recognizer(
    settings: Settings, classifier: "Classifier", header: "Header"
) -> "MultiDancerRecognizer":
    """Create a recognizer with the values of the recorded run, unless they are set explicitly."""
    from dancetype.engine.recognizer import MultiDancerRecognizer

    explicit = settings.model_fields_set
    return MultiDancerRecognizer(
        classifier,
        people=settings.people if "people" in explicit else header.people_followed,
        hop=settings.hop if "hop" in explicit else header.hop,
    )


def _agreement_text(agreement: "Agreement") -> str:
    if not agreement.compared:
        return "no frame has both a new and a recorded prediction"
    return f"{agreement.same} of {agreement.compared} predictions match the recorded ones"
