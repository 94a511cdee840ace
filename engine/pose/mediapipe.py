"""Finds poses by MediaPipe's Pose Landmarker."""

from pathlib import Path
from typing import Any, Final

# OpenCV comes with mediapipe, which asks for it itself; numpy alone takes 6 ms to swap the colours
# of a full HD frame, OpenCV one.
import cv2
import mediapipe as mp
import numpy as np
from numpy.typing import NDArray

from engine.blazepose import Landmarks
from engine.pose.estimator import PoseEstimator, PoseModelError, checked_image
from engine.skeleton import Array

_vision: Final = mp.tasks.vision

# Pixels of a frame's longer side from which on it is shrunk.
_LARGEST: Final = 1920

# A day, over which smoothing makes less than a millimetre of what was before.
_GAP_MS: Final = 24 * 3600 * 1000


class MediaPipeEstimator(PoseEstimator):
    """Runs MediaPipe, which hangs where closing it is left to the garbage collector.

    Args:
        model: a `.task` file of the Pose Landmarker: lite, full or heavy.
        people: how many to find at most.

    Raises:
        PoseModelError: no such file, or no such model.
        OSError: the system lacks a library that MediaPipe loads, such as libEGL.
    """

    def __init__(self, model: Path, *, people: int = 1) -> None:
        self._model = model
        self._people = people
        self._landmarker = _landmarker(model, people)
        self._start: float | None = None
        self._last_ms = -1

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        """See `PoseEstimator`."""
        shrunk = cv2.cvtColor(_shrunk(checked_image(image)), cv2.COLOR_BGR2RGB)
        frame = mp.Image(mp.ImageFormat.SRGB, shrunk)
        found = self._landmarker.detect_for_video(frame, self._timestamp(time))
        return [
            Landmarks(
                world=_positions(world),
                image=_positions(marks),
                visibility=np.array([mark.visibility for mark in world], np.float32),
            )
            for world, marks in zip(found.pose_world_landmarks, found.pose_landmarks, strict=True)
        ]

    def reset(self, reason: str) -> None:
        """See `PoseEstimator`."""
        del reason
        if not self._forgets():
            self._landmarker.close()
            self._landmarker = _landmarker(self._model, self._people)
            self._last_ms = -1
        self._start = None

    def _forgets(self) -> bool:
        """Whether MediaPipe has lost everybody it followed.

        To make it again would take half a second and leave holes in memory. It loses whom it
        follows in a black image, and smooths nothing over so long a gap.
        """
        black = mp.Image(mp.ImageFormat.SRGB, np.zeros((64, 64, 3), np.uint8))
        self._last_ms += _GAP_MS
        try:
            found = self._landmarker.detect_for_video(black, self._last_ms)
        # After a failure it takes nothing more, and says so in ways of its own.
        except (RuntimeError, ValueError):
            return False
        self._last_ms += _GAP_MS
        return not found.pose_landmarks

    def close(self) -> None:
        """See `PoseEstimator`."""
        self._landmarker.close()

    def _timestamp(self, time: float) -> int:
        """Whole milliseconds from the first frame on; MediaPipe refuses any that do not rise."""
        if self._start is None:
            self._start = time - (self._last_ms + 1) / 1000
        self._last_ms = max(round((time - self._start) * 1000), self._last_ms + 1)
        return self._last_ms


def _shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`image`, not larger than is of use: MediaPipe looks at 256 x 256 pixels of a person."""
    height, width = image.shape[:2]
    scale = _LARGEST / max(height, width, 1)
    if scale >= 1:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _positions(marks: Any) -> Array:
    return np.array([(mark.x, mark.y, mark.z) for mark in marks], np.float32)


def _landmarker(model: Path, people: int) -> Any:
    if not model.is_file():
        raise PoseModelError(f"no such file: {model}")
    options = _vision.PoseLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_path=str(model)),
        running_mode=_vision.RunningMode.VIDEO,
        num_poses=people,
    )
    try:
        return _vision.PoseLandmarker.create_from_options(options)
    # What MediaPipe raises depends on how far it got with the file.
    except (RuntimeError, ValueError, FileNotFoundError) as error:
        raise PoseModelError(f"{model}: not a pose model: {error}") from error
