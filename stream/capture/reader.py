"""Reads one epoch of a source, on a thread of its own that may be abandoned."""

import logging
from collections.abc import Callable
from contextlib import closing
from threading import Thread

from dancetype.engine.errors import SourceError, SourceUnavailableError
from dancetype.engine.log_event import LogEvent
from dancetype.stream.capture.frame_slot import FrameSlot
from dancetype.stream.sources.base import Frame, Source

_log = logging.getLogger(__name__)


class Reader(Thread):
    """Opens a source and puts its frames into a slot, until it ends or they are not wanted.

    A driver or a network can block the thread for any time, and nothing can interrupt it. A caller
    that has waited long enough abandons it: once the slot has begun another epoch, the thread ends
    by itself as soon as it is unblocked.

    Before the first frame is put, the thread calls `on_first`. `SourceWatchdog` describes the other
    parameters.

    Attributes:
        live: Whether the source is a live one; False until it is open.
        ended: Whether the end of the source was reached.
        error: Why the source cannot be read, or no longer.
    """

    def __init__(
        self,
        epoch: int,
        open_source: Callable[[int], Source],
        slot: FrameSlot,
        *,
        on_first: Callable[[], None],
        wait: Callable[[float], bool],
        clock: Callable[[], float],
        name: str = "read",
    ) -> None:
        # A daemon: a thread that waits for a camera must not keep the program alive.
        super().__init__(name=name, daemon=True)
        self.live = False
        self.ended = False
        self.error: SourceError | None = None
        self._epoch = epoch
        self._open_source = open_source
        self._slot = slot
        self._on_first = on_first
        self._wait = wait
        self._clock = clock
        self._waiting_since: float | None = clock()

    @property
    def silence(self) -> float:
        """Seconds for which the thread has been waiting for the source or its next frame."""
        since = self._waiting_since
        return 0.0 if since is None else self._clock() - since

    def run(self) -> None:
        """Read the source."""
        try:
            with closing(self._open_source(self._epoch)) as source:
                self.live = source.live
                self._read(source)
        except SourceError as error:
            # Without its traceback, which would keep the source and its decoder's threads alive.
            self.error = type(error)(str(error), error.fault)
        except Exception as error:
            _log.exception(LogEvent("reader_crashed", thread=self.name))
            # What was read before may be read again.
            kind = SourceUnavailableError if self.live else SourceError
            self.error = kind(f"reading crashed: {error!r}")

    def _read(self, source: Source) -> None:
        while frame := self._next(source):
            # A file has every frame at once; each waits for its time.
            if not source.live and self._wait(max(frame.time - self._clock(), 0.0)):
                return
            if frame.index == 0:
                self._on_first()
            if not self._slot.put(frame, overtake=source.live):
                return
        self.ended = True

    def _next(self, source: Source) -> Frame | None:
        self._waiting_since = self._clock()
        frame = source.read()
        self._waiting_since = None
        return frame
