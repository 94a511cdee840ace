"""Extraction of a landmark track from a video or another sequence of images."""

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import UNKNOWN_SIZE, Landmarks
from dancetype.engine.media.track import Track, stack_landmarks


class LandmarkEstimator(Protocol):
    """Interface of a pose estimator for one person; see `PoseEstimator`."""

    def landmarks(self, image: NDArray[np.uint8], time: float) -> Landmarks | None:
        """Return the person in a frame (H, W, 3) BGR captured at `time` seconds, or None."""
        ...

    def reset(self, reason: str) -> None:
        """Forget all previous frames; `reason` documents the call."""
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
        frames: Rising time in seconds and image (H, W, 3) BGR of each frame, such as a `Video`.
        estimator: Pose estimator; it is reset first, so that it can be reused.
        name: Name of the track.
        on_frame: Called after each frame.

    Raises:
        FileError: `frames` is a `Video` without a frame that can be decoded.
    """
    # The result must not depend on earlier clips.
    estimator.reset("a new clip")
    times: list[float] = []
    detections: list[Landmarks | None] = []
    size = UNKNOWN_SIZE
    for time, image in frames:
        times.append(time)
        size = (image.shape[1], image.shape[0])
        detections.append(estimator.landmarks(image, time))
        on_frame()
    world, positions, visibility = stack_landmarks(detections)
    return Track(
        name, "", np.array(times, np.float64), world, positions, visibility, image_size=size
    )
