"""Analysis of a video file from its first frame to its last."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.clip import ClipResult, classify_track
from dancetype.engine.landmarks import coco_visibility
from dancetype.engine.media.extraction import LandmarkEstimator, extract_track
from dancetype.engine.media.track import Track
from dancetype.engine.media.video import Video
from dancetype.engine.recognizer import Prediction, Recognizer, WindowClassifier
from dancetype.engine.skeleton import Pose


@dataclass(frozen=True, slots=True)
class ClipAnalysis:
    """An analyzed clip: its track, its genre, and the predictions of a live run.

    Attributes:
        fps: Frames per second that were analyzed; all frames if None.
    """

    track: Track
    result: ClipResult
    predictions: tuple[Prediction, ...]
    fps: float | None = None


def analyze_video(
    file: Path,
    estimator: LandmarkEstimator,
    classifier: WindowClassifier,
    *,
    hop: float,
    on_frame: Callable[[int, int | None], None],
    fps: float | None = None,
) -> ClipAnalysis:
    """Analyze a video file as fast as it can be read.

    Args:
        file: Video file.
        estimator: Pose estimator, which is reset first.
        classifier: Classifier of windows.
        hop: Seconds between predictions.
        on_frame: Called with the number of frames done and the total, if the file states it.
        fps: Frames per second to analyze; all frames if None.

    Raises:
        FileError: The file cannot be read.
    """
    with Video(file, fps=fps) as video:
        track = extract_track(
            video,
            estimator,
            name=file.stem,
            on_frame=lambda: on_frame(video.position, video.frames),
        )
    result = classify_track(track.times, track.joints, classifier)
    return ClipAnalysis(track, result, replay_predictions(track, classifier, hop=hop), fps)


def replay_predictions(
    track: Track, classifier: WindowClassifier, *, hop: float
) -> tuple[Prediction, ...]:
    """Return the predictions of a live run that gets every frame of a track."""
    recognizer = Recognizer(classifier, hop=hop)
    visibility = coco_visibility(track.visibility)
    predictions = [
        recognizer.push(float(time), Pose(joints, seen) if np.isfinite(joints).all() else None)
        for time, joints, seen in zip(track.times, track.joints, visibility, strict=True)
    ]
    return tuple(prediction for prediction in predictions if prediction is not None)


def latest(predictions: tuple[Prediction, ...], times: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the index of the latest prediction at each of `times` (T,), or 0 before the first."""
    ends = [prediction.window_end for prediction in predictions]
    return np.maximum(np.searchsorted(ends, times, side="right") - 1, 0)
