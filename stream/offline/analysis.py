"""Analysis of a whole video file."""

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
    """Analysis of a clip.

    Attributes:
        track: Landmarks of all analysed frames.
        result: Genre of the whole clip.
        predictions: Predictions of a live run, in the order of time.
        damaged: Number of damaged packets in the file.
        delay: Time in seconds at which a player shows the first frame, as of a `Video`.
    """

    track: Track
    result: ClipResult
    predictions: tuple[Prediction, ...]
    damaged: int = 0
    delay: float = 0.0


def analyze_video(
    file: Path,
    estimator: LandmarkEstimator,
    classifier: WindowClassifier,
    *,
    hop: float,
    on_frame: Callable[[int, int | None], None],
    open_clip: Callable[[Path], Video] = Video,
) -> ClipAnalysis:
    """Analyse a video file as fast as possible.

    Args:
        file: Video file.
        estimator: Pose estimator; reset before the first frame.
        classifier: Classifier of windows.
        hop: Seconds between predictions.
        on_frame: Called with the number of frames done and the total; None if the file does not
            state the total.
        open_clip: Function that opens the file.

    Raises:
        FileError: The file cannot be read.
    """
    with open_clip(file) as video:
        track = extract_track(
            video,
            estimator,
            name=file.stem,
            on_frame=lambda: on_frame(video.position, video.frames),
        )
    result = classify_track(track.times, track.joints, classifier)
    predictions = replay_predictions(track, classifier, hop=hop)
    return ClipAnalysis(track, result, predictions, video.damaged, video.delay)


def replay_predictions(
    track: Track, classifier: WindowClassifier, *, hop: float
) -> tuple[Prediction, ...]:
    """Return the predictions that a live run would make if it processed every frame of a track."""
    recognizer = Recognizer(classifier, hop=hop)
    visibilities = coco_visibility(track.visibility)
    predictions = [
        recognizer.push(
            float(time), Pose(joints, visibility) if np.isfinite(joints).all() else None
        )
        for time, joints, visibility in zip(track.times, track.joints, visibilities, strict=True)
    ]
    return tuple(prediction for prediction in predictions if prediction is not None)


def latest_indices(
    predictions: tuple[Prediction, ...], times: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Return the index of the latest prediction at each of `times` (T,), or 0 before the first."""
    ends = [prediction.window_end for prediction in predictions]
    return np.maximum(np.searchsorted(ends, times, side="right") - 1, 0)
