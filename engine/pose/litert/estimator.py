"""Finds poses by running the Pose Landmarker's two networks with LiteRT."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.base import PoseEstimator
from dancetype.engine.pose.frames import Timestamps, checked_image, shrunk
from dancetype.engine.pose.litert.detector import PersonDetector
from dancetype.engine.pose.litert.landmarks import LandmarkFinder
from dancetype.engine.pose.litert.network import load_networks
from dancetype.engine.pose.litert.region import Region
from dancetype.engine.pose.litert.smoothing import PoseSmoothing

# What of a region may be shared with another's before both are taken for one person's.
_LARGEST_OVERLAP: Final = 0.5


class LiteRtEstimator(PoseEstimator):
    """Runs what MediaPipe runs, without MediaPipe.

    Args:
        model: a `.task` file of the Pose Landmarker: lite, full or heavy.
        people: how many to find at most.
        threads: to compute with; several sources are better served by one each.

    Raises:
        ModelError: no such file, or no such model.
    """

    def __init__(self, model: Path, *, people: int = 1, threads: int = 1) -> None:
        if people < 1 or threads < 1:
            raise ValueError(f"people and threads are 1 or more, not {people} and {threads}")
        detector, landmarks = load_networks(model, threads=threads)
        self._detector = PersonDetector(detector)
        self._finder = LandmarkFinder(landmarks)
        self._people = people
        self._smoothing = PoseSmoothing()
        self._timestamps = Timestamps()
        self._followed: list[Region] = []

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        """See `PoseEstimator`."""
        frame = shrunk(checked_image(image))
        milliseconds = self._timestamps.of(time)
        if not frame.size:
            return []
        looked_for = (self._finder(frame, region) for region in self._regions(frame))
        found = [person for person in looked_for if person is not None]
        self._followed = [person.region for person in found]
        if not found:
            self._smoothing.lose("nobody")
        elif self._people == 1:
            size = np.array(frame.shape[1::-1], np.float32)
            return [self._smoothing(found[0], milliseconds / 1000, size)]
        return [person.landmarks for person in found]

    def reset(self, reason: str) -> None:
        """See `PoseEstimator`."""
        self._followed = []
        self._smoothing.reset(reason)
        self._timestamps = Timestamps()

    def close(self) -> None:
        """See `PoseEstimator`."""
        del self._detector, self._finder

    def _regions(self, frame: NDArray[np.uint8]) -> list[Region]:
        """Where to look for people; the whole frame is searched only for those not followed."""
        looked_at = list(self._followed)
        if len(looked_at) < self._people:
            looked_at += self._detector(frame)
        regions: list[Region] = []
        # Of two that overlap the later counts, as it was seen in this frame.
        for region in filter(lambda region: region.sound, looked_at):
            regions = [other for other in regions if other.overlap(region) <= _LARGEST_OVERLAP]
            regions.append(region)
        return regions[: self._people]
