"""`dancetype replay`: plays takes to the classifier and all outlets, as if somebody danced."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.text import Text

from dancetype.cli.ending import end
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import FileError, SettingsError
from dancetype.engine.floor import Floor
from dancetype.sinks import outgoing
from dancetype.stream.messages import Clock
from dancetype.stream.replay import Agreement, Pace, Part, Replay, length, programme
from dancetype.stream.session import Session
from dancetype.stream.settings import Settings
from dancetype.stream.sinks.log import configure
from dancetype.stream.sinks.take import About, read_take
from dancetype.stream.speaker import Speaker


def replay(files: Sequence[Path], settings: Settings, *, speed: float, loop: bool) -> None:
    """Plays takes until the last is over or it is stopped.

    Args:
        files: takes, and folders of takes.
        settings: of people and hop, those that are not set are the take's own.
        speed: seconds of a take that pass in one second; 0 is as fast as it goes.
        loop: whether to start over at the end, for ever.

    Raises:
        ExpectedError: it cannot start.
        SystemExit: a take could not be read any more.
    """
    if not (math.isfinite(speed) and speed >= 0):
        raise SettingsError(f"speed: takes 0 or more, not {speed}")
    if loop and speed == 0:
        raise SettingsError("loop: it would flood all who listen; give a --speed, such as 4")
    parts = _parts(files)
    configure()
    console = Console()
    agreements = {part.about.source: Agreement() for part in parts}
    session = asyncio.run(_session(settings, parts, agreements, console, speed=speed, loop=loop))
    if not loop:
        for name, agreement in agreements.items():
            console.print(Text(f"{name}: {_agreed(agreement)}"), soft_wrap=True)
    end(failed=session.failed, stuck=session.stuck)


def _parts(files: Sequence[Path]) -> list[Part]:
    """Each take that is named, or lies in a folder that is, once.

    Raises:
        FileError: one of them is no take, or a folder has none.
    """
    paths: dict[Path, Path] = {}
    for file in files:
        found = sorted(file.glob("*.npz")) if file.is_dir() else [file]
        if not found:
            raise FileError(f"{file}: no takes (.npz) in it")
        paths |= {path.resolve(): path for path in found}
    # Halfway through a rehearsal would be too late to find one damaged. Only one at a time is held,
    # as there may be days of them.
    takes = ((path, read_take(path)) for path in paths.values())
    return [Part(path, take.about, take.seconds) for path, take in takes]


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
    played = programme(parts)
    # There are no pictures to show, and what is seen is on record already.
    settings = settings.model_copy(update={"preview": False, "record": None})
    sending = outgoing(settings, played, classifier=classifier, clock=clock, console=console)
    pace = Pace(clock.monotonic, speed=speed, lap=length(played))
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
        for name, of_source in played.items()
    }
    speaker = partial(Speaker, genres=classifier.contract.genres, clock=clock)
    return await sending.run(makers, speaker=speaker, console=console, seconds=settings.seconds)


def _floor(settings: Settings, classifier: Classifier, about: About) -> Floor:
    """A floor as the run had it, except for what is set now."""
    given = settings.model_fields_set
    return Floor(
        classifier,
        people=settings.people if "people" in given else about.people_followed,
        hop=settings.hop if "hop" in given else about.hop,
    )


def _agreed(agreement: Agreement) -> str:
    if not agreement.compared:
        return "no prediction is of a frame that one was recorded of"
    return f"{agreement.same} of {agreement.compared} predictions are as they were recorded"
