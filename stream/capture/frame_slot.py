"""One-frame queue between the reader thread and the pose thread."""

import math
from threading import Condition

from dancetype.stream.sources.base import Frame


class FrameSlot:
    """One-frame queue that only accepts frames of the current epoch.

    Attributes:
        newest_only: Whether a newer frame always replaces a waiting one, even if `put` would wait.
    """

    def __init__(self, *, newest_only: bool = False) -> None:
        self.newest_only = newest_only
        self._changed = Condition()
        self._frame: Frame | None = None
        self._processing = False
        self._closed = False
        self._epoch = 0
        self._captured = 0
        self._dropped = 0

    @property
    def counts(self) -> tuple[int, int]:
        """Numbers of frames captured and dropped in this epoch."""
        with self._changed:
            return self._captured, self._dropped

    @property
    def newest(self) -> float:
        """Capture time of the frame that waits; minus infinity if none does."""
        frame = self._frame
        return frame.time if frame else -math.inf

    def begin(self, epoch: int) -> None:
        """Begin an epoch: drop the waiting frame, and accept only frames of `epoch` from now on."""
        with self._changed:
            self._epoch, self._captured, self._dropped = epoch, 0, 0
            self._frame = None
            self._changed.notify_all()

    def put(self, frame: Frame, *, replace: bool) -> bool:
        """Put a frame; return False if it is from another epoch or the slot is closed.

        Args:
            frame: Next frame.
            replace: Whether to replace a waiting frame; if False, wait until it has been taken.
        """
        with self._changed:
            if not (replace or self.newest_only):
                self._changed.wait_for(lambda: self._frame is None or not self._accepts(frame))
            if not self._accepts(frame):
                return False
            # The index also counts frames that the source skipped.
            self._captured = frame.index + 1
            self._dropped += self._frame is not None
            self._frame = frame
            self._changed.notify_all()
            return True

    def wait(self) -> bool:
        """Wait until a frame is waiting; return False if the slot is closed.

        A call also signals that the previous frame has been processed.
        """
        with self._changed:
            self._processing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or self._frame is not None)
            return not self._closed

    def take(self, *, block: bool = True) -> Frame | None:
        """Return the newest frame; return None if the slot is closed.

        Args:
            block: Whether to wait for a frame as `wait` does; if False, return None if there is
                none, for example because an epoch has begun since `wait` returned.
        """
        with self._changed:
            if block:
                self.wait()
            frame, self._frame = self._frame, None
            self._processing = frame is not None
            self._changed.notify_all()
            return frame

    def drain(self) -> None:
        """Wait until the last frame has been processed or the slot is closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or (self._frame is None and not self._processing)
            )

    def close(self) -> None:
        """Drop the waiting frame, and wake up all waiting threads."""
        with self._changed:
            self._closed = True
            self._frame = None
            self._changed.notify_all()

    def _accepts(self, frame: Frame) -> bool:
        return frame.epoch == self._epoch and not self._closed
