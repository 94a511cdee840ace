"""Detection of cameras that are mounted on their side or upside down."""

import math
from collections import Counter, deque
from typing import Final

import numpy as np

from dancetype.stream.messages import PredictionMessage

_SPAN: Final = 10.0  # seconds for which the body must have the same direction
_MIN_PREDICTIONS: Final = 4
# Shares of the predictions with a person: dancers bend, and the direction of a jump may be any.
_ENTER: Final = 0.8
_LEAVE: Final = 0.4
_MIN_VISIBILITY: Final = 0.5

# Indices of COCO's joints.
_SHOULDERS: Final = [5, 6]
_HIPS: Final = [11, 12]


class OrientationMonitor:
    """Monitor of the direction of the primary dancer's body in the image of a source.

    Attributes:
        rotate: Clockwise degrees by which the image has to be turned for an upright body; 0 if it
            is upright, or not known.
    """

    def __init__(self) -> None:
        self.rotate = 0
        self._start: float | None = None
        self._directions: deque[tuple[float, int]] = deque()

    @property
    def hint(self) -> str | None:
        """Advice for people to read; None if the body is upright, or nothing is known."""
        if not self.rotate:
            return None
        direction = "upside down" if self.rotate == 180 else "sideways"
        return f"the body is {direction}; turn the image clockwise by {self.rotate} with --rotate"

    def reset(self, reason: str) -> None:
        """Forget all predictions, as for a new epoch; `reason` documents the call."""
        self.rotate = 0
        self._start = None
        self._directions.clear()

    def update(self, message: PredictionMessage) -> bool:
        """Process the next prediction; return whether `rotate` has changed."""
        time, degrees = message.times.capture, _upright_rotation(message)
        if degrees is None:
            return False
        if self._start is None:
            self._start = time
        self._directions.append((time, degrees))
        while time - self._directions[0][0] > _SPAN:
            self._directions.popleft()
        counts = Counter(degrees for _, degrees in self._directions)
        total, previous = len(self._directions), self.rotate
        if self.rotate and counts[self.rotate] < _LEAVE * total:
            self.rotate = 0
        likeliest, count = counts.most_common(1)[0]
        enough = time - self._start >= _SPAN and total >= _MIN_PREDICTIONS
        if enough and count >= _ENTER * total:
            self.rotate = likeliest
        return self.rotate != previous


def _upright_rotation(message: PredictionMessage) -> int | None:
    """Return the clockwise degrees that turn the body upright, to the nearest quarter turn."""
    joints = message.dancers[0].joints if message.dancers else None
    if joints is None or message.image is None:
        return None
    points = np.array(joints)
    torso = points[_SHOULDERS + _HIPS]
    if torso[:, 2].min() < _MIN_VISIBILITY:
        return None
    size = np.array([message.image.width, message.image.height])
    x, y = (points[_SHOULDERS, :2].mean(axis=0) - points[_HIPS, :2].mean(axis=0)) * size
    # Clockwise from up to the direction of the shoulders.
    angle = math.degrees(math.atan2(x, -y))
    return round(-angle / 90) % 4 * 90
