"""`dancetype record`: record labelled landmarks to train on, without any image."""

import asyncio
import math
from pathlib import Path
from typing import Annotated

import typer

from dancetype.cli.options import with_settings
from dancetype.engine.errors import ExpectedError
from dancetype.stream.settings import Settings
from dancetype.stream.system import (
    explain_missing_libraries,
    filter_native_stderr,
    limit_malloc_arenas,
)


@with_settings
def record(
    settings: Settings,
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]SOURCE", help="0 (a webcam), rtsp://..., video files or test:."
        ),
    ],
    genre: Annotated[
        str, typer.Option(help="Genre danced, by code or name (BR, break, ...), or none.")
    ],
    dancer: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Dancer, always spelled the same way: models are tested on dancers whom they "
            "were not trained on.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the recordings.")],
    start_delay: Annotated[float, typer.Option(min=0, help="Seconds to skip at the start.")] = 0.0,
) -> None:
    """Record landmark tracks, never images, for `train --tracks`."""
    from dancetype.app import estimator_maker, exit_process
    from dancetype.stream.recording_run import Label, RecordingRun

    label = Label.parse(genre, dancer)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExpectedError(f"{out}: cannot hold tracks: {error.strerror}") from error
    limit_malloc_arenas()
    with filter_native_stderr(), explain_missing_libraries():
        recording = RecordingRun(
            label,
            out,
            make_estimator=estimator_maker(settings),
            seconds=settings.seconds or math.inf,
            start_delay=start_delay,
        )
        asyncio.run(recording.run(settings.source))
    exit_process(failed=recording.failed, stuck=recording.stuck)
