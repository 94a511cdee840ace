"""A one-frame queue between the thread that reads and the thread that estimates poses."""

from threading import Condition

from dancetype.stream.sources.base import Frame


class FrameSlot:
    """Passes frames from one thread to another, one at a time."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._frame: Frame | None = None
        self._in_work = False
        self._closed = False
        self._epoch = 0
        self._captured = 0
        self._dropped = 0

    @property
    def counts(self) -> tuple[int, int]:
        """Frames of this epoch: those captured up to the newest one, and those replaced."""
        with self._changed:
            return self._captured, self._dropped

    def begin(self, epoch: int) -> None:
        """Accept only frames of `epoch` from now on."""
        with self._changed:
            self._epoch, self._captured, self._dropped = epoch, 0, 0
            self._frame = None
            self._changed.notify_all()

    def put(self, frame: Frame, *, overtake: bool) -> bool:
        """Put a frame; return False if it is of another epoch or the slot is closed.

        Args:
            frame: Next frame.
            overtake: Whether it replaces a frame that is still in the slot, or waits for its turn.
        """
        with self._changed:
            if not overtake:
                self._changed.wait_for(lambda: self._frame is None or not self._wants(frame))
            if not self._wants(frame):
                return False
            # A source may have left frames out.
            self._captured = frame.index + 1
            self._dropped += self._frame is not None
            self._frame = frame
            self._changed.notify_all()
            return True

    def take(self) -> Frame | None:
        """Wait for a frame, once the one before is processed; return None if the slot is closed."""
        with self._changed:
            self._in_work = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or self._frame is not None)
            if self._closed:
                return None
            frame, self._frame = self._frame, None
            self._in_work = True
            self._changed.notify_all()
            return frame

    def drain(self) -> None:
        """Wait until the last frame is processed, or the slot closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or (self._frame is None and not self._in_work)
            )

    def close(self) -> None:
        """Drop the frame, and release both threads."""
        with self._changed:
            self._closed = True
            self._frame = None
            self._changed.notify_all()

    def _wants(self, frame: Frame) -> bool:
        return frame.epoch == self._epoch and not self._closed
