"""Turns the frames of a source into a track."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.sampler import chosen
from dancetype.engine.media.track import Track, stacked
from dancetype.stream.frames import Frame
from dancetype.stream.sources.file import FileSource


class LandmarkEstimator(Protocol):
    """What a recording asks of a pose estimator; `PoseEstimator` is one."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def landmarks(self, image: NDArray[np.uint8], time: float) -> Landmarks | None:
        """Who is in a frame (H, W, 3) BGR of `time` seconds, or None."""
        ...

    def reset(self, reason: str) -> None:
        """Starts anew."""
        ...


class Recording:
    """Landmarks in the frames of a file so far."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, Landmarks | None]] = []

    def record(self, frames: Iterable[Frame], estimator: LandmarkEstimator) -> None:
        """Add frames; those whose time is not after the last one's are left out.

        Args:
            frames: Frames of one epoch, in order.
            estimator: Estimator that has not been used, or was reset.
        """
        for frame in frames:
            if not self._seen or frame.time > self._seen[-1][0]:
                self._seen.append((frame.time, estimator.landmarks(frame.image, frame.time)))

    def track(self, name: str, *, genre: str = "", dancer: str = "") -> Track:
        """All that was kept; times count from the first frame that was."""
        seen = list(self._seen)
        times = np.array([time for time, _ in seen], np.float64)
        world, image, visibility = stacked([found for _, found in seen])
        return Track(name, genre, times - times[:1], world, image, visibility, dancer)


def record_file(
    file: Path,
    recording: Recording,
    estimator: LandmarkEstimator,
    *,
    on_frame: Callable[[int, int | None], None],
    fps: float | None = None,
) -> None:
    """Records a video file as fast as it can be read.

    Args:
        file: a video.
        recording: takes what is seen.
        estimator: that has seen nothing yet.
        on_frame: told how many frames are done, and of how many, where the file says that.
        fps: frames a second to look at; every one where None.

    Raises:
        SourceError: the file cannot be read.
    """
    with closing(FileSource(file, wants=chosen(fps))) as source:
        recording.record(_told(source, on_frame), estimator)


def _told(source: FileSource, on_frame: Callable[[int, int | None], None]) -> Iterator[Frame]:
    while frame := source.read():
        yield frame
        on_frame(frame.index + 1, source.frames)
