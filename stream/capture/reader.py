"""Reads one epoch of a source, on a thread of its own that may be left behind."""

import logging
from collections.abc import Callable
from contextlib import closing
from threading import Thread

from dancetype.engine.errors import SourceError, SourceUnavailableError
from dancetype.stream.capture.frame_slot import FrameSlot
from dancetype.stream.frames import Frame
from dancetype.stream.sources.base import Source

_log = logging.getLogger(__name__)


class Reader:
    """Opens a source and puts its frames into a slot, until it ends or they are not wanted.

    A driver or a network can hold the thread for as long as they like, and nothing can interrupt
    it. So whoever has waited long enough leaves it behind: once the slot has begun another epoch,
    the thread ends by itself as soon as it is let go.

    Args:
        epoch: which start of the source this is.
        open_source: opens the source for the epoch given.
        slot: takes the frames, where it has begun this epoch.
        on_first: called on its thread before the first frame is put.
        wait: passes seconds; True where it is time to stop.
        clock: monotonic, in seconds; a file's frames come when it reaches their times.
        name: of the thread.
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
        self._epoch = epoch
        self._open_source = open_source
        self._slot = slot
        self._on_first = on_first
        self._wait = wait
        self._clock = clock
        self._waiting_since: float | None = clock()
        self._live = False
        self._ended = False
        self._error: SourceError | None = None
        # A daemon: what waits for a camera must not keep the program alive.
        self._thread = Thread(target=self._guarded, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether its thread still runs."""
        return self._thread.is_alive()

    @property
    def live(self) -> bool:
        """Whether the source, once it is open, is a live one."""
        return self._live

    @property
    def silence(self) -> float:
        """Seconds that the source has kept the thread waiting for its opening or its next frame."""
        since = self._waiting_since
        return 0.0 if since is None else self._clock() - since

    @property
    def ended(self) -> bool:
        """Whether it has come to the source's end."""
        return self._ended

    @property
    def error(self) -> SourceError | None:
        """Why it can read nothing, or no more."""
        return self._error

    def start(self) -> None:
        """Starts its thread."""
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Waits up to `timeout` seconds for its thread; False where that still runs."""
        self._thread.join(timeout)
        return not self.alive

    def _guarded(self) -> None:
        try:
            with closing(self._open_source(self._epoch)) as source:
                self._live = source.live
                self._read(source)
        except SourceError as error:
            # Without its traceback, which would keep the source and its decoder's threads alive.
            self._error = type(error)(str(error), error.fault)
        except Exception as error:
            _log.exception("%s crashed", self._thread.name)
            # What was read before may be read again.
            kind = SourceUnavailableError if self._live else SourceError
            self._error = kind(f"reading crashed: {error!r}")

    def _read(self, source: Source) -> None:
        while frame := self._next(source):
            # A file has every frame at once; each waits for its time.
            if not source.live and self._wait(max(frame.time - self._clock(), 0.0)):
                return
            if frame.index == 0:
                self._on_first()
            if not self._slot.put(frame, overtake=source.live):
                return
        self._ended = True

    def _next(self, source: Source) -> Frame | None:
        self._waiting_since = self._clock()
        frame = source.read()
        self._waiting_since = None
        return frame
