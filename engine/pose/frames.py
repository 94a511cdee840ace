"""What every pose runtime makes of a frame and of its time."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

# Pixels of a frame's longer side from which on it is shrunk.
_LARGEST: Final = 1920


def checked_image(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`image`, if it is a frame.

    Raises:
        ValueError: it is of another shape or type.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"a frame is (H, W, 3) uint8, not {image.shape} {image.dtype}")
    return image


def shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`image`, not larger than is of use: the models look at 256 x 256 pixels of a person."""
    height, width = image.shape[:2]
    scale = _LARGEST / max(height, width, 1)
    if scale >= 1:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


class Timestamps:
    """Whole milliseconds from the first frame on, each above the last."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._last_ms = -1

    def of(self, time: float) -> int:
        """That of a frame captured at `time`, in seconds on any clock."""
        if self._start is None:
            self._start = time - (self._last_ms + 1) / 1000
        self._last_ms = max(round((time - self._start) * 1000), self._last_ms + 1)
        return self._last_ms

    def after(self, gap_ms: int) -> int:
        """That of no frame, `gap_ms` after the last."""
        self._last_ms += gap_ms
        return self._last_ms

    def restart(self) -> None:
        """Has the next frame follow the last, whatever its time."""
        self._start = None
