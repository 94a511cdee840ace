"""One place for one frame, between the thread that reads and the thread that finds poses."""

from threading import Condition

from dancetype.stream.sources.base import Frame


class FrameSlot:
    """Hands frames from one thread to another, one at a time.

    Whoever closes it sets both threads free: what is in it is dropped, and nothing goes in.
    """

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
        """Frames of this epoch up to the newest put in, and how many put in nobody took."""
        with self._changed:
            return self._captured, self._dropped

    def begin(self, epoch: int) -> None:
        """From now on only frames of `epoch` are taken; whoever brings another is turned away."""
        with self._changed:
            self._epoch, self._captured, self._dropped = epoch, 0, 0
            self._frame = None
            self._changed.notify_all()

    def put(self, frame: Frame, *, overtake: bool) -> bool:
        """Leaves a frame for the other thread.

        Args:
            frame: the next one.
            overtake: whether it replaces a frame that still lies there; else it waits its turn.

        Returns:
            False where the frame is not wanted: it is of another epoch, or the slot is closed.
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
        """Waits for a frame; asking for one says that the one before is done with.

        Returns:
            None where the slot is closed.
        """
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
        """Waits until the last frame is done with, or the slot closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or (self._frame is None and not self._in_work)
            )

    def close(self) -> None:
        """Ends the hand-over, now."""
        with self._changed:
            self._closed = True
            self._frame = None
            self._changed.notify_all()

    def _wants(self, frame: Frame) -> bool:
        return frame.epoch == self._epoch and not self._closed
