"""Webcams."""

import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.engine.media.opencv import cv2
from dancetype.engine.media.sampler import FrameSampler
from dancetype.stream.sources.base import Frame

_MAX_WEBCAMS: Final = 4


class WebcamSource:
    """A camera of this machine, numbered from 0; `open_source` describes the parameters.

    Raises:
        SourceError: The camera cannot be opened in epoch 0.
        SourceUnavailableError: The camera cannot be opened later; it may be plugged in again.
    """

    live = True

    def __init__(
        self,
        number: int,
        *,
        epoch: int,
        clock: Callable[[], float],
        fps: float | None = None,
    ) -> None:
        # The other backends of OpenCV on Linux only add noise and take time.
        backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        self._reader = cv2.VideoCapture(number, backend)
        if not self._reader.isOpened():
            # A camera that was never there is a wrong number; one that was may come back.
            error = SourceUnavailableError if epoch else SourceError
            raise error(*_no_camera(number))
        # Drivers queue frames; only the newest counts.
        self._reader.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._number = number
        self._epoch = epoch
        self._clock = clock
        self._sampler = FrameSampler(fps)
        self._index = -1

    def read(self) -> Frame:
        """Return the next frame."""
        wanted = False
        while not wanted and self._reader.grab():
            came = self._clock()
            self._index += 1
            wanted = self._sampler.accept(came)
        image = self._reader.retrieve()[1] if wanted else None
        if image is None:
            raise SourceUnavailableError(
                f"webcam {self._number} gives no frames; is it unplugged, or used by another "
                "program?",
                Fault.ENDED,
            )
        return Frame(image.astype(np.uint8, copy=False), came, self._index, self._epoch)

    def close(self) -> None:
        """Release the camera."""
        self._reader.release()


def _no_camera(number: int) -> tuple[str, Fault]:
    device = Path(f"/dev/video{number}")
    if device.exists():
        return (
            f"webcam {number} cannot be opened; is another program using it, and are you in the "
            f"group of {device} (often `video`)?",
            Fault.REFUSED,
        )
    reason = f"no webcam {number} on this machine; `dancetype doctor` lists cameras"
    return reason, Fault.NOT_FOUND


def list_webcams() -> list[int]:
    """Return the numbers of the cameras that deliver a picture now."""
    if sys.platform == "linux":
        devices = Path("/dev").glob("video*")
        numbers = sorted(int(name) for device in devices if (name := device.name[5:]).isdecimal())
    else:
        numbers = list(range(_MAX_WEBCAMS))
    return [number for number in numbers if _gives_a_picture(number)]


def _gives_a_picture(number: int) -> bool:
    try:
        with closing(WebcamSource(number, epoch=0, clock=time.monotonic)) as source:
            source.read()
    except SourceError:
        return False
    return True
