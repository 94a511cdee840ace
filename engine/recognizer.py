"""Predictions from landmarks, for one dancer or several, live or from a file.

The landmarks of each frame are assigned to dancers. Each dancer's poses are kept in a ring buffer.
Once per hop, the windows of all dancers are classified in one call.
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
from dancetype.engine.rolling import Estimate, Status
from dancetype.engine.skeleton import Array, Pose, pelvis_centred
from dancetype.engine.tracker import DancerTracker, SingleTracker, Tracker
from dancetype.engine.window import MAX_GAP, Window, cut_window

# Thresholds of the joints' mean speed relative to the pelvis, in metres per second. Poses have the
# size of an average body, so the distance from the camera does not matter.
_START_MOVING: Final = 0.25
_STOP_MOVING: Final = 0.17
_JOINT_SMOOTHING: Final = 0.1  # seconds over which joints are averaged, since estimates jitter
_SPEED_SMOOTHING: Final = 1.5  # seconds over which the speed is averaged


class WindowClassifier(Protocol):
    """Interface of a classifier that a recognizer can use."""

    contract: Contract

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        """Return probabilities (N, K) for windows (N, L, F)."""
        ...


class _HasEstimate:
    """Mixin with shortcuts to the attributes of `estimate`."""

    __slots__ = ()
    estimate: Estimate

    @property
    def status(self) -> Status:
        """Kind of result: a genre, not sure, warming up or no person."""
        return self.estimate.status

    @property
    def genre(self) -> str | None:
        """Code of the genre, or None unless `status` is `Status.GENRE`."""
        return self.estimate.genre

    @property
    def confidence(self) -> float:
        """Calibrated probability of the genre, or of the most likely one; 0 without a window."""
        return self.estimate.confidence

    @property
    def dancing(self) -> float | None:
        """Calibrated probability that the person dances; None if it is unknown."""
        return self.estimate.dancing


@dataclass(frozen=True, slots=True)
class DancerPrediction(_HasEstimate):
    """Genre estimate for one dancer at one hop.

    Attributes:
        id: Identity, 1 or more; constant while the dancer is tracked.
        window_seconds: Duration of the window in seconds; 0 without a window.
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
class Prediction(_HasEstimate):
    """Genre estimate at one hop; with several dancers, that of the primary one.

    Attributes:
        window_end: Capture time in seconds of the newest frame.
        window_seconds: Duration of the window in seconds; 0 without a window.
        estimate: Rolling estimate.
        window_probabilities: (K,) for this window alone, or None without a window.
        classify_seconds: Time that it took to cut and classify the windows of all dancers.
        dancers: All visible dancers: moving before standing ones, then by id. The first is the
            primary dancer.
    """

    window_end: float
    window_seconds: float
    estimate: Estimate
    window_probabilities: NDArray[np.float32] | None
    classify_seconds: float
    dancers: tuple[DancerPrediction, ...] = ()


class HopTimer:
    """Schedule of predictions: decides at which frames one is due.

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
        # Due times are a hop apart, even if frames are late. They restart after a gap.
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
        last_found: Time when the dancer was last found.
    """

    def __init__(self, contract: Contract, identity: int = 1) -> None:
        self.id = identity
        self.poses = RingBuffer(contract.window.seconds)
        self.rolling = contract.rolling_estimate()
        self.landmarks: Landmarks | None = None
        self.last_found = -math.inf
        self._joints: Array | None = None
        self._speed = 0.0
        self._moving = False

    @property
    def sort_key(self) -> tuple[bool, int]:
        """Key that sorts moving before standing dancers, then by id."""
        return not self._moving, self.id

    def update(self, time: float, landmarks: Landmarks | None) -> None:
        """Add the dancer's landmarks at `time`, or None if they were not found."""
        self.landmarks = landmarks
        pose = None if landmarks is None else landmarks.pose()
        self.poses.append(time, pose)
        if pose is None:
            return
        interval, self.last_found = time - self.last_found, time
        joints = pelvis_centred(pose.joints)[:, :2]
        if self._joints is None or interval > MAX_GAP:
            self._joints = joints
            return
        step = (joints - self._joints) * np.float32(1 - np.exp(-interval / _JOINT_SMOOTHING))
        self._joints = self._joints + step
        speed = np.average(np.linalg.norm(step, axis=-1), weights=pose.visibility + 1e-3) / interval
        self._speed += (1 - np.exp(-interval / _SPEED_SMOOTHING)) * (speed - self._speed)
        self._moving = self._speed > (_STOP_MOVING if self._moving else _START_MOVING)

    def predict(
        self, time: float, window: Window, probabilities: NDArray[np.float32] | None
    ) -> DancerPrediction:
        """Update the rolling estimate with the dancer's window that ends at `time`.

        Args:
            time: Capture time in seconds of the newest frame.
            window: Latest window of the dancer.
            probabilities: (K,) for the window, or None if it has no features.
        """
        if probabilities is None:
            status = Status.NO_PERSON if window.empty else Status.WARMING_UP
            return DancerPrediction(
                self.id, 0.0, self.rolling.update_without_window(status), None, self.landmarks
            )
        estimate = self.rolling.update(time, probabilities, seconds=window.seconds)
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
    probabilities = iter(classifier(np.stack(features)) if features else ())
    predictions = [
        dancer.predict(time, window, None if window.features is None else next(probabilities))
        for dancer, window in zip(dancers, windows, strict=True)
    ]
    present = tuple(dancer for dancer in predictions if dancer.status is not Status.NO_PERSON)
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
    """Recognizer for one dancer: collects poses and predicts once per hop.

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
            pose: Pose or landmarks of the dancer, or None without a person.

        Returns:
            A prediction if one is due, else None.
        """
        if isinstance(pose, Landmarks):
            pose = pose.pose()
        if not self._dancer.poses.append(time, pose) or not self._timer.due(time):
            return None
        return predict(time, [self._dancer], self._classifier)


class MultiDancerRecognizer:
    """Recognizer for several dancers of one source: tracks them and predicts once per hop.

    Args:
        classifier: Classifier of the windows; its contract defines a window.
        people: Maximum number of dancers. If 1, the pose model alone tracks the dancer, and the id
            is always 1.
        hop: Seconds between predictions.
    """

    def __init__(
        self, classifier: WindowClassifier, *, people: int = 1, hop: float = DEFAULT_HOP
    ) -> None:
        if people < 1:
            raise ValueError(f"people must be 1 or more, not {people}")
        self._classifier = classifier
        self._people = people
        self._tracker: Tracker = DancerTracker(people) if people > 1 else SingleTracker()
        self._timer = HopTimer(hop)
        self._no_dancer = DancerState(classifier.contract)
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Start over, as for a new epoch of the source.

        With several dancers, ids are not reused, so that clients do not mistake a dancer of the new
        epoch for one of the last.
        """
        self._tracker.reset(reason)
        self._timer.reset(reason)
        self._tracked: dict[int, DancerState] = {}
        self._time: float | None = None

    def push(self, time: float, people: Sequence[Landmarks]) -> Prediction | None:
        """Add the people in the frame captured at `time` seconds.

        Args:
            time: Capture time; a frame that is not newer than the last is ignored.
            people: Landmarks of the people in the frame, in any order.

        Returns:
            A prediction if one is due, else None.
        """
        if not math.isfinite(time) or (self._time is not None and time <= self._time):
            return None
        self._time = time
        plausible = [person for person in people if person.is_plausible()]
        assigned = self._tracker.update(time, plausible)
        self._tracked = {
            dancer_id: self._tracked.get(dancer_id)
            or DancerState(self._classifier.contract, dancer_id)
            for dancer_id in assigned
        }
        for dancer_id, landmarks in assigned.items():
            self._tracked[dancer_id].update(time, landmarks)
        return self._predict(time) if self._timer.due(time) else None

    def _predict(self, time: float) -> Prediction:
        # Dancers are tracked for a while after they are lost, so there may be more than `people`.
        newest = sorted(self._tracked.values(), key=lambda dancer: (-dancer.last_found, dancer.id))
        ranked = sorted(newest[: self._people], key=lambda dancer: dancer.sort_key)
        return predict(time, ranked or [self._no_dancer], self._classifier)
