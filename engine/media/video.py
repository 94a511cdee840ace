"""Video files: every frame, upright, at the times the file gives them."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import FileError, MissingFileError
from dancetype.engine.media.opencv import cv2
from dancetype.engine.media.sampler import FrameSampler

_CONTAINERS: Final = "3gp asf avi flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts webm wmv"
VIDEO_SUFFIXES: Final = frozenset(f".{name}" for name in _CONTAINERS.split())
"""Suffixes of file names that are taken for videos, in lower case."""

_USUAL_STEP: Final = 1 / 30
_LONGEST_STEP: Final = 10.0


class FrameTimes:
    """Makes rising times out of what a file says of its frames.

    Files exist whose times are missing, repeat or run backwards; those frames follow the one
    before at the file's own rate, until the file's times are ahead again.

    Args:
        fps: the file's frames a second, if it says anything sensible.
    """

    def __init__(self, fps: float) -> None:
        self.step = 1 / fps if 1 <= fps <= 1000 else _USUAL_STEP
        self._first: float | None = None
        self._last = 0.0

    def next(self, told: float) -> float:
        """Time of the next frame in seconds, 0 for the first.

        Args:
            told: time in seconds that the file gives; anything, NaN too.
        """
        if self._first is None:
            self._first = told if math.isfinite(told) else 0.0
            return 0.0
        step = told - self._first - self._last
        # A step of many seconds is no slow film but a broken clock; NaN compares false.
        self._last += step if 0 < step <= _LONGEST_STEP else self.step
        return self._last


class Video:
    """A video file, read from its start.

    Args:
        path: Path of the file.
        fps: Frames per second to read at most; all frames if None. No image is made of the others.

    Raises:
        MissingFileError: no such file, or a name that cannot be used.
        FileError: not one with a video that can be read.

    Attributes:
        position: Number of frames passed so far, including those that were not chosen.
    """

    def __init__(self, path: str | Path, *, fps: float | None = None) -> None:
        try:
            self._path = Path(path).expanduser()
            folder, there = self._path.is_dir(), self._path.is_file()
        # A name too long, a folder that may not be looked into; ~somebody who is not known.
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise MissingFileError(f"{path}: cannot be opened: {reason}") from error
        if folder:
            raise MissingFileError(f"{path}: a folder; name a video file in it")
        if not there:
            raise MissingFileError(f"{path}: no such file")
        # An absolute path is never taken for one of FFmpeg's protocols, such as `concat:`.
        whole = str(self._path.resolve())
        if whole != whole.encode(errors="replace").decode():
            # It would bring OpenCV down, and the whole program with it.
            raise MissingFileError(f"{path}: the name is not UTF-8; rename the file")
        self._reader = cv2.VideoCapture(whole, cv2.CAP_FFMPEG)
        if not self._reader.isOpened():
            raise FileError(f"{path}: {self._unreadable()}")
        # The default, and too important to leave to it: phones film upright by metadata alone.
        self._reader.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self._times = FrameTimes(self._reader.get(cv2.CAP_PROP_FPS))
        self._sampler = FrameSampler(fps)
        self._empty = True
        self.position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Closes."""
        self.close()

    def __iter__(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """All frames from here on, as `read` gives them."""
        while (frame := self.read()) is not None:
            yield frame

    @property
    def frames(self) -> int | None:
        """How many frames the file says it has, if it does; it may be a few off."""
        count = int(self._reader.get(cv2.CAP_PROP_FRAME_COUNT))
        return count if count > 0 else None

    def read(self) -> tuple[float, NDArray[np.uint8]] | None:
        """Return the next frame, or None at the end.

        Returns:
            Time in seconds, 0 for the file's first frame, and image (H, W, 3) BGR.

        Raises:
            FileError: the file has no frame at all.
        """
        while self._reader.grab():
            time = self._times.next(self._reader.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            self.position += 1
            if not self._sampler.wants(time):
                continue
            read, image = self._reader.retrieve()
            if not read:
                break
            self._empty = False
            return time, image.astype(np.uint8, copy=False)
        if self._empty:
            raise FileError(f"{self._path}: no frame in it can be decoded; is it damaged?")
        return None

    def close(self) -> None:
        """Closes the file."""
        self._reader.release()

    def _unreadable(self) -> str:
        try:
            with self._path.open("rb") as file:
                empty = not file.read(1)
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        if empty:
            return "the file is empty"
        return "no video that can be read; it may be damaged, cut short, or hold sound only"
