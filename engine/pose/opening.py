"""Opens a pose estimator, whichever runtime runs its models."""

from pathlib import Path

from dancetype.engine.defaults import DEFAULT_RUNTIME, PoseRuntime
from dancetype.engine.pose.base import PoseEstimator


def open_estimator(
    model: Path, *, runtime: PoseRuntime = DEFAULT_RUNTIME, people: int = 1
) -> PoseEstimator:
    """Loads a pose model; only the runtime asked for is imported.

    Args:
        model: a `.task` file of the Pose Landmarker: lite, full or heavy.
        runtime: runs it.
        people: how many to find at most.

    Raises:
        ModelError: no such file, or no such model.
        OSError: the system lacks a library that the runtime loads, such as libEGL.
    """
    if runtime == "litert":
        from dancetype.engine.pose.litert import LiteRtEstimator

        return LiteRtEstimator(model, people=people)
    from dancetype.engine.pose.mediapipe import MediaPipeEstimator

    return MediaPipeEstimator(model, people=people)
