"""Pose estimation by MediaPipe's Pose Landmarker."""

from pathlib import Path
from typing import Any, Final

# OpenCV is a dependency of mediapipe. Numpy alone takes 6 ms to swap the colours of a full HD
# frame, OpenCV one.
import cv2
import mediapipe as mp
import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import ModelError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.base import PoseEstimator, Timestamps, prepared
from dancetype.engine.skeleton import Array

_vision: Final = mp.tasks.vision

# A day, after which smoothing keeps less than a millimetre of what was before.
_GAP_MS: Final = 24 * 3600 * 1000


class MediaPipeEstimator(PoseEstimator):
    """Pose estimator that runs MediaPipe, which hangs if it is closed by the garbage collector.

    See `open_estimator`.
    """

    def __init__(self, model: Path, *, people: int = 1) -> None:
        self._model = model
        self._people = people
        self._landmarker = _landmarker(model, people)
        self._timestamps = Timestamps()

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        """See `PoseEstimator`."""
        colours = cv2.cvtColor(prepared(image), cv2.COLOR_BGR2RGB)
        frame = mp.Image(mp.ImageFormat.SRGB, colours)
        found = self._landmarker.detect_for_video(frame, self._timestamps.of(time))
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
        if not self._forgets():
            self._landmarker.close()
            self._landmarker = _landmarker(self._model, self._people)
            self._timestamps = Timestamps()
        self._timestamps.restart()

    def _forgets(self) -> bool:
        """Make MediaPipe lose everyone it tracks; return whether that succeeded.

        A new landmarker would take half a second and fragment memory. In a black image MediaPipe
        loses everyone, and it smooths nothing over so long a gap.
        """
        black = mp.Image(mp.ImageFormat.SRGB, np.zeros((64, 64, 3), np.uint8))
        try:
            found = self._landmarker.detect_for_video(black, self._timestamps.after(_GAP_MS))
        # After a failure it accepts no more frames.
        except (RuntimeError, ValueError):
            return False
        self._timestamps.after(_GAP_MS)
        return not found.pose_landmarks

    def close(self) -> None:
        """See `PoseEstimator`."""
        self._landmarker.close()


def _positions(marks: Any) -> Array:
    return np.array([(mark.x, mark.y, mark.z) for mark in marks], np.float32)


def _landmarker(model: Path, people: int) -> Any:
    if not model.is_file():
        raise ModelError(f"no such file: {model}")
    options = _vision.PoseLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_path=str(model)),
        running_mode=_vision.RunningMode.VIDEO,
        num_poses=people,
    )
    try:
        return _vision.PoseLandmarker.create_from_options(options)
    # The type of the error depends on how far MediaPipe got with the file.
    except (RuntimeError, ValueError, FileNotFoundError) as error:
        raise ModelError(f"{model}: not a pose model: {error}") from error
