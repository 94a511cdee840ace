"""Poses of the last seconds."""

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, Array, Pose


class RingBuffer:
    """Poses of the last `seconds`, by capture time and so independent of the frame rate.

    Frames without a person are kept too, since gaps matter when a window is cut.
    """

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise ValueError(f"a ring buffer must hold more than 0 seconds, not {seconds}")
        self._seconds = seconds
        self._poses: deque[tuple[float, Pose | None]] = deque()

    def __len__(self) -> int:
        return len(self._poses)

    def append(self, time: float, pose: Pose | None) -> bool:
        """Add the pose captured at `time` seconds, or None if there was no person.

        Returns:
            False if the frame was dropped because `time` is not finite or not after the newest.
        """
        if not math.isfinite(time) or (self._poses and time <= self._poses[-1][0]):
            return False
        self._poses.append((time, pose))
        # Keep one frame older than the span, so that the start of the span can be interpolated.
        while len(self._poses) > 2 and self._poses[1][0] <= time - self._seconds:
            self._poses.popleft()
        return True

    def reset(self, reason: str) -> None:
        """Drop all poses; `reason` documents the call."""
        self._poses.clear()

    def track(self) -> tuple[NDArray[np.float64], Array]:
        """Return all frames, oldest first.

        Returns:
            Times (T,) in seconds, and joints (T, 17, 3) in metres, NaN in frames without a person.
        """
        times = np.array([time for time, _ in self._poses], np.float64)
        joints = np.full((len(times), len(JOINTS), 3), np.nan, np.float32)
        for row, (_, pose) in zip(joints, self._poses, strict=True):
            if pose is not None:
                row[:] = pose.joints
        return times, joints
