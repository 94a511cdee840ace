"""Opening of a pose model with one of the runtimes."""

from pathlib import Path

from dancetype.engine.defaults import DEFAULT_RUNTIME, PoseRuntime
from dancetype.engine.errors import ModelError
from dancetype.engine.pose.base import PoseEstimator


def open_estimator(
    model: Path, *, runtime: PoseRuntime = DEFAULT_RUNTIME, people: int = 1
) -> PoseEstimator:
    """Load a pose model; only the selected runtime is imported.

    Args:
        model: `.task` file of the Pose Landmarker: lite, full or heavy.
        runtime: Library that runs the model.
        people: Maximum number of people to find.

    Raises:
        ModelError: The file does not exist or is not a pose model.
        OSError: A system library that the runtime needs is missing, such as libEGL.
    """
    if not model.is_file():
        raise ModelError(f"{model}: no such file; get a pose model with dancetype models pull")
    if runtime == "litert":
        from dancetype.engine.pose.litert import LiteRtEstimator

        return LiteRtEstimator(model, people=people)
    from dancetype.engine.pose.mediapipe import MediaPipeEstimator

    return MediaPipeEstimator(model, people=people)
