"""`dancetype record`: keeps what is danced as landmark tracks to train on, without its pictures."""

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from dancetype.app import estimator_maker, exit_process
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
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the tracks.")],
    start_delay: Annotated[float, typer.Option(min=0, help="Seconds to skip at the start.")] = 0.0,
) -> None:
    """Record landmark tracks, never images, for `train --tracks`."""
    from dancetype.stream.record.label import Label

    label = Label.parse(genre, dancer)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExpectedError(f"{out}: cannot hold tracks: {error.strerror}") from error
    limit_malloc_arenas()
    with filter_native_stderr(), explain_missing_libraries(), _one_interrupt():
        # Seconds to load.
        from dancetype.stream.record.studio import Studio

        studio = Studio(
            label,
            out,
            make_estimator=estimator_maker(settings),
            seconds=settings.seconds or math.inf,
            start_delay=start_delay,
        )
        studio.record(settings.source)
    exit_process(failed=studio.failed, stuck=studio.stuck)


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """SIGTERM interrupts like SIGINT; after the first the next are ignored, for the keeping."""

    def interrupt(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
