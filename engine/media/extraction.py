"""Extraction of a landmark track from the frames of a video, or of any other series of images."""

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.track import Track, stack_landmarks


class LandmarkEstimator(Protocol):
    """The part of a `PoseEstimator` that finds one person."""

    def landmarks(self, image: NDArray[np.uint8], time: float) -> Landmarks | None:
        """Return the person in a frame (H, W, 3) BGR of `time` seconds, or None."""
        ...

    def reset(self, reason: str) -> None:
        """Forget all frames so far."""
        ...


def extract_track(
    frames: Iterable[tuple[float, NDArray[np.uint8]]],
    estimator: LandmarkEstimator,
    *,
    name: str,
    on_frame: Callable[[], object] = lambda: None,
) -> Track:
    """Run pose estimation over frames and return a track without labels.

    Args:
        frames: Time in seconds, rising, and image (H, W, 3) BGR of each frame; such as a `Video`.
        estimator: Estimator that is reset first, so that it may have been used before.
        name: Name of the track.
        on_frame: Called after each frame.

    Raises:
        FileError: `frames` is a `Video` without a frame that can be decoded.
    """
    # Before the first clip too: the result must not depend on which clips came before.
    estimator.reset("a new clip")
    times: list[float] = []
    found: list[Landmarks | None] = []
    for time, image in frames:
        times.append(time)
        found.append(estimator.landmarks(image, time))
        on_frame()
    return Track(name, "", np.array(times, np.float64), *stack_landmarks(found))
