"""Runs that record labelled landmarks to train on, without any image."""

import asyncio
import math
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.text import Text

from dancetype.engine.errors import SettingsError
from dancetype.engine.genres import GENRES, find_aist_code, normalise_name
from dancetype.engine.media.recording import Header, full_body
from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.engine.progress import ProgressLines
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message, SourceMessage, SourceState
from dancetype.stream.session import Session
from dancetype.stream.sink import Sink, SinkFanOut
from dancetype.stream.sinks.recording import SourceRecorder
from dancetype.stream.sources.base import Source
from dancetype.stream.sources.uri import SourceKind, SourceUri

if TYPE_CHECKING:
    from dancetype.engine.pose.base import PoseEstimator
    from dancetype.stream.pipeline import Pipeline

_REFRESH: Final = 0.1
# How much longer than asked for a recording may take if a camera starts late or breaks off.
_PATIENCE: Final = 10.0
# The shortest window to train on, and the tolerance that `dancetype.engine.window` allows.
_WINDOW: Final = 1.0
_TOLERANCE: Final = 0.05
# A time at which every frame of a file is due, so that it is read as fast as possible.
_ALL_DUE: Final = 1e9
_MAX_NAME: Final = 64
# Most disks allow 255 bytes per file name; a letter takes up to four, and the source needs some.
_MAX_NAME_BYTES: Final = 120


@dataclass(frozen=True, slots=True)
class Label:
    """Label of a recording.

    Attributes:
        genre: Code of the genre, or `NOT_DANCING`.
        dancer: Name of the dancer.
    """

    genre: str
    dancer: str

    @classmethod
    def parse(cls, genre: str, dancer: str) -> Self:
        """Parse user input; genres may be codes or names, in any case.

        Raises:
            SettingsError: There is no such genre, or `dancer` is not a name.
        """
        dancer = " ".join(dancer.split())
        if not (re.search(r"\w", dancer) and dancer.isprintable() and len(dancer) <= _MAX_NAME):
            raise SettingsError(f"dancer: takes a name of 1 to {_MAX_NAME} letters or digits")
        code = NOT_DANCING if normalise_name(genre) == NOT_DANCING else find_aist_code(genre)
        if code is None:
            known = ", ".join(f"{code} ({name})" for code, name in GENRES.items())
            raise SettingsError(
                f"genre: {genre!r} is none; there are {known}, and {NOT_DANCING} (not dancing)"
            )
        return cls(code, dancer)

    def file_name(self, source: str) -> str:
        """Return the file name for the recording of a source."""
        dancer = re.sub(r"[^\w.-]+", "-", self.dancer).strip("-.")
        dancer = dancer.encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
        return f"{source}-{self.genre}-{dancer}.npz"


class RecordingRun(Sink):
    """Runs that record sources under one label; the failure of one does not affect the others.

    Args:
        label: Label of all recordings.
        out: Folder for the recordings.
        make_estimator: Factory of pose estimators; called on the thread that uses the estimator.
        seconds: Duration of each recording.
        start_delay: Seconds from a source's first frame on that are left out.
        open_live: Function that opens a live source for an epoch; `open_source` if None.

    Attributes:
        failed: Whether a source could not be recorded, or not completely.
        stuck: Whether a thread is still waiting for a camera that does not answer.
    """

    def __init__(
        self,
        label: Label,
        out: Path,
        *,
        make_estimator: Callable[[], "PoseEstimator"],
        seconds: float = math.inf,
        start_delay: float = 0.0,
        open_live: Callable[[SourceUri, int], Source] | None = None,
    ) -> None:
        self.failed = False
        self.stuck = False
        self._label = label
        self._out = out
        self._make_estimator = make_estimator
        self._seconds = seconds
        self._delay = start_delay
        self._open_live = open_live
        self._interrupted = False
        self._session: Session | None = None
        self._recorders: dict[str, SourceRecorder] = {}
        self._reasons: dict[str, str] = {}
        self._file_frames: int | None = None
        self._stdout = Console(highlight=False)
        self._stderr = Console(stderr=True, highlight=False)

    async def run(self, sources: Mapping[str, SourceUri]) -> None:
        """Record until all sources have ended, their time is over, or the user interrupts.

        What live sources have shown until then is kept. Of an interrupted file nothing is kept,
        since it can be recorded again.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            # To the end: another Ctrl-C must not prevent the recordings from being written.
            asyncio.get_running_loop().add_signal_handler(number, self._interrupt)
        files = {name: uri for name, uri in sources.items() if uri.kind is SourceKind.FILE}
        live = {name: uri for name, uri in sources.items() if name not in files}
        if live:
            begun = f"{datetime.now():%Y%m%d-%H%M%S}"
            longest = self._delay + self._seconds + _PATIENCE
            try:
                await self._record(live, Clock.start(), None if math.isinf(longest) else longest)
            finally:
                for name, recorder in self._recorders.items():
                    path = self._path(f"{begun}-{name}")
                    self._keep(name, recorder, path, self._reasons.get(name))
        for name, uri in files.items():
            await self._record_file(name, uri)

    async def _record_file(self, name: str, uri: SourceUri) -> None:
        path = self._path(name)
        if path.exists() and not self._interrupted:
            self._fail(f"{path} is there already; remove it, or name this one: NAME={uri}")
            return
        if not self._interrupted:
            await self._record({name: uri}, Clock(lambda: _ALL_DUE, time.time()))
        if self._interrupted:
            self._fail(f"{uri}: stopped before its end; nothing of it is kept")
        elif name in self._reasons:
            self._fail(self._reasons[name])
        else:
            self._keep(str(uri), self._recorders[name], path)

    async def _record(
        self, sources: Mapping[str, SourceUri], clock: Clock, seconds: float | None = None
    ) -> None:
        """Run until all recordings are over, or for `seconds`."""
        header = Header(
            "", program=version("dancetype"), genre=self._label.genre, dancer=self._label.dancer
        )
        self._recorders = {
            name: SourceRecorder(
                replace(header, source=name),
                clock,
                encode=full_body,
                delay=self._delay,
                seconds=self._seconds,
                in_parts=False,
            )
            for name in sources
        }
        self._session = Session(
            {name: self._pipeline(name, uri, clock) for name, uri in sources.items()},
            SinkFanOut([self]),
            genres={},
            clock=clock,
        )
        watch = asyncio.create_task(self._watch(self._session, sources))
        try:
            await self._session.run(seconds=seconds, signals=())
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        self.stuck = self.stuck or self._session.stuck

    async def _watch(self, session: Session, sources: Mapping[str, SourceUri]) -> None:
        """Show the progress, and stop the run when all recordings are over."""
        titles = {
            str(uri) if uri.kind is SourceKind.FILE else name: self._recorders[name]
            for name, uri in sources.items()
        }
        with ProgressLines(self._stderr, clock=time.monotonic) as progress:
            while not all(recorder.is_over for recorder in titles.values()):
                progress.show(
                    f"{title}: {_summary(each, self._file_frames)}"
                    for title, each in titles.items()
                )
                await asyncio.sleep(_REFRESH)
        session.stop("recorded")

    def _pipeline(self, name: str, uri: SourceUri, clock: Clock) -> "Pipeline":
        # These take seconds to load.
        from dancetype.stream.pipeline import Pipeline
        from dancetype.stream.sources.opening import open_source

        def open_file(epoch: int) -> Source:
            source = open_source(uri, epoch, clock=lambda: 0.0)
            self._file_frames = getattr(source, "frames", None)
            return source

        open_live = partial(self._open_live or open_source, uri)
        return Pipeline(
            name,
            open_source=open_file if uri.kind is SourceKind.FILE else open_live,
            make_estimator=self._make_estimator,
            recognizer=None,
            clock=clock.monotonic,
            observers=[self._recorders[name]],
        )

    def _interrupt(self) -> None:
        self._interrupted = True
        if self._session:
            self._session.stop("stopped")

    async def send(self, message: Message, text: str) -> None:
        """Report a fault of a source."""
        del text
        if not isinstance(message, SourceMessage):
            return
        reason = message.reason or message.state.value
        if message.state in (SourceState.ENDED, SourceState.FAILED):
            self._recorders[message.source].is_over = True
        if message.state is SourceState.FAILED:
            self._reasons[message.source] = reason
        elif message.state in (SourceState.STALLED, SourceState.RECONNECTING):
            self._warn(f"{message.source}: {reason}")

    def _keep(
        self, name: str, recorder: SourceRecorder, path: Path, reason: str | None = None
    ) -> None:
        """Write a recording; `reason` is why the source failed, if it did."""
        draft = recorder.draft
        if draft is None or not draft.poses:
            nobody = "nobody was in sight" if draft else "there was no frame to keep"
            self._fail(f"{name}: {reason or f'{nobody}; nothing is kept'}")
            return
        if reason:
            self._fail(f"{name}: {reason}; what came before is kept")
        recording = draft.recording()
        try:
            recording.save(path)
        except OSError as error:
            self._fail(f"{path}: cannot be written: {error.strerror}")
            return
        self._stdout.print(Text(f"kept {path}: {_summary(recorder)}"), soft_wrap=True)
        if 2 * draft.poses < draft.frames:
            self._warn(f"{name}: nobody was in sight in most frames")
        longest = Track.from_recording(path.stem, recording).longest_stretch
        if longest < _WINDOW - _TOLERANCE:
            self._warn(
                f"{name}: somebody was in sight for {longest:.1f} s on end, less than a window "
                f"({_WINDOW:g} s); nothing can be learned from that"
            )

    def _path(self, source: str) -> Path:
        return self._out / self._label.file_name(source)

    def _fail(self, reason: str) -> None:
        self.failed = True
        self._stderr.print(Text.assemble(("error: ", "red"), reason), soft_wrap=True)

    def _warn(self, text: str) -> None:
        self._stderr.print(Text.assemble(("warning: ", "yellow"), text), soft_wrap=True)


def _summary(recorder: SourceRecorder, total: int | None = None) -> str:
    """Return how far a recording is, of a file with `total` frames also as a share of them."""
    draft = recorder.draft
    done = f", {recorder.index / total:.0%} done" if total else ""
    if recorder.lead:
        return f"starts in {math.ceil(recorder.lead)} s{done}"
    if draft is None:
        return f"no frame yet{done}"
    seen = f"somebody in sight in {draft.poses / draft.frames:.0%} of {draft.frames} frames"
    return f"{draft.seconds:.1f} s, {seen}{done}"
