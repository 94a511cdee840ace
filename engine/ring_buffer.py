"""The last seconds of poses, kept by capture time."""

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, Array, Pose


class RingBuffer:
    """Holds the poses of the last `seconds`, however many frames a second that is.

    A frame with nobody in it is kept too, as NaN: a gap in the dance is part of what was seen.

    Args:
        seconds: how far back to keep, by capture time.
    """

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise ValueError(f"a ring buffer holds more than 0 seconds, not {seconds}")
        self._seconds = seconds
        self._poses: deque[tuple[float, Pose | None]] = deque()

    def __len__(self) -> int:
        return len(self._poses)

    def append(self, time: float, pose: Pose | None) -> bool:
        """Adds what was seen at `time`, a capture time in seconds.

        Returns:
            False where `time` does not lie after the newest, or is no time at all: such a frame
            is not kept, since nothing can be said about the order of what it shows.
        """
        if not math.isfinite(time) or (self._poses and time <= self._poses[-1][0]):
            return False
        self._poses.append((time, pose))
        # One frame older than the span stays, so that the span's first instant can be interpolated.
        while len(self._poses) > 2 and self._poses[1][0] <= time - self._seconds:
            self._poses.popleft()
        return True

    def reset(self, reason: str) -> None:
        """Forgets all poses; `reason` is for whoever reads the call."""
        del reason
        self._poses.clear()

    def track(self) -> tuple[NDArray[np.float64], Array]:
        """What is held, oldest first.

        Returns:
            times (T,) in seconds, and joints (T, 17, 3) in metres, NaN where nobody was seen.
        """
        times = np.array([time for time, _ in self._poses], np.float64)
        joints = np.full((len(times), len(JOINTS), 3), np.nan, np.float32)
        for row, (_, pose) in zip(joints, self._poses, strict=True):
            if pose is not None:
                row[:] = pose.joints
        return times, joints
