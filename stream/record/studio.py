"""Records sources and keeps their tracks."""

import math
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from dancetype.engine.errors import SourceError
from dancetype.stream.record.label import Label
from dancetype.stream.record.progress import ProgressLines
from dancetype.stream.record.recording import LandmarkEstimator, Recorder, Recording, record_file
from dancetype.stream.sources.base import Source, SourceState, StateChanged
from dancetype.stream.sources.opening import open_source
from dancetype.stream.sources.uri import SourceKind, SourceUri

_REFRESH: Final = 0.1
_JOIN_TIMEOUT: Final = 0.8
# How much longer than asked for it may take where a camera comes late, or breaks off.
_PATIENCE: Final = 10.0
# The shortest window that is learned from, and the play that `dancetype.engine.window` gives it.
_WINDOW: Final = 1.0
_PLAY: Final = 0.05


class Studio:
    """Records sources under one label; one that cannot be recorded does not stop the rest.

    Args:
        label: of all tracks.
        out: folder for the tracks.
        make_estimator: makes the pose estimator of a source; called on the thread that uses it.
        seconds: how long to record.
        start_delay: seconds from a source's first frame on of which nothing is kept.
        open_live: opens a live source for the epoch given.
        clock: monotonic, in seconds.
        sleep: passes seconds on that clock.

    Attributes:
        failed: whether a source could not be recorded, or not as a whole.
        stuck: whether a thread is still running, waiting for a camera that does not answer.
    """

    def __init__(
        self,
        label: Label,
        out: Path,
        *,
        make_estimator: Callable[[], LandmarkEstimator],
        seconds: float = math.inf,
        start_delay: float = 0.0,
        open_live: Callable[[SourceUri, int], Source] = open_source,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.failed = False
        self.stuck = False
        self._label = label
        self._out = out
        self._make_estimator = make_estimator
        self._seconds = seconds
        self._delay = start_delay
        self._open_live = open_live
        self._clock = clock
        self._sleep = sleep
        self._stdout = Console(highlight=False)
        self._stderr = Console(stderr=True, highlight=False)

    def record(self, sources: Mapping[str, SourceUri]) -> None:
        """Records until all sources are at their end or their time is over, or to an interrupt.

        What a live source has shown until then is kept. Of a file that is broken off nothing is,
        since it can be recorded again.
        """
        files = {name: uri for name, uri in sources.items() if uri.kind is SourceKind.FILE}
        live = {name: uri for name, uri in sources.items() if name not in files}
        try:
            if live:
                self._record_live(live)
            for name in list(files):
                self._record_file(name, Path(files[name].address))
                del files[name]
        except KeyboardInterrupt:
            for uri in files.values():
                self._fail(f"{uri}: stopped before its end; nothing of it is kept")

    def _record_live(self, sources: Mapping[str, SourceUri]) -> None:
        reasons: dict[str, str] = {}
        recorders = {
            name: Recorder(
                name,
                Recording(delay=self._delay, seconds=self._seconds),
                open_source=partial(self._open_live, uri),
                make_estimator=self._make_estimator,
                clock=self._clock,
            )
            for name, uri in sources.items()
        }
        begun = f"{datetime.now():%Y%m%d-%H%M%S}"
        try:
            self._watch(recorders, reasons)
        finally:
            for recorder in recorders.values():
                recorder.stop()
            # Each is waited for, whatever became of those before.
            joined = [recorder.join(_JOIN_TIMEOUT) for recorder in recorders.values()]
            self.stuck = not all(joined)
            for name, recorder in recorders.items():
                path = self._path(f"{begun}-{name}")
                self._keep(name, recorder.recording, path, reasons.get(name))

    def _watch(self, recorders: Mapping[str, Recorder], reasons: dict[str, str]) -> None:
        """Starts the recorders and waits until the last is over."""
        latest = self._clock() + self._delay + self._seconds + _PATIENCE
        with self._progress() as progress:
            for name, recorder in recorders.items():
                recorder.start(partial(self._take, name, reasons))
            while not all(recorder.over for recorder in recorders.values()):
                if self._clock() > latest:
                    return
                progress.show(
                    [f"{name}: {_said(recorder.recording)}" for name, recorder in recorders.items()]
                )
                self._sleep(_REFRESH)

    def _record_file(self, name: str, file: Path) -> None:
        path = self._path(name)
        if path.exists():
            self._fail(f"{path} is there already; remove it, or name this one: NAME={file}")
            return
        recording = Recording(delay=self._delay, seconds=self._seconds)
        try:
            with self._progress() as progress, self._make_estimator() as estimator:
                record_file(
                    file,
                    recording,
                    estimator,
                    on_frame=lambda done, of: progress.show(
                        [f"{file}: {_said(recording)}" + (f", {done / of:.0%} done" if of else "")]
                    ),
                )
        except SourceError as error:
            self._fail(str(error))
            return
        self._keep(str(file), recording, path)

    def _keep(self, name: str, recording: Recording, path: Path, reason: str | None = None) -> None:
        """Writes a track, and says so; `reason` is why the source failed, if it did."""
        if not recording.poses:
            nobody = "nobody was in sight" if recording.frames else "there was no frame to keep"
            self._fail(f"{name}: {reason or f'{nobody}; nothing is kept'}")
            return
        if reason:
            self._fail(f"{name}: {reason}; what came before is kept")
        track = recording.track(path.stem, genre=self._label.genre, dancer=self._label.dancer)
        try:
            track.save(path)
        except OSError as error:
            self._fail(f"{path}: cannot be written: {error.strerror}")
            return
        self._stdout.print(Text(f"kept {path}: {_said(recording)}"), soft_wrap=True)
        if 2 * recording.poses < recording.frames:
            self._warn(f"{name}: nobody was in sight in most frames")
        if track.longest_stretch < _WINDOW - _PLAY:
            self._warn(
                f"{name}: somebody was in sight for {track.longest_stretch:.1f} s on end, less "
                f"than a window ({_WINDOW:g} s); nothing can be learned from that"
            )

    def _take(self, name: str, reasons: dict[str, str], event: StateChanged) -> None:
        reason = event.reason or event.state.value
        if event.state is SourceState.FAILED:
            reasons[name] = reason
        elif event.state in (SourceState.STALLED, SourceState.RECONNECTING):
            self._warn(f"{name}: {reason}")

    def _path(self, source: str) -> Path:
        return self._out / self._label.file_name(source)

    def _progress(self) -> ProgressLines:
        return ProgressLines(self._stderr, clock=self._clock)

    def _fail(self, reason: str) -> None:
        self.failed = True
        self._stderr.print(Text.assemble(("error: ", "red"), reason), soft_wrap=True)

    def _warn(self, what: str) -> None:
        self._stderr.print(Text.assemble(("warning: ", "yellow"), what), soft_wrap=True)


def _said(recording: Recording) -> str:
    """How far a recording is."""
    if recording.lead:
        return f"starts in {math.ceil(recording.lead)} s"
    if not recording.frames:
        return "no frame yet"
    share = recording.poses / recording.frames
    return (
        f"{recording.seconds:.1f} s, somebody in sight in {share:.0%} of {recording.frames} frames"
    )
