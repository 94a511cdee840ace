"""Thread that reads one epoch of a source, and that can be abandoned."""

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from threading import Thread
from typing import Final

from dancetype.engine.errors import SourceError, SourceUnavailableError
from dancetype.engine.log_event import LogEvent
from dancetype.stream.capture.frame_slot import FrameSlot
from dancetype.stream.sources.base import Frame, Source

_log = logging.getLogger(__name__)

# Seconds by which the frames of a file may be late before the file is paused.
_MAX_LATENESS: Final = 0.5


class Reader(Thread):
    """Thread that opens a source and puts its frames into a slot.

    It ends at the end of the source, or when the slot rejects a frame. A file is read at its own
    pace. If it cannot be decoded at this pace, and only its newest frame counts, it is paused
    whenever it is late, as in a video player that has to wait for data.

    A driver or network can block the thread indefinitely, and nothing can interrupt it. The caller
    then abandons it: once the slot has begun another epoch, the thread ends as soon as it is
    unblocked.

    Args:
        epoch: Epoch to read.
        open_source: Function that opens the source for an epoch.
        slot: Slot that receives the frames.
        on_first_frame: Function that is called before the first frame is put.
        wait: Function that waits for some seconds; it returns True if the thread must end.
        clock: Monotonic clock in seconds; each frame of a file is put at its capture time.
        name: Name of the thread.

    Attributes:
        live: Whether the source is live; False until it is open.
        bursty: Whether the source currently delivers its frames in bursts.
        ended: Whether the end of the source was reached.
        error: Error that ended the thread, if any.
    """

    def __init__(
        self,
        epoch: int,
        open_source: Callable[[int], Source],
        slot: FrameSlot,
        *,
        on_first_frame: Callable[[], None],
        wait: Callable[[float], bool],
        clock: Callable[[], float],
        name: str = "read",
    ) -> None:
        # A daemon: a thread that a camera blocks must not keep the process alive.
        super().__init__(name=name, daemon=True)
        self.live = False
        self.bursty = False
        self.ended = False
        self.error: SourceError | None = None
        self._epoch = epoch
        self._open_source = open_source
        self._slot = slot
        self._on_first_frame = on_first_frame
        self._wait = wait
        self._clock = clock
        self._waiting_since: float | None = clock()

    @property
    def silence(self) -> float:
        """Seconds since the thread began to wait for the source or its next frame."""
        since = self._waiting_since
        return 0.0 if since is None else self._clock() - since

    def run(self) -> None:
        """Read the source."""
        try:
            with closing(self._open_source(self._epoch)) as source:
                self.live = source.live
                self._read(source)
        except SourceError as error:
            # A copy without the traceback, which would keep the source and its decoder alive.
            self.error = type(error)(str(error), error.fault)
        except Exception as error:
            _log.exception(LogEvent("reader_crashed", thread=self.name))
            # A live source that could be opened is worth another attempt.
            error_type = SourceUnavailableError if self.live else SourceError
            self.error = error_type(f"reading crashed: {error!r}")

    def _read(self, source: Source) -> None:
        pause = 0.0
        while frame := self._read_frame(source):
            if not source.live:
                frame = replace(frame, time=frame.time + pause)
                late = self._clock() - frame.time
                # The file cannot be decoded in real time. Its latency would grow to its end.
                if self._slot.newest_only and late > _MAX_LATENESS:
                    if not pause:
                        _log.warning(LogEvent("decoding_too_slow", thread=self.name))
                    frame = replace(frame, time=frame.time + late)
                    pause += late
                # A file can be read faster than in real time, so wait until the frame is due.
                elif self._wait(max(-late, 0.0)):
                    return
            self.bursty = frame.bursty
            if frame.index == 0:
                self._on_first_frame()
            if not self._slot.put(frame, replace=source.live):
                return
        self.ended = True

    def _read_frame(self, source: Source) -> Frame | None:
        self._waiting_since = self._clock()
        frame = source.read()
        self._waiting_since = None
        return frame
