"""From landmarks to predictions: one dancer or several, live or from a file.

The way of a frame: landmarks are assigned to dancers, each dancer's poses are kept in a ring
buffer, and once per hop the windows of all dancers are classified in one call.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.contract import Contract
from dancetype.engine.defaults import DEFAULT_HOP
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.ring_buffer import RingBuffer
from dancetype.engine.rolling import Estimate, RollingEstimate, Status
from dancetype.engine.skeleton import Array, Pose
from dancetype.engine.tracker import DancerTracker, SingleTracker, Tracker
from dancetype.engine.window import MAX_GAP, Window, cut_window

# Mean speed of the joints relative to the pelvis, in metres per second. A pose is scaled to a body
# of ordinary size, so the distance from the camera does not matter.
_STARTS_MOVING: Final = 0.25
_STOPS_MOVING: Final = 0.17
_JOINT_SMOOTHING: Final = 0.1  # seconds over which joints are averaged, since estimates jitter
_SPEED_SMOOTHING: Final = 1.5  # seconds over which speed is averaged
_FARTHEST: Final = 1e6  # metres, or widths of the image


class WindowClassifier(Protocol):
    """Classifier as a recognizer needs it."""

    contract: Contract

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        """Return probabilities (N, K) for windows (N, L, F)."""
        ...


class _Estimated:
    """Short names for what an `estimate` says."""

    __slots__ = ()
    estimate: Estimate

    @property
    def status(self) -> Status:
        """Kind of answer: a genre, not sure, warming up or no person."""
        return self.estimate.status

    @property
    def genre(self) -> str | None:
        """Code of the genre, or None unless `status` is `Status.GENRE`."""
        return self.estimate.genre

    @property
    def confidence(self) -> float:
        """Calibrated probability of the likeliest genre; 0 without a window."""
        return self.estimate.confidence


@dataclass(frozen=True, slots=True)
class DancerPrediction(_Estimated):
    """Genre estimate for one dancer at one hop.

    Attributes:
        id: Identity, from 1; stays with the dancer while the dancer is tracked.
        window_seconds: Seconds of dance in the window; 0 without a window.
        estimate: Rolling estimate.
        window_probabilities: (K,) for this window alone, or None without a window.
        landmarks: Landmarks in the newest frame, or None if they were not found in it.
    """

    id: int
    window_seconds: float
    estimate: Estimate
    window_probabilities: NDArray[np.float32] | None = None
    landmarks: Landmarks | None = None


@dataclass(frozen=True, slots=True)
class Prediction(_Estimated):
    """Genre estimate at one hop; with several dancers, that of the primary one.

    Attributes:
        window_end: Capture time in seconds of the newest frame.
        window_seconds: Seconds of dance in the window; 0 without a window.
        estimate: Rolling estimate.
        window_probabilities: (K,) for this window alone, or None without a window.
        classify_seconds: Time that cutting and classifying took, for all dancers together.
        dancers: All dancers in view: moving before standing, then by id. The first is the primary
            dancer.
    """

    window_end: float
    window_seconds: float
    estimate: Estimate
    window_probabilities: NDArray[np.float32] | None
    classify_seconds: float
    dancers: tuple[DancerPrediction, ...] = ()


class HopTimer:
    """Decides which frames a prediction is due with.

    Args:
        hop: Seconds between predictions.
    """

    def __init__(self, hop: float) -> None:
        if not hop > 0:
            raise ValueError(f"hop must be more than 0 seconds, not {hop}")
        self._hop = hop
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Make the next frame due; `reason` documents the call."""
        self._due: float | None = None

    def due(self, time: float) -> bool:
        """Return whether a prediction is due with the frame captured at `time` seconds."""
        if self._due is not None and time < self._due:
            return False
        # Hops keep their own rhythm; after a gap it restarts with the frame that ended the gap.
        if self._due is None or time - self._due > self._hop:
            self._due = time
        self._due += self._hop
        return True


class DancerState:
    """Recent poses, rolling estimate and motion of one dancer.

    Attributes:
        id: Identity of the dancer.
        poses: Poses of the last seconds.
        rolling: Smoothing over windows.
        landmarks: Landmarks in the newest frame, or None if they were not found in it.
        seen: Time when the dancer was last found.
    """

    def __init__(self, contract: Contract, identity: int = 1) -> None:
        self.id = identity
        self.poses = RingBuffer(contract.window.seconds)
        self.rolling = RollingEstimate(contract.labels)
        self.landmarks: Landmarks | None = None
        self.seen = -math.inf
        self._joints: Array | None = None
        self._speed = 0.0
        self._moves = False

    @property
    def rank(self) -> tuple[bool, int]:
        """Sort key: moving before standing, then the oldest id first."""
        return not self._moves, self.id

    def update(self, time: float, landmarks: Landmarks | None) -> None:
        """Add the dancer's landmarks at `time`, or None if they were not found."""
        self.landmarks = landmarks
        pose = None if landmarks is None else landmarks.pose()
        self.poses.append(time, pose)
        if pose is None:
            return
        passed, self.seen = time - self.seen, time
        flat = pose.joints[:, :2]
        if self._joints is None or passed > MAX_GAP:
            self._joints = flat
            return
        step = (flat - self._joints) * np.float32(1 - np.exp(-passed / _JOINT_SMOOTHING))
        self._joints = self._joints + step
        speed = np.average(np.linalg.norm(step, axis=-1), weights=pose.visibility + 1e-3) / passed
        self._speed += (1 - np.exp(-passed / _SPEED_SMOOTHING)) * (speed - self._speed)
        self._moves = self._speed > (_STOPS_MOVING if self._moves else _STARTS_MOVING)

    def predict(
        self, time: float, window: Window, probabilities: NDArray[np.float32] | None
    ) -> DancerPrediction:
        """Update the rolling estimate with the dancer's window that ends at `time`.

        `probabilities` (K,) are None if the window has no features.
        """
        if probabilities is None:
            status = Status.NO_PERSON if window.empty else Status.WARMING_UP
            return DancerPrediction(
                self.id, 0.0, self.rolling.update_without_window(status), None, self.landmarks
            )
        estimate = self.rolling.update(time, probabilities)
        return DancerPrediction(self.id, window.seconds, estimate, probabilities, self.landmarks)


def predict(
    time: float, dancers: Sequence[DancerState], classifier: WindowClassifier
) -> Prediction:
    """Classify the windows of all dancers in one call.

    Args:
        time: Capture time in seconds of the newest frame.
        dancers: One dancer or more, the primary one first.
        classifier: Classifier of the windows.
    """
    start = perf_counter()
    spec = classifier.contract.window
    windows = [cut_window(*dancer.poses.track(), spec, end=time) for dancer in dancers]
    features = [window.features for window in windows if window.features is not None]
    classified = iter(classifier(np.stack(features)) if features else ())
    predictions = [
        dancer.predict(time, window, None if window.features is None else next(classified))
        for dancer, window in zip(dancers, windows, strict=True)
    ]
    present = tuple(each for each in predictions if each.estimate.status is not Status.NO_PERSON)
    primary = present[0] if present else predictions[0]
    return Prediction(
        time,
        primary.window_seconds,
        primary.estimate,
        primary.window_probabilities,
        perf_counter() - start,
        present,
    )


class Recognizer:
    """Collects the poses of one dancer and predicts once per hop.

    Args:
        classifier: Classifier of the windows; its contract defines a window.
        hop: Seconds between predictions.
    """

    def __init__(self, classifier: WindowClassifier, *, hop: float = DEFAULT_HOP) -> None:
        self._classifier = classifier
        self._timer = HopTimer(hop)
        self._dancer = DancerState(classifier.contract)

    def reset(self, reason: str) -> None:
        """Start over, as for a new epoch of the source."""
        self._dancer.poses.reset(reason)
        self._dancer.rolling.reset(reason)
        self._timer.reset(reason)

    def push(self, time: float, pose: Pose | Landmarks | None) -> Prediction | None:
        """Add the pose in the frame captured at `time` seconds.

        Args:
            time: Capture time; a frame that is not newer than the last is ignored.
            pose: Pose or landmarks of the dancer, or None if nobody is in view.

        Returns:
            A prediction if one is due, else None.
        """
        if isinstance(pose, Landmarks):
            pose = pose.pose()
        if not self._dancer.poses.append(time, pose) or not self._timer.due(time):
            return None
        return predict(time, [self._dancer], self._classifier)


class MultiDancerRecognizer:
    """Tracks up to `people` dancers of one source and predicts once per hop.

    Args:
        classifier: Classifier of the windows; its contract defines a window.
        people: Maximum number of dancers. A single dancer is tracked by the pose model alone, and
            has the id 1.
        hop: Seconds between predictions.
    """

    def __init__(
        self, classifier: WindowClassifier, *, people: int = 1, hop: float = DEFAULT_HOP
    ) -> None:
        if people < 1:
            raise ValueError(f"people must be one dancer or more, not {people}")
        self._classifier = classifier
        self._people = people
        self._tracker: Tracker = DancerTracker(people) if people > 1 else SingleTracker()
        self._timer = HopTimer(hop)
        self._nobody = DancerState(classifier.contract)
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Start over, as for a new epoch of the source.

        If several dancers are tracked, ids are not reused, so that a dancer of the new epoch is
        not mistaken for one of the last.
        """
        self._tracker.reset(reason)
        self._timer.reset(reason)
        self._tracked: dict[int, DancerState] = {}
        self._time: float | None = None

    def push(self, time: float, people: Sequence[Landmarks]) -> Prediction | None:
        """Add the people in the frame captured at `time` seconds.

        Args:
            time: Capture time; a frame that is not newer than the last is ignored.
            people: Landmarks of the people in view, in any order.

        Returns:
            A prediction if one is due, else None.
        """
        if not math.isfinite(time) or (self._time is not None and time <= self._time):
            return None
        self._time = time
        assigned = self._tracker.update(time, [each for each in people if _is_plausible(each)])
        self._tracked = {
            key: self._tracked.get(key) or DancerState(self._classifier.contract, key)
            for key in assigned
        }
        for key, landmarks in assigned.items():
            self._tracked[key].update(time, landmarks)
        return self._predict(time) if self._timer.due(time) else None

    def _predict(self, time: float) -> Prediction:
        # A dancer who was just lost is still tracked, so there may be more than `people`.
        newest = sorted(self._tracked.values(), key=lambda dancer: (-dancer.seen, dancer.id))
        ranked = sorted(newest[: self._people], key=lambda dancer: dancer.rank)
        return predict(time, ranked or [self._nobody], self._classifier)


def _is_plausible(landmarks: Landmarks) -> bool:
    """Return whether all numbers are finite and within the limits of a body."""
    parts = (landmarks.world, landmarks.image, landmarks.visibility)
    # NaN compares false.
    return all(bool((np.abs(part) < _FARTHEST).all()) for part in parts)
