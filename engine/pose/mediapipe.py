"""Pose estimation by MediaPipe's Pose Landmarker."""

from pathlib import Path
from typing import Any, Final

# OpenCV, a dependency of mediapipe, swaps the colours of a full HD frame in 1 ms, numpy in 6 ms.
import cv2
import mediapipe as mp
import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import ModelError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.base import PoseEstimator, Timestamps, limit_size
from dancetype.engine.skeleton import Array

_vision: Final = mp.tasks.vision

# A day, after which old positions contribute less than a millimetre to smoothed ones.
_GAP_MS: Final = 24 * 3600 * 1000


class MediaPipeEstimator(PoseEstimator):
    """Pose estimator that runs MediaPipe; see `open_estimator`.

    Call `close`, since MediaPipe hangs if the garbage collector closes it.
    """

    def __init__(self, model: Path, *, people: int = 1) -> None:
        self._model = model
        self._people = people
        self._landmarker = _open_landmarker(model, people)
        self._timestamps = Timestamps()

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        """See `PoseEstimator`."""
        rgb = cv2.cvtColor(limit_size(image), cv2.COLOR_BGR2RGB)
        frame = mp.Image(mp.ImageFormat.SRGB, rgb)
        result = self._landmarker.detect_for_video(frame, self._timestamps.next(time))
        aspect = image.shape[1] / image.shape[0]
        return [
            Landmarks(
                world=_positions(world),
                image=_positions(points),
                visibility=np.array([landmark.visibility for landmark in world], np.float32),
                aspect=aspect,
            )
            for world, points in zip(
                result.pose_world_landmarks, result.pose_landmarks, strict=True
            )
        ]

    def reset(self, reason: str) -> None:
        """See `PoseEstimator`."""
        if not self._drop_tracked_people():
            self._landmarker.close()
            self._landmarker = _open_landmarker(self._model, self._people)
            self._timestamps = Timestamps()
        self._timestamps.restart()

    def _drop_tracked_people(self) -> bool:
        """Make MediaPipe lose all people that it tracks; return whether that succeeded.

        A black image ends all tracks, and a long gap ends the smoothing. A new landmarker would
        take half a second and fragment memory.
        """
        black = mp.Image(mp.ImageFormat.SRGB, np.zeros((64, 64, 3), np.uint8))
        try:
            result = self._landmarker.detect_for_video(black, self._timestamps.skip(_GAP_MS))
        # After a failure, MediaPipe accepts no more frames.
        except (RuntimeError, ValueError):
            return False
        self._timestamps.skip(_GAP_MS)
        return not result.pose_landmarks

    def close(self) -> None:
        """See `PoseEstimator`."""
        self._landmarker.close()


def _positions(landmarks: Any) -> Array:
    return np.array([(point.x, point.y, point.z) for point in landmarks], np.float32)


def _open_landmarker(model: Path, people: int) -> Any:
    options = _vision.PoseLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_path=str(model)),
        running_mode=_vision.RunningMode.VIDEO,
        num_poses=people,
    )
    try:
        return _vision.PoseLandmarker.create_from_options(options)
    # The type of the error depends on how far MediaPipe gets with the file.
    except (RuntimeError, ValueError, FileNotFoundError) as error:
        raise ModelError(f"{model}: not a pose model: {error}") from error
