"""The threads of a source: one has it read, the other finds poses."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from threading import Event as Flag
from threading import Thread

from dancetype.engine.errors import ExpectedError, Fault
from dancetype.stream.capture.frame_slot import FrameSlot
from dancetype.stream.capture.watchdog import STALL, Capture
from dancetype.stream.events import StateChanged
from dancetype.stream.frames import Frame
from dancetype.stream.messages import SourceState
from dancetype.stream.sources.base import Source

_log = logging.getLogger(__name__)


class SourceThreads(ABC):
    """Captures a source on one thread, and on another does something with its frames.

    The threads are daemons: one that waits for a camera cannot be interrupted, and must not keep
    the program alive.

    Args:
        name: of the source, for logs.
        open_source: opens it for the epoch given.
        clock: monotonic, in seconds.
        on_event: takes what happens, in order; called on either thread, and must return at once.
        loop: whether a source that has ended starts over.
        stall: seconds without a frame after which a live source counts as stalled.
    """

    def __init__(
        self,
        name: str,
        *,
        open_source: Callable[[int], Source],
        clock: Callable[[], float],
        on_event: Callable[[StateChanged], None],
        loop: bool = False,
        stall: float = STALL,
    ) -> None:
        self._name = name
        self._tell = on_event
        self._stop = Flag()
        self._slot = FrameSlot()
        self._capture = Capture(
            open_source,
            self._slot,
            on_event=on_event,
            wait=self._stop.wait,
            clock=clock,
            loop=loop,
            stall=stall,
            name=name,
        )
        self._pose_thread = self._thread("pose", lambda: self._work(self._frames()))
        self._capture_thread = self._thread("capture", self._capture.run)

    @abstractmethod
    def _work(self, frames: Iterator[Frame]) -> None:
        """Does what is to be done with the frames; both threads end when it returns."""

    @property
    def over(self) -> bool:
        """Whether nothing more is done with frames."""
        return not self._pose_thread.is_alive()

    def start(self) -> None:
        """Starts the pose thread, which starts the other."""
        self._pose_thread.start()

    def stop(self) -> None:
        """Tells all threads to end; returns at once."""
        self._stop.set()
        self._slot.close()

    def join(self, timeout: float) -> bool:
        """Waits for all threads up to `timeout` seconds; False where one still runs."""
        # In this order: when one has ended it is settled whether there is a next.
        for thread in (self._pose_thread, self._capture_thread):
            if thread.ident is not None:
                thread.join(timeout / 3)
        read = self._capture.join(timeout / 3)
        return read and not (self._pose_thread.is_alive() or self._capture_thread.is_alive())

    def _frames(self) -> Iterator[Frame]:
        # Not before there is somebody to take the frames, or a file would start with a delay.
        if not self._stop.is_set():
            self._capture_thread.start()
        while frame := self._slot.take():
            yield frame

    def _thread(self, what: str, work: Callable[[], None]) -> Thread:
        name = f"{what} {self._name}"
        return Thread(target=self._guarded, args=(what, work), name=name, daemon=True)

    def _guarded(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except ExpectedError as error:
            self._fail(str(error))
        except Exception as error:
            _log.exception("source %s: %s crashed", self._name, what)
            self._fail(f"{what} crashed: {error!r}")
        finally:
            # Neither thread is of use without the other.
            self.stop()

    def _fail(self, reason: str) -> None:
        self._tell(
            StateChanged(SourceState.FAILED, self._capture.epoch, reason, Fault.OTHER, final=True)
        )
