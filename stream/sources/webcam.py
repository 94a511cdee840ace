"""Webcams of this machine."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.engine.media.opencv import cv2
from dancetype.engine.media.sampler import FrameRate, FrameSampler
from dancetype.stream.sources.base import Frame

_MAX_WEBCAMS: Final = 4
_VIDEO_DEVICES: Final = 81  # major number of V4L devices on Linux


class WebcamSource:
    """Webcam as a source.

    Args:
        device: Number of the camera, from 0, or path of its device, which may be a symbolic link.
        epoch: Epoch of the source.
        clock: Monotonic clock in seconds, for the capture times.
        fps: Maximum number of frames per second to return; all frames if None.

    Raises:
        SourceError: The camera cannot be opened in epoch 0.
        SourceUnavailableError: The camera cannot be opened in a later epoch.
    """

    live = True

    def __init__(
        self,
        device: str,
        *,
        epoch: int,
        clock: Callable[[], float],
        fps: FrameRate | None = None,
    ) -> None:
        # On Linux, OpenCV's other backends only add delay and log noise.
        backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        self._reader = cv2.VideoCapture(_target(device), backend)
        if not self._reader.isOpened():
            # In epoch 0 the number is probably wrong; later, the camera may be plugged in again.
            error = SourceUnavailableError if epoch else SourceError
            raise error(*_opening_fault(device))
        # Drivers queue frames, but only the newest is needed.
        self._reader.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._device = device
        self._epoch = epoch
        self._clock = clock
        self._sampler = FrameSampler(fps)
        self._index = -1

    def read(self) -> Frame:
        """Return the next frame."""
        sampled = False
        while not sampled and self._reader.grab():
            captured_at = self._clock()
            self._index += 1
            sampled = self._sampler.accept(captured_at)
        image = self._reader.retrieve()[1] if sampled else None
        if image is None:
            raise SourceUnavailableError(
                f"webcam {self._device} delivers no frames; check that it is plugged in and that "
                "no other program uses it",
                Fault.ENDED,
            )
        return Frame(image.astype(np.uint8, copy=False), captured_at, self._index, self._epoch)

    def close(self) -> None:
        """Release the camera."""
        self._reader.release()


def _target(device: str) -> int | str:
    """Return the number of a camera, or the path of a device without one, for OpenCV."""
    if device.isdecimal():
        return int(device)
    # Resolved at each start: after a camera was plugged in again, its number may differ.
    path = Path(device).resolve()
    number = path.name.removeprefix("video")
    return int(number) if path.parent == Path("/dev") and number.isdecimal() else str(path)


def _opening_fault(device: str) -> tuple[str, Fault]:
    """Return reason and fault for a camera that cannot be opened."""
    path = Path(f"/dev/video{device}" if device.isdecimal() else device)
    if not path.exists():
        target = f" ({path} is a link to {path.readlink()})" if path.is_symlink() else ""
        return (
            f"no webcam {device} on this machine{target}; `dancetype doctor` lists cameras",
            Fault.NOT_FOUND,
        )
    if sys.platform == "linux" and os.major(path.stat().st_rdev) != _VIDEO_DEVICES:
        return f"{device} is a device, but not a camera; give another path", Fault.NOT_FOUND
    return (
        f"webcam {device} cannot be opened; check that no other program uses it and that you are "
        f"in the group of {path} (often `video`)",
        Fault.REFUSED,
    )


def list_webcams() -> list[int]:
    """Return the numbers of the cameras that currently deliver frames."""
    if sys.platform == "linux":
        devices = Path("/dev").glob("video*")
        numbers = sorted(int(name) for device in devices if (name := device.name[5:]).isdecimal())
    else:
        numbers = list(range(_MAX_WEBCAMS))
    return [number for number in numbers if _delivers_frames(number)]


def _delivers_frames(number: int) -> bool:
    try:
        with closing(WebcamSource(str(number), epoch=0, clock=time.monotonic)) as source:
            source.read()
    except SourceError:
        return False
    return True
