"""Video files: every frame, at the times the file gives them."""

import math
from pathlib import Path
from typing import Final

import numpy as np

from stream.frames import Frame
from stream.sources.base import Fault, SourceError
from stream.sources.opencv import cv2

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


class FileSource:
    """A video file.

    Args:
        path: of the file.
        epoch: which start of the source this is.
        start: time of the first frame in seconds.

    Raises:
        SourceError: no such file, or not one with a video that can be read.
    """

    live = False

    def __init__(self, path: str | Path, *, epoch: int = 0, start: float = 0.0) -> None:
        try:
            self._path = Path(path).expanduser()
            folder, there = self._path.is_dir(), self._path.is_file()
        # A name too long, a folder that may not be looked into; ~somebody who is not known.
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SourceError(f"{path}: cannot be opened: {reason}", Fault.NOT_FOUND) from error
        if folder:
            raise SourceError(f"{path}: a folder; name a video file in it", Fault.NOT_FOUND)
        if not there:
            raise SourceError(f"{path}: no such file", Fault.NOT_FOUND)
        # An absolute path is never taken for one of FFmpeg's protocols, such as `concat:`.
        whole = str(self._path.resolve())
        if whole != whole.encode(errors="replace").decode():
            # It would bring OpenCV down, and the whole program with it.
            raise SourceError(f"{path}: the name is not UTF-8; rename the file", Fault.NOT_FOUND)
        self._reader = cv2.VideoCapture(whole, cv2.CAP_FFMPEG)
        if not self._reader.isOpened():
            raise SourceError(f"{path}: {self._unreadable()}", Fault.CODEC)
        # The default, and too important to leave to it: phones film upright by metadata alone.
        self._reader.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self._times = FrameTimes(self._reader.get(cv2.CAP_PROP_FPS))
        self._epoch = epoch
        self._start = start
        self._index = 0

    @property
    def frames(self) -> int | None:
        """How many frames the file says it has, if it does; it may be a few off."""
        count = int(self._reader.get(cv2.CAP_PROP_FRAME_COUNT))
        return count if count > 0 else None

    def read(self) -> Frame | None:
        """The next frame, or None at the end.

        Raises:
            SourceError: the file has no frame at all.
        """
        read, image = self._reader.read()
        if not read:
            if self._index == 0:
                raise SourceError(
                    f"{self._path}: no frame in it can be decoded; is it damaged?", Fault.CODEC
                )
            return None
        told = self._reader.get(cv2.CAP_PROP_POS_MSEC) / 1000
        time = self._start + self._times.next(told)
        frame = Frame(image.astype(np.uint8, copy=False), time, self._index, self._epoch)
        self._index += 1
        return frame

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
