"""One dancer's way from poses to predictions: the same for a live source, a file and a track."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.contract import Contract
from dancetype.engine.defaults import DEFAULT_HOP
from dancetype.engine.ring_buffer import RingBuffer
from dancetype.engine.rolling import Estimate, RollingEstimate, Status
from dancetype.engine.skeleton import Array, Pose
from dancetype.engine.window import Window, cut_window


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
        classify_seconds: what cutting and classifying the window took, or its share of that.
    """

    window_end: float
    window_seconds: float
    estimate: Estimate
    window_probabilities: NDArray[np.float32] | None
    classify_seconds: float


class Beat:
    """Says when a prediction is due.

    Args:
        hop: seconds between predictions.
    """

    def __init__(self, hop: float) -> None:
        if not hop > 0:
            raise ValueError(f"a hop lasts more than 0 seconds, not {hop}")
        self._hop = hop
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Starts anew: the next frame is due; `reason` is for whoever reads the call."""
        del reason
        self._due: float | None = None

    def due(self, time: float) -> bool:
        """Whether one is due with the frame of `time`, a capture time in seconds."""
        if self._due is not None and time < self._due:
            return False
        # Hops keep their own beat; after a gap they start from the frame that ended it.
        if self._due is None or time - self._due > self._hop:
            self._due = time
        self._due += self._hop
        return True


class Memory:
    """What is kept of one dancer.

    Attributes:
        poses: of the last seconds.
        rolling: smooths over windows.

    Args:
        contract: of the classifier.
        rolling: one with the defaults where None.
    """

    def __init__(self, contract: Contract, rolling: RollingEstimate | None = None) -> None:
        self.poses = RingBuffer(contract.window.seconds)
        self.rolling = rolling or RollingEstimate(contract.labels)

    def reset(self, reason: str) -> None:
        """Forgets all of it."""
        self.poses.reset(reason)
        self.rolling.reset(reason)


def predict(
    time: float, memories: Sequence[Memory], classifier: WindowClassifier
) -> list[Prediction]:
    """Says of each dancer what is danced, from one look of the classifier at all their windows.

    The time that took is shared out among those who were there.

    Args:
        time: of the newest frame, in seconds.
        memories: of the dancers, one or more.
        classifier: turns windows into probabilities.
    """
    start = perf_counter()
    spec = classifier.contract.window
    windows = [cut_window(*memory.poses.track(), spec, end=time) for memory in memories]
    features = [window.features for window in windows if window.features is not None]
    classified = iter(classifier(np.stack(features)) if features else ())
    found = [None if window.features is None else next(classified) for window in windows]
    estimates = [
        _estimate(time, memory.rolling, window, probabilities)
        for memory, window, probabilities in zip(memories, windows, found, strict=True)
    ]
    there = [not window.empty for window in windows]
    # With nobody there the first one takes it all.
    shares = there if any(there) else [True, *there[1:]]
    seconds = (perf_counter() - start) / sum(shares)
    return [
        Prediction(
            time, window.seconds if seen is not None else 0.0, estimate, seen, seconds * share
        )
        for window, estimate, seen, share in zip(windows, estimates, found, shares, strict=True)
    ]


def _estimate(
    time: float,
    rolling: RollingEstimate,
    window: Window,
    probabilities: NDArray[np.float32] | None,
) -> Estimate:
    if probabilities is None:
        return rolling.silent(Status.NO_PERSON if window.empty else Status.WARMING_UP)
    return rolling.update(time, probabilities)


class Recognizer:
    """Collects the poses of one dancer and speaks once a hop.

    Args:
        classifier: turns windows into probabilities and holds the contract of their form.
        hop: seconds between predictions.
        rolling: smooths over windows; one with the defaults where None.
    """

    def __init__(
        self,
        classifier: WindowClassifier,
        *,
        hop: float = DEFAULT_HOP,
        rolling: RollingEstimate | None = None,
    ) -> None:
        self._classifier = classifier
        self._beat = Beat(hop)
        self._memory = Memory(classifier.contract, rolling)

    def reset(self, reason: str) -> None:
        """Starts anew, as for a new epoch of the source."""
        self._memory.reset(reason)
        self._beat.reset(reason)

    def push(self, time: float, pose: Pose | None) -> Prediction | None:
        """Takes what was seen at `time`, a capture time in seconds.

        Returns:
            A prediction where one is due, else None.
        """
        if not self._memory.poses.append(time, pose) or not self._beat.due(time):
            return None
        return predict(time, [self._memory], self._classifier)[0]
