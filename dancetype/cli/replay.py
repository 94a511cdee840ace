"""`dancetype replay`: replay recordings through the classifier and all sinks."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.text import Text

from dancetype.app import outgoing
from dancetype.cli.ending import end
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import FileError, SettingsError
from dancetype.engine.floor import Floor
from dancetype.engine.media.recording import Header
from dancetype.stream.messages import Clock
from dancetype.stream.replay import Agreement, Pace, Part, Replay, length, open_recording, schedule
from dancetype.stream.session import Session
from dancetype.stream.settings import Settings
from dancetype.stream.sinks.log import configure
from dancetype.stream.speaker import Speaker


def replay(files: Sequence[Path], settings: Settings, *, speed: float, loop: bool) -> None:
    """Replay recordings until the last has ended or the user stops.

    Args:
        files: Recordings, and folders of recordings.
        settings: Settings; `people` and `hop` are those of each recording unless set.
        speed: Seconds of a recording per second; 0 is as fast as possible.
        loop: Whether to start over at the end, forever.

    Raises:
        ExpectedError: The replay cannot start.
        SystemExit: A recording can no longer be read.
    """
    if not (math.isfinite(speed) and speed >= 0):
        raise SettingsError(f"speed: takes 0 or more, not {speed}")
    if loop and speed == 0:
        raise SettingsError("loop: it would flood all who listen; give a --speed, such as 4")
    parts = _parts(files)
    configure()
    console = Console()
    agreements = {part.header.source: Agreement() for part in parts}
    session = asyncio.run(_session(settings, parts, agreements, console, speed=speed, loop=loop))
    if not loop:
        for name, agreement in agreements.items():
            console.print(Text(f"{name}: {_agreed(agreement)}"), soft_wrap=True)
    end(failed=session.failed, stuck=session.stuck)


def _parts(files: Sequence[Path]) -> list[Part]:
    """Return each recording among `files`, or in a folder among them, once.

    Raises:
        FileError: One of them is not a recording, or a folder has none.
    """
    paths: dict[Path, Path] = {}
    for file in files:
        found = sorted(file.glob("*.npz")) if file.is_dir() else [file]
        if not found:
            raise FileError(f"{file}: no recordings (.npz) in it")
        paths |= {path.resolve(): path for path in found}
    # Halfway through a rehearsal would be too late to find a damaged one. Only one at a time is in
    # memory, as there may be days of them.
    recordings = ((path, open_recording(path)[0]) for path in paths.values())
    return [Part(path, recording.header, recording.seconds) for path, recording in recordings]


async def _session(
    settings: Settings,
    parts: Sequence[Part],
    agreements: Mapping[str, Agreement],
    console: Console,
    *,
    speed: float,
    loop: bool,
) -> Session:
    clock = Clock.start()
    classifier = Classifier(settings.model, device=settings.device)
    scheduled = schedule(parts)
    # There are no images to show, and the poses are recorded already.
    settings = settings.model_copy(update={"preview": False, "record": None})
    sending = outgoing(settings, scheduled, classifier=classifier, clock=clock, console=console)
    pace = Pace(clock.monotonic, speed=speed, lap=length(scheduled))
    makers = {
        name: partial(
            Replay,
            name,
            of_source,
            make_floor=partial(_floor, settings, classifier),
            pace=pace,
            agreement=agreements[name],
            loop=loop,
        )
        for name, of_source in scheduled.items()
    }
    speaker = partial(Speaker, genres=classifier.contract.genres, clock=clock)
    return await sending.run(makers, speaker=speaker, console=console, seconds=settings.seconds)


def _floor(settings: Settings, classifier: Classifier, header: Header) -> Floor:
    """Return a recognizer as the run had it, except for what is set now."""
    given = settings.model_fields_set
    return Floor(
        classifier,
        people=settings.people if "people" in given else header.people_followed,
        hop=settings.hop if "hop" in given else header.hop,
    )


def _agreed(agreement: Agreement) -> str:
    if not agreement.compared:
        return "no prediction is of a frame that one was recorded of"
    return f"{agreement.same} of {agreement.compared} predictions are as they were recorded"
