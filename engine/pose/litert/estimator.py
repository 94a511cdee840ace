"""Pose estimator that runs the Pose Landmarker's two networks with LiteRT."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.base import PoseEstimator, Timestamps, prepared
from dancetype.engine.pose.litert.detector import find_people
from dancetype.engine.pose.litert.landmarks import find_landmarks
from dancetype.engine.pose.litert.network import load_networks
from dancetype.engine.pose.litert.region import Region
from dancetype.engine.pose.litert.smoothing import PoseSmoothing

# Intersection over union above which two regions belong to the same person.
_LARGEST_OVERLAP: Final = 0.5


class LiteRtEstimator(PoseEstimator):
    """Pose estimator with the same results as MediaPipe's, but without MediaPipe.

    See `open_estimator`. One of the `threads` is best if there are several sources.
    """

    def __init__(self, model: Path, *, people: int = 1, threads: int = 1) -> None:
        if people < 1 or threads < 1:
            raise ValueError(f"people and threads are 1 or more, not {people} and {threads}")
        self._detector, self._landmarker = load_networks(model, threads=threads)
        self._people = people
        self._smoothing = PoseSmoothing()
        self._timestamps = Timestamps()
        self._tracked: list[Region] = []

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        """See `PoseEstimator`."""
        frame = prepared(image)
        milliseconds = self._timestamps.of(time)
        if not frame.size:
            return []
        candidates = [
            find_landmarks(self._landmarker, frame, region) for region in self._regions(frame)
        ]
        found = [person for person in candidates if person is not None]
        self._tracked = [region for _, region in found]
        if not found:
            self._smoothing.lose("nobody")
        elif self._people == 1:
            size = np.array(frame.shape[1::-1], np.float32)
            return [self._smoothing(*found[0], milliseconds / 1000, size)]
        return [landmarks for landmarks, _ in found]

    def reset(self, reason: str) -> None:
        """See `PoseEstimator`."""
        self._tracked = []
        self._smoothing.reset(reason)
        self._timestamps = Timestamps()

    def close(self) -> None:
        """See `PoseEstimator`."""
        del self._detector, self._landmarker

    def _regions(self, frame: NDArray[np.uint8]) -> list[Region]:
        candidates = list(self._tracked)
        # The whole frame is searched only for people who are not tracked.
        if len(candidates) < self._people:
            candidates += find_people(self._detector, frame)
        regions: list[Region] = []
        # Of two regions that overlap the later one counts, as it was detected in this frame.
        for region in filter(lambda region: region.sound, candidates):
            regions = [other for other in regions if other.overlap(region) <= _LARGEST_OVERLAP]
            regions.append(region)
        return regions[: self._people]
