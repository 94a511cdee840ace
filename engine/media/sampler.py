"""Selection of frames from a source that has more than needed."""

import math
from collections.abc import Callable
from typing import Final

FrameRate = float | Callable[[float], float]
"""Frames per second, or a function that returns it for a frame captured at a time in seconds;
infinity means all frames."""

# Weight of the newest interval between two frames in their moving average.
_SMOOTHING: Final = 0.1


class FrameSampler:
    """Filter that accepts frames of one epoch, evenly spaced by capture time.

    Args:
        fps: Maximum number of frames per second; all frames if None.

    Raises:
        ValueError: `fps` is not positive.
    """

    def __init__(self, fps: FrameRate | None) -> None:
        if fps is not None and not callable(fps) and not fps > 0:
            raise ValueError(f"fps must be more than 0, not {fps}")
        self._fps = math.inf if fps is None else fps
        self._period = 0.0
        self._interval: float | None = None
        self._last: float | None = None
        self._due = 0.0

    def accept(self, time: float) -> bool:
        """Return whether to use the next frame; must be called once per frame, in order.

        Args:
            time: Capture time in seconds.
        """
        fps = self._fps(time) if callable(self._fps) else self._fps
        is_limited = fps < math.inf
        if is_limited:
            self._period = 1 / fps
        # While all frames are accepted, the grid of due times continues at the last rate.
        return self._is_due(time) or not is_limited

    def _is_due(self, time: float) -> bool:
        period = self._period
        last, self._last = self._last, time
        if last is None:
            self._due = time + period
            return True
        interval = min(time - last, period)
        if self._interval is None:
            self._interval = interval
        self._interval += _SMOOTHING * (interval - self._interval)
        # The frame nearest to the due time is used. If this one is early by more than half an
        # interval, the next is nearer.
        if self._due - time > self._interval / 2:
            return False
        # Due times are a period apart, so that an early or late frame does not change the rate.
        # After a gap they restart from the frame that ends it.
        late = time - self._due > period / 2
        self._due = (time if late else self._due) + period
        return True
