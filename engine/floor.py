"""Everybody in sight of one source: who is who, and what each of them dances."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dancetype.engine.contract import Contract
from dancetype.engine.defaults import DEFAULT_HOP
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.recognizer import Beat, Memory, Prediction, WindowClassifier, predict
from dancetype.engine.rolling import Status
from dancetype.engine.skeleton import Array
from dancetype.engine.tracker import Alone, Follower, Following
from dancetype.engine.window import MAX_GAP

# Mean speed of the joints about the pelvis in metres a second. Metres of a pose are of a body of
# ordinary size, so it does not matter how far away somebody is.
_MOVES: Final = 0.25
_STANDS: Final = 0.17
_SETTLED: Final = 0.1  # seconds over which joints are averaged, since they tremble
_LATELY: Final = 1.5  # seconds over which speed is averaged
_FARTHEST: Final = 1e6  # metres, or widths of the image


@dataclass(frozen=True, slots=True)
class Dancer:
    """What one dancer dances.

    Attributes:
        id: from 1 on; stays with the dancer while he or she is followed.
        prediction: at this hop.
        landmarks: as seen in the newest frame; None where not seen in it.
    """

    id: int
    prediction: Prediction
    landmarks: Landmarks | None = None


@dataclass(frozen=True, slots=True)
class FloorPrediction:
    """What is said at one hop.

    Attributes:
        leading: of the first dancer, or that there is none.
        dancers: everybody who is followed: who moves before who stands still, then oldest first.
    """

    leading: Prediction
    dancers: tuple[Dancer, ...]


class Floor:
    """Follows up to `people` dancers of one source and speaks once a hop.

    Args:
        classifier: turns windows into probabilities and holds the contract of their form.
        people: how many to follow at most. Just one is left to the pose model, and has the id 1.
        hop: seconds between predictions.
    """

    def __init__(
        self, classifier: WindowClassifier, *, people: int = 1, hop: float = DEFAULT_HOP
    ) -> None:
        if people < 1:
            raise ValueError(f"there is one dancer or more to follow, not {people}")
        self._classifier = classifier
        self._people = people
        self._following: Following = Follower(people) if people > 1 else Alone()
        self._beat = Beat(hop)
        self._nobody = Memory(classifier.contract)
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Starts anew, as for a new epoch of the source.

        Where several are followed, ids go on from where they were, so that nobody takes a dancer
        of this epoch for one of the last.
        """
        self._following.reset(reason)
        self._beat.reset(reason)
        self._watched: dict[int, _Watched] = {}
        self._time: float | None = None

    def push(self, time: float, seen: Sequence[Landmarks]) -> FloorPrediction | None:
        """Takes who was seen at `time`, a capture time in seconds.

        Returns:
            A prediction where one is due, else None. A frame whose `time` is not after the last,
            or no time at all, is ignored.
        """
        if not math.isfinite(time) or (self._time is not None and time <= self._time):
            return None
        self._time = time
        followed = self._following.follow(time, [each for each in seen if _makes_sense(each)])
        self._watched = {
            key: self._watched.get(key) or _Watched(key, self._classifier.contract)
            for key in followed
        }
        for key, landmarks in followed.items():
            self._watched[key].see(time, landmarks)
        return self._predict(time) if self._beat.due(time) else None

    def _predict(self, time: float) -> FloorPrediction:
        # The id of somebody just lost is kept, which may make more of them than there may be.
        latest = sorted(self._watched.values(), key=lambda watched: (-watched.seen, watched.id))
        watched = sorted(latest[: self._people], key=lambda watched: watched.rank)
        memories = [each.memory for each in watched] or [self._nobody]
        predictions = predict(time, memories, self._classifier)
        dancers = tuple(
            Dancer(each.id, prediction, each.landmarks)
            for each, prediction in zip(watched, predictions, strict=False)
            if prediction.estimate.status is not Status.NO_PERSON
        )
        return FloorPrediction(dancers[0].prediction if dancers else predictions[0], dancers)


def _makes_sense(landmarks: Landmarks) -> bool:
    """Whether it is numbers, and none that no body can have."""
    parts = (landmarks.world, landmarks.image, landmarks.visibility)
    # NaN compares false.
    return all(bool((np.abs(part) < _FARTHEST).all()) for part in parts)


class _Watched:
    """One dancer, and whether he or she moves."""

    def __init__(self, key: int, contract: Contract) -> None:
        self.id = key
        self.memory = Memory(contract)
        self.landmarks: Landmarks | None = None
        self.seen = -np.inf
        self._joints: Array | None = None
        self._speed = 0.0
        self._moves = False

    @property
    def rank(self) -> tuple[bool, int]:
        """Sorts who moves before who stands still, then who came first."""
        return not self._moves, self.id

    def see(self, time: float, landmarks: Landmarks | None) -> None:
        """Takes how the dancer was seen at `time`, if so."""
        self.landmarks = landmarks
        pose = None if landmarks is None else landmarks.pose()
        self.memory.poses.append(time, pose)
        if pose is None:
            return
        passed, self.seen = time - self.seen, time
        flat = pose.joints[:, :2]
        if self._joints is None or passed > MAX_GAP:
            self._joints = flat
            return
        step = (flat - self._joints) * np.float32(1 - np.exp(-passed / _SETTLED))
        self._joints = self._joints + step
        speed = np.average(np.linalg.norm(step, axis=-1), weights=pose.visibility + 1e-3) / passed
        self._speed += (1 - np.exp(-passed / _LATELY)) * (speed - self._speed)
        self._moves = self._speed > (_STANDS if self._moves else _MOVES)
