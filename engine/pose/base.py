"""Interface and shared helpers of the pose estimators."""

from abc import ABC, abstractmethod
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import Landmarks

# Maximum pixels of the longer side of a frame; the models use only 256 x 256 pixels per person.
_MAX_SIDE: Final = 1920


class PoseEstimator(ABC):
    """Detector and tracker of the people in the frames of one source; has to be closed.

    The whole image is searched only while fewer people are tracked than the maximum. So each source
    needs a separate estimator, and frames must be in order.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def landmarks(self, image: NDArray[np.uint8], time: float) -> Landmarks | None:
        """Return the first of the `people` in a frame, or None."""
        return next(iter(self.people(image, time)), None)

    @abstractmethod
    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        """Return the people in a frame, in no particular order.

        Args:
            image: (H, W, 3) BGR.
            time: Capture time of the frame in seconds, on any clock.

        Raises:
            ValueError: `image` has another shape or type.
        """

    @abstractmethod
    def reset(self, reason: str) -> None:
        """Forget all frames, as for a new epoch; `reason` documents the call."""

    @abstractmethod
    def close(self) -> None:
        """Free the models' memory and threads; the estimator cannot be used afterwards."""


def limit_size(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a frame, scaled down if it is large.

    Raises:
        ValueError: `image` is not (H, W, 3) uint8.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"a frame must be (H, W, 3) uint8, not {image.shape} {image.dtype}")
    height, width = image.shape[:2]
    scale = _MAX_SIDE / max(height, width, 1)
    if scale >= 1:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    # Imported here, since replays of recordings import this module, but do not need OpenCV.
    import cv2

    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


class Timestamps:
    """Strictly rising timestamps of frames, in whole milliseconds since the first frame."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._last_ms = -1

    def next(self, time: float) -> int:
        """Return the timestamp of the next frame, captured at `time` in seconds on any clock."""
        if self._start is None:
            self._start = time - (self._last_ms + 1) / 1000
        self._last_ms = max(round((time - self._start) * 1000), self._last_ms + 1)
        return self._last_ms

    def skip(self, gap_ms: int) -> int:
        """Return a timestamp that is `gap_ms` later than the last."""
        self._last_ms += gap_ms
        return self._last_ms

    def restart(self) -> None:
        """Let the next frame follow directly after the last, regardless of its time."""
        self._start = None
