"""Synthetic analyses of clips, and a pose estimator without results."""

from collections.abc import Sequence
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.clip import ClipResult
from dancetype.engine.genres import CODES
from dancetype.engine.landmarks import COCO_LANDMARKS, LANDMARKS, Landmarks
from dancetype.engine.media.track import Track
from dancetype.engine.recognizer import Prediction
from dancetype.engine.rolling import Estimate, Status
from dancetype.engine.skeleton import JOINTS, Array
from dancetype.stream.offline.analysis import ClipAnalysis

# Image positions of the joints of a person who stands upright, from the nose to the ankles.
_UPRIGHT: Final = np.array(
    [
        *[(0.5, 0.3), (0.51, 0.29), (0.49, 0.29), (0.52, 0.3), (0.48, 0.3)],
        *[(0.56, 0.4), (0.44, 0.4), (0.6, 0.5), (0.4, 0.5), (0.62, 0.6), (0.38, 0.6)],
        *[(0.54, 0.6), (0.46, 0.6), (0.54, 0.75), (0.46, 0.75), (0.54, 0.9), (0.46, 0.9)],
    ],
    np.float32,
)
assert len(_UPRIGHT) == len(JOINTS)


class NoPersonEstimator:
    """Pose estimator that detects no person, and records its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def landmarks(self, image: NDArray[np.uint8], time: float) -> Landmarks | None:
        self.calls.append("landmarks")
        return None

    def reset(self, reason: str) -> None:
        self.calls.append("reset")


def standing_landmarks(
    frames: int = 1, *, x: float = 0.5, without_person: Sequence[int] = ()
) -> Array:
    """Return (T, 33, 3) landmarks of a person who stands upright.

    Args:
        frames: Number of frames.
        x: Position of the person, from 0 (left) to 1 (right).
        without_person: Indices of frames without a person.
    """
    landmarks = np.zeros((frames, LANDMARKS, 3), np.float32)
    landmarks[:, COCO_LANDMARKS, :2] = _UPRIGHT + np.array([x - 0.5, 0], np.float32)
    landmarks[list(without_person)] = np.nan
    return landmarks


def prediction(
    status: Status,
    genre: str | None = None,
    confidence: float = 0.0,
    *,
    dancing: float | None = None,
    time: float = 0.0,
) -> Prediction:
    """Return a prediction; the other genres share the remaining probability equally."""
    probabilities = np.zeros(len(CODES), np.float32)
    if confidence:
        total = 1 if dancing is None else dancing
        probabilities[:] = (total - confidence) / (len(CODES) - 1)
        probabilities[CODES.index(genre or "PO")] = confidence
    reported = genre if status is Status.GENRE else None
    estimate = Estimate(status, reported, confidence, probabilities, dancing)
    return Prediction(time, 4.0, estimate, None, 0.0)


def analyzed_clip(times: Sequence[float], *, hop: float = 0.25) -> ClipAnalysis:
    """Return the analysis of a clip whose predictions have each status in turn.

    All frames but the first show a person.
    """
    cycle = (
        prediction(Status.NO_PERSON),
        prediction(Status.WARMING_UP),
        prediction(Status.NOT_SURE, "LH", 0.5),
        prediction(Status.GENRE, "HO", 0.8),
    )
    image = standing_landmarks(len(times), without_person=[0])
    visibility = np.where(np.isnan(image[..., 0]), np.nan, 1).astype(np.float32)
    track = Track("clip", "", np.array(times, np.float64), image, image, visibility)
    ends = np.arange(times[0], times[-1] + 1e-9, hop)
    predictions = [
        Prediction(float(end), 4.0, cycle[n % len(cycle)].estimate, None, 0.0)
        for n, end in enumerate(ends)
    ]
    mean = cycle[-1].estimate.probabilities
    return ClipAnalysis(track, ClipResult("HO", 0.8, mean, mean[None]), tuple(predictions))
