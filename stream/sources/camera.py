"""Live sources: webcams and RTSP cameras."""

import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from stream.frames import Frame
from stream.sources.base import SourceError, SourceUnavailableError
from stream.sources.opencv import cv2
from stream.sources.uri import masked

_OPEN_TIMEOUT: Final = 4.0
_READ_TIMEOUT: Final = 4.0
_MOST_WEBCAMS: Final = 4


class _LiveSource:
    """A camera that OpenCV reads.

    Args:
        reader: an open `cv2.VideoCapture`.
        lost: what to say once no more frames come.
        epoch: which start of the source this is.
        clock: tells when a frame came.
    """

    live = True

    def __init__(
        self, reader: cv2.VideoCapture, lost: str, *, epoch: int, clock: Callable[[], float]
    ) -> None:
        self._reader = reader
        self._lost = lost
        self._epoch = epoch
        self._clock = clock
        self._index = 0

    def read(self) -> Frame:
        """The next frame.

        Raises:
            SourceUnavailableError: none came within the time-out, or the camera is gone.
        """
        grabbed = self._reader.grab()
        came = self._clock()
        image = self._reader.retrieve()[1] if grabbed else None
        if image is None:
            raise SourceUnavailableError(self._lost)
        self._index += 1
        return Frame(image.astype(np.uint8, copy=False), came, self._index - 1, self._epoch)

    def close(self) -> None:
        """Lets go of the camera."""
        self._reader.release()


class WebcamSource(_LiveSource):
    """A camera of this machine.

    Args:
        number: counts the cameras from 0.
        epoch: which start of the source this is.
        clock: tells when a frame came.

    Raises:
        SourceError: no such camera, or it may not be used.
    """

    def __init__(self, number: int, *, epoch: int, clock: Callable[[], float]) -> None:
        # The other ways that OpenCV has on Linux only add noise and take time.
        backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        reader = cv2.VideoCapture(number, backend)
        if not reader.isOpened():
            raise _no_camera(number)
        # Drivers queue frames; we want the newest.
        reader.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        lost = f"webcam {number} gives no frames; is it unplugged, or used by another program?"
        super().__init__(reader, lost, epoch=epoch, clock=clock)


class RtspSource(_LiveSource):
    """A network camera, read over TCP.

    Args:
        url: `rtsp://[user:password@]host[:port]/path`.
        epoch: which start of the source this is.
        clock: tells when a frame came.

    Raises:
        SourceUnavailableError: nobody answers there within seconds, or not with a video.
    """

    def __init__(self, url: str, *, epoch: int, clock: Callable[[], float]) -> None:
        timeouts = (
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(_OPEN_TIMEOUT * 1000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(_READ_TIMEOUT * 1000)),
        )
        start = clock()
        reader = cv2.VideoCapture(url, cv2.CAP_FFMPEG, timeouts)
        if not reader.isOpened():
            late = clock() - start >= _OPEN_TIMEOUT
            what = f"no answer within {_OPEN_TIMEOUT:.0f} s" if late else "cannot be opened"
            raise SourceUnavailableError(
                f"{masked(url)}: {what}; check that the camera is on, its address, user and path"
            )
        lost = f"{masked(url)}: the stream has ended or broken off"
        super().__init__(reader, lost, epoch=epoch, clock=clock)


def _no_camera(number: int) -> SourceError:
    device = Path(f"/dev/video{number}")
    if device.exists():
        return SourceError(
            f"webcam {number} cannot be opened; is another program using it, and are you in the "
            f"group of {device} (often `video`)?"
        )
    return SourceError(f"no webcam {number} on this machine; `dancetype doctor` lists cameras")


def list_webcams() -> list[int]:
    """Numbers of the cameras that give a picture now."""
    if sys.platform == "linux":
        devices = Path("/dev").glob("video*")
        numbers = sorted(int(name) for device in devices if (name := device.name[5:]).isdecimal())
    else:
        numbers = list(range(_MOST_WEBCAMS))
    return [number for number in numbers if _gives_a_picture(number)]


def _gives_a_picture(number: int) -> bool:
    try:
        with closing(WebcamSource(number, epoch=0, clock=time.monotonic)) as source:
            source.read()
    except SourceError:
        return False
    return True
