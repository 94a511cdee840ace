"""One dancer's way from poses to predictions: the same for a live source, a file and a track."""

from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.contract import Contract
from engine.ring_buffer import RingBuffer
from engine.rolling import Estimate, RollingEstimate, Status
from engine.skeleton import Array, Pose
from engine.window import cut_window


class WindowClassifier(Protocol):
    """What a recognizer asks of a classifier."""

    contract: Contract

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        """Probabilities (N, K) of windows (N, L, F)."""
        ...


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is said at one hop.

    Attributes:
        window_end: capture time in seconds of the newest frame looked at.
        window_seconds: how much of the dance the window held; 0 without one.
        estimate: the rolling estimate.
        window_probabilities: (K,) of this window alone, or None without one.
        classify_seconds: what cutting and classifying the window took.
    """

    window_end: float
    window_seconds: float
    estimate: Estimate
    window_probabilities: NDArray[np.float32] | None
    classify_seconds: float


class Recognizer:
    """Collects poses and speaks once a hop.

    Args:
        classifier: turns windows into probabilities and holds the contract of their form.
        hop: seconds between predictions.
        rolling: smooths over windows; one with the defaults where None.
    """

    def __init__(
        self,
        classifier: WindowClassifier,
        *,
        hop: float = 0.25,
        rolling: RollingEstimate | None = None,
    ) -> None:
        if not hop > 0:
            raise ValueError(f"a hop lasts more than 0 seconds, not {hop}")
        self._classifier = classifier
        self._spec = classifier.contract.window
        self._hop = hop
        self._buffer = RingBuffer(self._spec.seconds)
        self._rolling = rolling or RollingEstimate(classifier.contract.labels)
        self._due: float | None = None

    def reset(self, reason: str) -> None:
        """Starts anew, as for a new epoch of the source."""
        self._buffer.reset(reason)
        self._rolling.reset(reason)
        self._due = None

    def push(self, time: float, pose: Pose | None) -> Prediction | None:
        """Takes what was seen at `time`, a capture time in seconds.

        Returns:
            A prediction where one is due, else None.
        """
        if not self._buffer.append(time, pose):
            return None
        if self._due is not None and time < self._due:
            return None
        # Hops keep their own beat; after a gap they start from the frame that ended it.
        if self._due is None or time - self._due > self._hop:
            self._due = time
        self._due += self._hop
        return self._predict(time)

    def _predict(self, time: float) -> Prediction:
        start = perf_counter()
        window = cut_window(*self._buffer.track(), self._spec, end=time)
        if window.features is None:
            status = Status.NO_PERSON if window.empty else Status.WARMING_UP
            estimate = self._rolling.silent(status)
            return Prediction(time, 0.0, estimate, None, perf_counter() - start)
        probabilities = self._classifier(window.features[None])[0]
        estimate = self._rolling.update(time, probabilities)
        return Prediction(time, window.seconds, estimate, probabilities, perf_counter() - start)
