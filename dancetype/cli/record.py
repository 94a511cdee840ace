"""`dancetype record`: record labelled landmarks to train on, without any image."""

import asyncio
import math
from pathlib import Path
from typing import TYPE_CHECKING

from dancetype.cli.ending import end
from dancetype.engine.errors import ExpectedError
from dancetype.loading import estimator_maker, native_libraries
from dancetype.stream.native_memory import one_heap
from dancetype.stream.settings import Settings
from dancetype.stream.system import chatter_dropped

if TYPE_CHECKING:
    from dancetype.stream.recording_run import Label


def record(settings: Settings, label: "Label", *, out: Path, start_delay: float = 0.0) -> None:
    """Record live sources side by side, then files one after the other.

    Args:
        settings: Settings with the sources, the pose model and the duration.
        label: Label of all recordings.
        out: Folder for the recordings; created if it does not exist.
        start_delay: Seconds from a source's first frame on that are left out.

    Raises:
        ExpectedError: The recording cannot start.
        SystemExit: A source could not be recorded, or not completely.
    """
    from dancetype.stream.recording_run import RecordingRun

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExpectedError(f"{out}: cannot hold tracks: {error.strerror}") from error
    one_heap()
    with chatter_dropped(), native_libraries():
        recording = RecordingRun(
            label,
            out,
            make_estimator=estimator_maker(settings),
            seconds=settings.seconds or math.inf,
            start_delay=start_delay,
        )
        asyncio.run(recording.run(settings.source))
    end(failed=recording.failed, stuck=recording.stuck)
