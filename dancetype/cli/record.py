"""`dancetype record`: keeps what is danced as landmark tracks to train on, without its pictures."""

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dancetype.app import estimator_maker, exit_process
from dancetype.engine.errors import ExpectedError
from dancetype.stream.record.label import Label
from dancetype.stream.settings import Settings
from dancetype.stream.system import (
    explain_missing_libraries,
    filter_native_stderr,
    limit_malloc_arenas,
)


def record(settings: Settings, label: Label, *, out: Path, start_delay: float = 0.0) -> None:
    """Records live sources side by side, then files one after the other.

    Args:
        settings: say the sources, the pose model and for how long.
        label: of all tracks.
        out: folder for the tracks, made where it is not there.
        start_delay: seconds from a source's first frame on of which nothing is kept.

    Raises:
        ExpectedError: it cannot start.
        SystemExit: a source could not be recorded, or not as a whole.
    """
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
