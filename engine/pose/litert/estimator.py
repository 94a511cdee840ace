"""Pose estimator that runs the Pose Landmarker's two networks with LiteRT."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.base import PoseEstimator, Timestamps, limit_size
from dancetype.engine.pose.litert.detector import detect_people
from dancetype.engine.pose.litert.landmarks import find_landmarks
from dancetype.engine.pose.litert.network import load_networks
from dancetype.engine.pose.litert.region import Region
from dancetype.engine.pose.litert.smoothing import PoseSmoothing

# Intersection over union above which two regions show the same person.
_MAX_OVERLAP: Final = 0.5


class LiteRtEstimator(PoseEstimator):
    """Pose estimator with the same results as MediaPipe; see `open_estimator`.

    With several sources, a single thread per estimator is best.
    """

    def __init__(self, model: Path, *, people: int = 1, threads: int = 1) -> None:
        if people < 1 or threads < 1:
            raise ValueError(f"people and threads must be 1 or more, not {people} and {threads}")
        self._detector, self._landmarker = load_networks(model, threads=threads)
        self._people = people
        self._smoothing = PoseSmoothing()
        self._timestamps = Timestamps()
        self._tracked: list[Region] = []

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        """See `PoseEstimator`."""
        frame = limit_size(image)
        timestamp_ms = self._timestamps.next(time)
        if not frame.size:
            return []
        results = [find_landmarks(self._landmarker, frame, r) for r in self._regions(frame)]
        people = [result for result in results if result is not None]
        self._tracked = [region for _, region in people]
        if not people:
            self._smoothing.reset_image("no person")
        elif self._people == 1:
            size = np.array(frame.shape[1::-1], np.float32)
            return [self._smoothing(*people[0], timestamp_ms / 1000, size)]
        return [landmarks for landmarks, _ in people]

    def reset(self, reason: str) -> None:
        """See `PoseEstimator`."""
        self._tracked = []
        self._smoothing.reset(reason)
        self._timestamps = Timestamps()

    def close(self) -> None:
        """See `PoseEstimator`."""
        del self._detector, self._landmarker

    def _regions(self, frame: NDArray[np.uint8]) -> list[Region]:
        """Return the regions in which to look for people."""
        candidates = list(self._tracked)
        # The whole frame is searched only while fewer people are tracked than the maximum.
        if len(candidates) < self._people:
            candidates += detect_people(self._detector, frame)
        regions: list[Region] = []
        # The later of two regions that overlap is used, since it was detected in this frame.
        for region in filter(Region.is_valid, candidates):
            regions = [other for other in regions if other.overlap(region) <= _MAX_OVERLAP]
            regions.append(region)
        return regions[: self._people]
