"""Finds one person's pose in each frame of a video, by MediaPipe's Pose Landmarker."""

from pathlib import Path
from typing import Any, Final, Self

# OpenCV comes with mediapipe, which asks for it itself; numpy alone takes 6 ms to swap the colours
# of a full HD frame, OpenCV one.
import cv2
import mediapipe as mp
import numpy as np
from numpy.typing import NDArray

from engine.blazepose import Landmarks
from engine.errors import ExpectedError
from engine.skeleton import Array, Pose

_vision: Final = mp.tasks.vision


class PoseModelError(ExpectedError):
    """A file that is no pose model MediaPipe can use; the message says why."""


class PoseEstimator:
    """Follows one person from frame to frame.

    MediaPipe tracks: it looks for a person in the whole image only where it has lost the one
    before. So one estimator belongs to one source, and frames come in their order. It has to be
    closed: MediaPipe hangs where the garbage collector is left to do that.

    Args:
        model: a `.task` file of the Pose Landmarker: lite, full or heavy.

    Raises:
        PoseModelError: no such file, or no such model.
        OSError: the system lacks a library that MediaPipe loads, such as libEGL.
    """

    def __init__(self, model: Path) -> None:
        self._model = model
        self._landmarker = _landmarker(model)
        self._start: float | None = None
        self._last_ms = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Closes."""
        self.close()

    def estimate(self, image: NDArray[np.uint8], time: float) -> Pose | None:
        """Finds the person in a frame.

        Args:
            image: (H, W, 3) BGR, as OpenCV has it.
            time: capture time of the frame in seconds, on any clock.

        Returns:
            The pose, or None where nobody is seen.

        Raises:
            ValueError: `image` is of another shape or type.
        """
        found = self.landmarks(image, time)
        return None if found is None else found.pose()

    def landmarks(self, image: NDArray[np.uint8], time: float) -> Landmarks | None:
        """Finds the person in a frame and says all that MediaPipe does; see `estimate`."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"a frame is (H, W, 3) uint8, not {image.shape} {image.dtype}")
        frame = mp.Image(mp.ImageFormat.SRGB, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        found = self._landmarker.detect_for_video(frame, self._timestamp(time))
        if not found.pose_world_landmarks:
            return None
        marks = found.pose_world_landmarks[0]
        return Landmarks(
            world=_positions(marks),
            image=_positions(found.pose_landmarks[0]),
            visibility=np.array([mark.visibility for mark in marks], np.float32),
        )

    def reset(self, reason: str) -> None:
        """Starts anew, as for a new epoch of the source; `reason` is for whoever reads the call.

        MediaPipe can forget whom it follows only by being made again, which takes half a second.
        """
        del reason
        self._landmarker.close()
        self._landmarker = _landmarker(self._model)
        self._start = None
        self._last_ms = -1

    def close(self) -> None:
        """Gives up the model's memory and threads; nothing may be asked of it afterwards."""
        self._landmarker.close()

    def _timestamp(self, time: float) -> int:
        """Whole milliseconds since the first frame; MediaPipe refuses any that do not rise."""
        if self._start is None:
            self._start = time
        self._last_ms = max(round((time - self._start) * 1000), self._last_ms + 1)
        return self._last_ms


def _positions(marks: Any) -> Array:
    return np.array([(mark.x, mark.y, mark.z) for mark in marks], np.float32)


def _landmarker(model: Path) -> Any:
    if not model.is_file():
        raise PoseModelError(f"no such file: {model}")
    options = _vision.PoseLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_path=str(model)),
        running_mode=_vision.RunningMode.VIDEO,
    )
    try:
        return _vision.PoseLandmarker.create_from_options(options)
    # What MediaPipe raises depends on how far it got with the file.
    except (RuntimeError, ValueError, FileNotFoundError) as error:
        raise PoseModelError(f"{model}: not a pose model: {error}") from error
