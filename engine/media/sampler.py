"""Choice of frames if a source has more than should be analysed."""

from typing import Final

# Weight of the newest interval between two frames in their moving average.
_SMOOTHING: Final = 0.1


class FrameSampler:
    """Chooses frames of one epoch, spread evenly by capture time.

    Args:
        fps: Frames per second to choose at most; all frames if None.

    Raises:
        ValueError: `fps` is not positive.
    """

    def __init__(self, fps: float | None) -> None:
        if fps is not None and not fps > 0:
            raise ValueError(f"fps is {fps}; it has to be more than 0")
        self._period = 1 / fps if fps else None
        self._step: float | None = None
        self._last: float | None = None
        self._due = 0.0

    def wants(self, time: float) -> bool:
        """Return whether to use the next frame.

        Args:
            time: Capture time in seconds. Called once per frame, in order.
        """
        if self._period is None:
            return True
        last, self._last = self._last, time
        if last is None:
            self._due = time + self._period
            return True
        step = min(time - last, self._period)
        self._step = step if self._step is None else self._step + _SMOOTHING * (step - self._step)
        # The frame nearest to the due time is chosen: if this one is early by more than half an
        # interval, the next is nearer.
        if self._due - time > self._step / 2:
            return False
        # Due times keep their own period, so that a frame early or late does not change the rate;
        # after a gap they restart from the frame that ended it.
        late = time - self._due > self._period / 2
        self._due = (time if late else self._due) + self._period
        return True
