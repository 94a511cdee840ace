"""What is seen and said of a video file from its first frame to its last."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.clip import ClipResult, classify_track
from dancetype.engine.landmarks import coco_visibility
from dancetype.engine.media.track import Track
from dancetype.engine.recognizer import Prediction, Recognizer, WindowClassifier
from dancetype.engine.skeleton import Pose
from dancetype.stream.record.recording import LandmarkEstimator, Recording, record_file


@dataclass(frozen=True, slots=True)
class Seen:
    """A clip that was looked through.

    Attributes:
        track: a row for each frame that was looked at.
        result: the genre of the whole clip.
        said: what a live run would have said, hop by hop; the first with the first frame.
        fps: frames a second that were looked at; every one where None.
    """

    track: Track
    result: ClipResult
    said: tuple[Prediction, ...]
    fps: float | None = None


def see(
    file: Path,
    estimator: LandmarkEstimator,
    classifier: WindowClassifier,
    *,
    hop: float,
    on_frame: Callable[[int, int | None], None],
    fps: float | None = None,
) -> Seen:
    """Looks through a video file as fast as it can be read.

    Args:
        file: a video.
        estimator: that has seen nothing yet.
        classifier: turns windows into probabilities.
        hop: seconds between predictions.
        on_frame: told how many frames are done, and of how many, where the file says that.
        fps: frames a second to look at; every one where None.

    Raises:
        SourceError: the file cannot be read.
    """
    recording = Recording()
    record_file(file, recording, estimator, on_frame=on_frame, fps=fps)
    track = recording.track(file.stem)
    result = classify_track(track.times, track.joints, classifier)
    return Seen(track, result, said_along(track, classifier, hop=hop), fps)


def said_along(track: Track, classifier: WindowClassifier, *, hop: float) -> tuple[Prediction, ...]:
    """What a live run, had it seen every frame, would have said along a track.

    Args:
        track: what was seen.
        classifier: turns windows into probabilities.
        hop: seconds between predictions.
    """
    recognizer = Recognizer(classifier, hop=hop)
    visibility = coco_visibility(track.visibility)
    said = [
        recognizer.push(float(time), Pose(joints, seen) if np.isfinite(joints).all() else None)
        for time, joints, seen in zip(track.times, track.joints, visibility, strict=True)
    ]
    return tuple(prediction for prediction in said if prediction is not None)


def latest(said: tuple[Prediction, ...], times: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which of the predictions holds at each of `times` (T,): the last one before, or then.

    Returns:
        (T,) indices into `said`; the first also before it was said.
    """
    ends = [prediction.window_end for prediction in said]
    return np.maximum(np.searchsorted(ends, times, side="right") - 1, 0)
