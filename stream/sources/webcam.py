"""Webcams of this machine."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.engine.media.opencv import cv2
from dancetype.engine.media.sampler import FrameRate, FrameSampler
from dancetype.stream.sources.base import Frame

# On Linux, OpenCV's other backends only add delay and log noise. On Windows, Media Foundation takes
# seconds to open a camera, and does not find virtual cameras such as that of OBS.
_BACKENDS: Final = {
    "linux": cv2.CAP_V4L2,
    "win32": cv2.CAP_DSHOW,
    "darwin": cv2.CAP_AVFOUNDATION,
}
_NAME_PREFIX: Final = "webcam:"
_CHECK_USE: Final = "check that no other program uses it"
_CHECK_ACCESS: Final = {
    "win32": "and that Settings > Privacy & security > Camera lets desktop apps use it",
    "darwin": "and that System Settings > Privacy & Security > Camera allows your terminal",
}
_VIDEO_DEVICES: Final = 81  # major number of V4L devices on Linux


class WebcamSource:
    """Webcam as a source.

    Args:
        device: Number of the camera, from 0, `webcam:` and its name or a part of it, or path of
            its device, which may be a symbolic link.
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
        # OpenCV could ask for permission only on the main thread; without that, macOS asks itself.
        os.environ.setdefault("OPENCV_AVFOUNDATION_SKIP_AUTH", "1")
        error = SourceUnavailableError if epoch else SourceError
        backend = _BACKENDS.get(sys.platform, cv2.CAP_ANY)
        self._reader = cv2.VideoCapture(_target(device, error), backend)
        if not self._reader.isOpened():
            # In epoch 0 the number is probably wrong; later, the camera may be plugged in again.
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


def _target(device: str, error: type[SourceError]) -> int | str:
    """Return the number of a camera, or the path of a device without one, for OpenCV.

    Numbers of names and paths may differ after a camera was plugged in again.

    Raises:
        SourceError: No camera, or more than one, has the name; as `error`.
    """
    if device.isdecimal():
        return int(device)
    if device.startswith(_NAME_PREFIX):
        return _number_of(device.removeprefix(_NAME_PREFIX), error)
    path = Path(device).resolve()
    number = path.name.removeprefix("video")
    return int(number) if path.parent == Path("/dev") and number.isdecimal() else str(path)


def _number_of(name: str, error: type[SourceError]) -> int:
    name = name.casefold()
    webcams = list_webcams()
    equal = [webcam for webcam in webcams if webcam.name.casefold() == name]
    found = equal or [webcam for webcam in webcams if name in webcam.name.casefold()]
    if len(found) == 1:
        return found[0].number
    if found:
        listed = ", ".join(map(str, found))
        raise error(
            f"webcam:{name} fits several webcams: {listed}; use a number or a longer name",
            Fault.NOT_FOUND,
        )
    raise error(
        f"no webcam named {name!r} on this machine; `dancetype doctor` lists cameras",
        Fault.NOT_FOUND,
    )


def _opening_fault(device: str) -> tuple[str, Fault]:
    """Return reason and fault for a camera that cannot be opened."""
    if sys.platform != "linux":
        if device.isdecimal() and int(device) not in (webcam.number for webcam in list_webcams()):
            return _missing(device), Fault.NOT_FOUND
        return f"webcam {device} cannot be opened; {access_advice()}", Fault.REFUSED
    is_path = not (device.isdecimal() or device.startswith(_NAME_PREFIX))
    path = Path(device if is_path else f"/dev/video{_target(device, SourceError)}")
    if not path.exists():
        link = f" ({path} is a link to {path.readlink()})" if path.is_symlink() else ""
        return _missing(device, link), Fault.NOT_FOUND
    if os.major(path.stat().st_rdev) != _VIDEO_DEVICES:
        return f"{device} is a device, but not a camera; give another path", Fault.NOT_FOUND
    return (
        f"webcam {device} cannot be opened; {_CHECK_USE} and that you are in the group of {path} "
        "(often `video`)",
        Fault.REFUSED,
    )


def _missing(device: str, link: str = "") -> str:
    return f"no webcam {device} on this machine{link}; `dancetype doctor` lists cameras"


def access_advice() -> str:
    """Return what to check on this operating system if a camera cannot be used."""
    access = _CHECK_ACCESS.get(sys.platform)
    return f"{_CHECK_USE}, {access}" if access else _CHECK_USE


@dataclass(frozen=True, slots=True)
class Webcam:
    """Webcam that the operating system lists; `str()` describes it.

    Attributes:
        number: Number of the camera for `--source`.
        name: Name of the camera; empty if it is unknown.
    """

    number: int
    name: str

    def __str__(self) -> str:
        return f"{self.number} ({self.name})" if self.name else str(self.number)

    def delivers_frames(self) -> bool:
        """Return whether the camera can be opened and read."""
        try:
            source = WebcamSource(str(self.number), epoch=0, clock=time.monotonic)
            with closing(source):
                source.read()
        except SourceError:
            return False
        return True


def list_webcams() -> list[Webcam]:
    """Return the cameras of this machine, by number."""
    # On macOS, the import takes a second.
    from cv2_enumerate_cameras import enumerate_cameras

    cameras: dict[int, str] = {}
    # The library calls the operating system, which raises any type of error.
    with suppress(Exception):
        for camera in enumerate_cameras(_BACKENDS[sys.platform]):
            cameras[camera.index] = " ".join((camera.name or "").split())
    return [Webcam(number, name) for number, name in sorted(cameras.items())]
