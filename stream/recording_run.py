"""Recording of labelled landmarks for training; images are never recorded."""

import asyncio
import math
import re
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
from dancetype.engine.media.recording import Header, encode_full
from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.engine.media.transform import Transform
from dancetype.engine.progress import ProgressLines
from dancetype.stream.clock import Clock
from dancetype.stream.event_loop import stop_on_signals
from dancetype.stream.messages import Message, SourceMessage, SourceState
from dancetype.stream.session import Session
from dancetype.stream.sink import Sink, SinkFanOut
from dancetype.stream.sinks.recording import SourceRecorder
from dancetype.stream.sources.base import Source
from dancetype.stream.sources.names import file_part
from dancetype.stream.sources.uri import SourceKind, SourceUri

if TYPE_CHECKING:
    from dancetype.engine.pose.base import PoseEstimator
    from dancetype.stream.pipeline import Pipeline

_REFRESH_INTERVAL: Final = 0.1
_EXTRA_SECONDS: Final = 10.0  # for a camera that starts late or disconnects
# Shortest window for training, and the tolerance that `dancetype.engine.window` allows.
_MIN_WINDOW: Final = 1.0
_WINDOW_TOLERANCE: Final = 0.05
_DISTURBED: Final = (SourceState.BURSTY, SourceState.STALLED, SourceState.RECONNECTING)
# A clock time at which every frame of a file is due, so that the file is read at full speed.
_ALL_DUE: Final = 1e9
_MAX_NAME_LENGTH: Final = 64
# Most file systems allow 255 bytes per name, which also contains the source. A letter has up to 4.
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
        """Parse user input; `genre` may be a code or a name, in any case.

        Raises:
            SettingsError: The genre is unknown, or `dancer` is not a valid name.
        """
        dancer = " ".join(dancer.split())
        if not (
            re.search(r"\w", dancer) and dancer.isprintable() and len(dancer) <= _MAX_NAME_LENGTH
        ):
            raise SettingsError(
                f"dancer: {dancer!r} is not a name; use 1 to {_MAX_NAME_LENGTH} printable "
                "characters, at least one of them a letter or digit"
            )
        code = NOT_DANCING if normalise_name(genre) == NOT_DANCING else find_aist_code(genre)
        if code is None:
            known = ", ".join(f"{code} ({name})" for code, name in GENRES.items())
            raise SettingsError(
                f"genre: unknown genre {genre!r}; choose from {known}, and {NOT_DANCING} "
                "(not dancing)"
            )
        return cls(code, dancer)

    def file_name(self, source: str) -> str:
        """Return the file name for the recording of a source."""
        dancer = re.sub(r"[^\w.-]+", "-", self.dancer).strip("-.")
        dancer = dancer.encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
        return f"{file_part(source)}-{self.genre}-{dancer}.npz"


class RecordingRun(Sink):
    """Recording of sources under one label; the failure of one does not affect the others.

    Args:
        label: Label of all recordings.
        out: Folder for the recordings.
        make_estimator: Factory of pose estimators; called on the thread that uses the estimator.
        seconds: Maximum duration of each recording.
        start_delay: Seconds to skip after a source's first frame.
        open_live: Function that opens a live source for an epoch; `open_source` if None.
        transform: Function that returns the changes to the images of a source, by its name.

    Attributes:
        failed: Whether a source could not be recorded completely.
        stuck: Whether a thread was still running at the end, blocked by a camera that does not
            answer.
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
        transform: Callable[[str], Transform] = lambda source: Transform(),
    ) -> None:
        self.failed = False
        self.stuck = False
        self._label = label
        self._out = out
        self._make_estimator = make_estimator
        self._seconds = seconds
        self._start_delay = start_delay
        self._open_live = open_live
        self._transform = transform
        self._interrupted = False
        self._session: Session | None = None
        self._recorders: dict[str, SourceRecorder] = {}
        self._fail_reasons: dict[str, str] = {}
        self._file_frame_count: int | None = None
        self._stdout = Console(highlight=False)
        self._stderr = Console(stderr=True, highlight=False)

    async def run(self, sources: Mapping[str, SourceUri]) -> None:
        """Record until all sources have ended, their duration is over, or the user interrupts.

        On an interrupt, the recordings of live sources are saved. That of a file is not, since the
        file can be recorded again.
        """
        # Until the end: a second Ctrl-C must not prevent the recordings from being written.
        with stop_on_signals(self._interrupt):
            await self._run(sources)

    async def _run(self, sources: Mapping[str, SourceUri]) -> None:
        files = {name: uri for name, uri in sources.items() if uri.kind is SourceKind.FILE}
        live = {name: uri for name, uri in sources.items() if name not in files}
        if live:
            timestamp = f"{datetime.now():%Y%m%d-%H%M%S}"
            limit = self._start_delay + self._seconds + _EXTRA_SECONDS
            try:
                await self._record(live, Clock.start(), None if math.isinf(limit) else limit)
            finally:
                for name, recorder in self._recorders.items():
                    path = self._path(f"{timestamp}-{name}")
                    self._save(name, recorder, path, self._fail_reasons.get(name))
        for name, uri in files.items():
            await self._record_file(name, uri)

    async def _record_file(self, name: str, uri: SourceUri) -> None:
        path = self._path(name)
        if path.exists() and not self._interrupted:
            self._report_failure(
                f"{path} already exists; remove it, or choose another name: NAME={uri}"
            )
            return
        if not self._interrupted:
            await self._record({name: uri}, Clock(lambda: _ALL_DUE, time.time()))
        if self._interrupted:
            self._report_failure(f"{uri}: interrupted; nothing saved")
        elif name in self._fail_reasons:
            self._report_failure(self._fail_reasons[name])
        else:
            self._save(str(uri), self._recorders[name], path)

    async def _record(
        self, sources: Mapping[str, SourceUri], clock: Clock, seconds: float | None = None
    ) -> None:
        """Record sources until all recordings are over or `seconds` have passed."""
        header = Header(
            "", program=version("dancetype"), genre=self._label.genre, dancer=self._label.dancer
        )
        self._recorders = {
            name: SourceRecorder(
                replace(header, source=name),
                clock,
                encode=encode_full,
                delay=self._start_delay,
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
        progress = asyncio.create_task(self._show_progress(self._session, sources))
        try:
            await self._session.run(seconds=seconds, handle_signals=False)
        finally:
            progress.cancel()
            await asyncio.gather(progress, return_exceptions=True)
        self.stuck = self.stuck or self._session.stuck

    async def _show_progress(self, session: Session, sources: Mapping[str, SourceUri]) -> None:
        """Show the progress, and stop the session when all recordings are over."""
        recorders = {
            str(uri) if uri.kind is SourceKind.FILE else name: self._recorders[name]
            for name, uri in sources.items()
        }
        with ProgressLines(self._stderr, clock=time.monotonic) as lines:
            while not all(recorder.is_over for recorder in recorders.values()):
                lines.show(
                    f"{title}: {_summary(recorder, self._file_frame_count)}"
                    for title, recorder in recorders.items()
                )
                await asyncio.sleep(_REFRESH_INTERVAL)
        session.stop("recorded")

    def _pipeline(self, name: str, uri: SourceUri, clock: Clock) -> "Pipeline":
        # These imports take seconds.
        from dancetype.stream.pipeline import Pipeline
        from dancetype.stream.sources.opening import open_source

        transform = self._transform(name)

        def open_file(epoch: int) -> Source:
            source = open_source(uri, epoch, clock=lambda: 0.0, transform=transform)
            self._file_frame_count = getattr(source, "frames", None)
            return source

        open_live = partial(self._open_live or partial(open_source, transform=transform), uri)
        return Pipeline(
            name,
            open_source=open_file if uri.kind is SourceKind.FILE else open_live,
            make_estimator=self._make_estimator,
            recognizer=None,
            clock=clock.monotonic,
            observers=[self._recorders[name]],
            every_frame=True,
        )

    def _interrupt(self) -> None:
        self._interrupted = True
        if self._session:
            self._session.stop("stopped")

    async def send(self, message: Message, text: str) -> None:
        """Show a warning if the source has stalled; remember why it has failed."""
        del text
        if not isinstance(message, SourceMessage):
            return
        reason = message.reason or message.state.value
        if message.state in (SourceState.ENDED, SourceState.FAILED):
            self._recorders[message.source].is_over = True
        if message.state is SourceState.FAILED:
            self._fail_reasons[message.source] = reason
        elif message.state in _DISTURBED:
            self._warn(f"{message.source}: {reason}")

    def _save(
        self, name: str, recorder: SourceRecorder, path: Path, fail_reason: str | None = None
    ) -> None:
        """Write a recording, and warn if it is poor.

        Args:
            name: Name of the source for the user.
            recorder: Recorder of the source.
            path: File to write.
            fail_reason: Reason why the source has failed, if it has.
        """
        draft = recorder.draft
        if draft is None or not draft.poses:
            missing = "no person detected" if draft else "no frames received"
            self._report_failure(f"{name}: {fail_reason or f'{missing}; nothing saved'}")
            return
        if fail_reason:
            self._report_failure(f"{name}: {fail_reason}; saving the recording up to then")
        recording = draft.recording()
        try:
            recording.save(path)
        except OSError as error:
            self._report_failure(f"{path}: cannot be written: {error.strerror}")
            return
        self._stdout.print(Text(f"saved {path}: {_summary(recorder)}"), soft_wrap=True)
        if 2 * draft.poses < draft.frames:
            self._warn(f"{name}: no person detected in most frames")
        longest = Track.from_recording(path.stem, recording).longest_segment_seconds
        if longest < _MIN_WINDOW - _WINDOW_TOLERANCE:
            self._warn(
                f"{name}: the longest segment with a person is {longest:.1f} s, less than a window "
                f"({_MIN_WINDOW:g} s); it cannot be used for training"
            )

    def _path(self, source: str) -> Path:
        return self._out / self._label.file_name(source)

    def _report_failure(self, reason: str) -> None:
        self.failed = True
        self._stderr.print(Text.assemble(("error: ", "red"), reason), soft_wrap=True)

    def _warn(self, text: str) -> None:
        self._stderr.print(Text.assemble(("warning: ", "yellow"), text), soft_wrap=True)


def _summary(recorder: SourceRecorder, total: int | None = None) -> str:
    """Return the progress of a recording; for a file with `total` frames, also in per cent."""
    draft = recorder.draft
    done = f", {recorder.frame_count / total:.0%} done" if total else ""
    if recorder.remaining_delay:
        return f"starts in {math.ceil(recorder.remaining_delay)} s{done}"
    if draft is None:
        return f"no frame yet{done}"
    share = f"{draft.poses / draft.frames:.0%} of {draft.frames} frames"
    return f"{draft.seconds:.1f} s, person detected in {share}{done}"
