"""Turns a whole video file into a track of poses."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.skeleton import JOINTS, Array
from stream.pipeline import Estimator
from stream.sources.file import FileSource


@dataclass(frozen=True, slots=True)
class Track:
    """The poses of a clip.

    Attributes:
        times: (T,) seconds from the first frame on, rising; T is 1 or more.
        joints: (T, 17, 3) metres, NaN where nobody was seen.
    """

    times: NDArray[np.float64]
    joints: Array

    @property
    def poses(self) -> int:
        """Frames in which somebody was seen."""
        return int(np.isfinite(self.joints).all(axis=(1, 2)).sum())

    @property
    def seconds(self) -> float:
        """Length of the clip, its last frame being shown for as long as the others."""
        frames = len(self.times)
        return float(self.times[-1]) * frames / max(frames - 1, 1)


def read_track(
    file: Path, estimator: Estimator, *, on_frame: Callable[[int, int | None], None]
) -> Track:
    """Finds the pose in every frame of a file.

    Args:
        file: a video.
        estimator: that has seen nothing yet.
        on_frame: told how many frames are done, and of how many, where the file says that.

    Raises:
        SourceError: the file cannot be read.
    """
    times: list[float] = []
    joints: list[Array] = []
    nobody = np.full((len(JOINTS), 3), np.nan, np.float32)
    with closing(FileSource(file)) as source:
        while frame := source.read():
            pose = estimator.estimate(frame.image, frame.time)
            times.append(frame.time)
            joints.append(nobody if pose is None else pose.joints)
            on_frame(len(times), source.frames)
    return Track(np.array(times), np.array(joints))
