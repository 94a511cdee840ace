"""Classification of a whole clip from all its windows."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.engine.window import cut_window

HOP: Final = 0.5
"""Seconds between the windows of a clip."""

_BATCH_SIZE: Final = 64


@dataclass(frozen=True, slots=True)
class ClipResult:
    """Classification result of a clip.

    Attributes:
        genre: Code of the most likely genre, or None if no window could be cut.
        confidence: Probability of the genre; 0 without a genre.
        probabilities: (K,) in the classifier's order; zeros without a genre.
        windows: (W, K) probabilities of each window.
        dancing: Mean probability that the person dances. None without a genre, or if the model does
            not distinguish dance from other motion.
    """

    genre: str | None
    confidence: float
    probabilities: NDArray[np.float32]
    windows: NDArray[np.float32]
    dancing: float | None = None


def clip_windows(
    times: NDArray[np.float64], joints: Array, classifier: WindowClassifier, *, hop: float = HOP
) -> Array:
    """Return the windows (W, L, F) that end every `hop` seconds, starting with the first full one.

    A clip shorter than a window gives one window, or none if it is shorter than the minimum. If the
    person is never visible for a full window, shorter ones are used, down to the minimum.

    Args:
        times: (T,) seconds, rising.
        joints: (T, 17, 3), NaN in frames without a person.
        classifier: Classifier whose contract defines a window.
        hop: Seconds between the ends of windows.
    """
    spec = classifier.contract.window
    empty = np.empty((0, spec.length, spec.features), np.float32)
    if not len(times):
        return empty
    for seconds in (spec.seconds, spec.min_seconds):
        # The tolerance prevents rounding errors from excluding the last time.
        ends = np.arange(times[0] + seconds, times[-1] + 1e-3, hop)
        if not len(ends):
            ends = times[-1:]
        windows = [
            window.features
            for end in ends
            if (window := cut_window(times, joints, spec, end=end + 1e-6)).features is not None
        ]
        if windows:
            return np.stack(windows)
    return empty


def classify_windows(windows: Array, classifier: WindowClassifier) -> NDArray[np.float32]:
    """Return probabilities (W, K) for windows (W, L, F), which are classified in batches."""
    starts = range(0, len(windows), _BATCH_SIZE)
    batches = [classifier(windows[start : start + _BATCH_SIZE]) for start in starts]
    empty = np.empty((0, len(classifier.contract.labels)), np.float32)
    return np.concatenate([empty, *batches])


def classify_track(
    times: NDArray[np.float64], joints: Array, classifier: WindowClassifier
) -> ClipResult:
    """Classify a clip by the mean of its windows' probabilities.

    Args:
        times: (T,) seconds, rising.
        joints: (T, 17, 3), NaN in frames without a person.
        classifier: Classifier of the windows; see `clip_windows`.
    """
    contract = classifier.contract
    labels = contract.labels
    probabilities = classify_windows(clip_windows(times, joints, classifier), classifier)
    if not len(probabilities):
        return ClipResult(None, 0.0, np.zeros(len(labels), np.float32), probabilities)
    mean = probabilities.mean(axis=0)
    best = int(mean.argmax())
    dancing = float(mean.sum()) if contract.dancing else None
    return ClipResult(labels[best], float(mean[best]), mean, probabilities, dancing)
