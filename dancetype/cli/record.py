"""`dancetype record`: record labelled landmark tracks for training, without images."""

import math
from pathlib import Path
from typing import Annotated, Final

import typer

from dancetype.cli.options import with_settings
from dancetype.engine.errors import ExpectedError
from dancetype.stream import event_loop
from dancetype.stream.settings import Settings
from dancetype.stream.system import (
    explain_missing_libraries,
    filter_native_stderr,
    limit_malloc_arenas,
)

_RECORDING_PANEL: Final = "Recording"


@with_settings
def record(
    settings: Settings,
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]SOURCE",
            help="Webcam number such as 0, rtsp://... or another stream, a video file, or test: (a "
            "test pattern).",
        ),
    ],
    genre: Annotated[
        str,
        typer.Option(
            metavar="GENRE",
            help="Genre danced, as a code or name (BR, break, ...); `none` for people who do not "
            "dance.",
            rich_help_panel=_RECORDING_PANEL,
        ),
    ],
    dancer: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Name of the dancer, always spelled the same: models are tested on dancers whom "
            "they were not trained on.",
            rich_help_panel=_RECORDING_PANEL,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Folder for the recordings.", rich_help_panel=_RECORDING_PANEL
        ),
    ],
    start_delay: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="Seconds to skip after the first frame.",
            rich_help_panel=_RECORDING_PANEL,
        ),
    ] = 0.0,
) -> None:
    r"""Record labelled landmark tracks for training, without images.

    A live source is recorded until Ctrl-C or --seconds, a video file to its end. Each source
    becomes one file, to be used with `dancetype train --tracks`.

    Examples:
        # One minute of house from the first webcam, after 5 seconds to get ready
        dancetype record 0 --genre house --dancer ann --out tracks \
            --start-delay 5 --seconds 60
        # Video files
        dancetype record clips/*.mp4 --genre LO --dancer ben --out tracks
        # People who do not dance
        dancetype record 0 --genre none --dancer ann --out tracks
    """
    from dancetype.app import estimator_factory, exit_process
    from dancetype.stream.recording_run import Label, RecordingRun

    label = Label.parse(genre, dancer)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExpectedError(
            f"{out}: cannot create the folder ({error.strerror}); choose another --out"
        ) from error
    limit_malloc_arenas()
    with filter_native_stderr(), explain_missing_libraries():
        recording_run = RecordingRun(
            label,
            out,
            make_estimator=estimator_factory(settings),
            seconds=settings.seconds or math.inf,
            start_delay=start_delay,
            transform=settings.transform,
        )
        event_loop.run(recording_run.run(settings.source))
    exit_process(failed=recording_run.failed, stuck=recording_run.stuck)
