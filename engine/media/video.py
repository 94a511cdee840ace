"""Reader of video files: every frame, upright, with rising times."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import FileError, MissingFileError
from dancetype.engine.media.opencv import cv2
from dancetype.engine.media.sampler import FrameRate, FrameSampler

_CONTAINERS: Final = "3gp asf avi flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts webm wmv"
VIDEO_SUFFIXES: Final = frozenset(f".{name}" for name in _CONTAINERS.split())
"""Suffixes of video files, in lower case."""

# Seconds between frames.
_DEFAULT_STEP: Final = 1 / 30
_MAX_STEP: Final = 10.0


class FrameTimes:
    """Rising frame times of a file.

    In some files times are missing, repeat or run backwards. The times of such frames follow the
    previous one at the frame rate, until the times in the file are ahead again.

    Args:
        fps: Frames per second according to the file; ignored if implausible.
    """

    def __init__(self, fps: float) -> None:
        self.step = 1 / fps if 1 <= fps <= 1000 else _DEFAULT_STEP
        self._first: float | None = None
        self._last = 0.0

    def next(self, stored: float) -> float:
        """Return the time of the next frame in seconds, 0 for the first.

        Args:
            stored: Time in seconds according to the file; any number, including NaN.
        """
        if self._first is None:
            self._first = stored if math.isfinite(stored) else 0.0
            return 0.0
        step = stored - self._first - self._last
        # Steps of many seconds are errors in the file, not slow frames. NaN compares false.
        self._last += step if 0 < step <= _MAX_STEP else self.step
        return self._last


class Video:
    """A video file, read from its start.

    Args:
        path: Path of the file.
        fps: Maximum number of frames per second; all frames if None. Frames that are skipped are
            not converted to images.

    Raises:
        MissingFileError: The file does not exist, or its name cannot be used.
        FileError: The file has no video that can be read.

    Attributes:
        position: Number of frames passed so far, including skipped ones.
    """

    def __init__(self, path: str | Path, *, fps: FrameRate | None = None) -> None:
        self._path = _existing_file(path)
        # FFmpeg cannot mistake an absolute path for a protocol, such as `concat:`.
        absolute = str(self._path.resolve())
        if absolute != absolute.encode(errors="replace").decode():
            # OpenCV would crash the process.
            raise MissingFileError(f"{path}: the name is not UTF-8; rename the file")
        self._reader = cv2.VideoCapture(absolute, cv2.CAP_FFMPEG)
        if not self._reader.isOpened():
            raise FileError(f"{path}: {self._explain_failure()}")
        # Apply the rotation that phones store in the metadata: OpenCV's default, made explicit.
        self._reader.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self._times = FrameTimes(self._reader.get(cv2.CAP_PROP_FPS))
        self._sampler = FrameSampler(fps)
        self._empty = True
        self.position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        return iter(self.read, None)

    @property
    def frames(self) -> int | None:
        """Number of frames according to the file, which may be a few off; None if unknown."""
        count = int(self._reader.get(cv2.CAP_PROP_FRAME_COUNT))
        return count if count > 0 else None

    def read(self) -> tuple[float, NDArray[np.uint8]] | None:
        """Return the next frame, or None at the end.

        Returns:
            Time in seconds, 0 for the file's first frame, and image (H, W, 3) BGR.

        Raises:
            FileError: No frame in the file can be decoded.
        """
        while self._reader.grab():
            time = self._times.next(self._reader.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            self.position += 1
            if not self._sampler.accept(time):
                continue
            success, image = self._reader.retrieve()
            if not success:
                break
            self._empty = False
            return time, image.astype(np.uint8, copy=False)
        if self._empty:
            raise FileError(f"{self._path}: no frame in it can be decoded; is it damaged?")
        return None

    def close(self) -> None:
        """Close the file."""
        self._reader.release()

    def _explain_failure(self) -> str:
        try:
            with self._path.open("rb") as file:
                empty = not file.read(1)
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        if empty:
            return "the file is empty"
        return "no video that can be read; it may be damaged, cut short, or contain sound only"


def _existing_file(path: str | Path) -> Path:
    try:
        file = Path(path).expanduser()
        is_folder, exists = file.is_dir(), file.is_file()
    # The name is too long, a folder is not accessible, or `~user` names an unknown user.
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MissingFileError(f"{path}: cannot be opened: {reason}") from error
    if is_folder:
        raise MissingFileError(f"{path}: is a folder; name a video file in it")
    if not exists:
        raise MissingFileError(f"{path}: no such file")
    return file
