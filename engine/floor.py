"""Everybody in sight of one source: who is who, and what each of them dances."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.blazepose import Landmarks
from engine.recognizer import Prediction, Recognizer, WindowClassifier
from engine.rolling import Status


@dataclass(frozen=True, slots=True)
class Dancer:
    """What one dancer dances.

    Attributes:
        id: from 1 on; stays with the dancer while he or she is followed.
        prediction: at this hop.
    """

    id: int
    prediction: Prediction


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
        people: how many to follow at most.
        hop: seconds between predictions.
    """

    def __init__(self, classifier: WindowClassifier, *, people: int = 1, hop: float = 0.25) -> None:
        self._recognizer = Recognizer(classifier, hop=hop)

    def reset(self, reason: str) -> None:
        """Starts anew, as for a new epoch of the source."""
        self._recognizer.reset(reason)

    def push(self, time: float, seen: Sequence[Landmarks]) -> FloorPrediction | None:
        """Takes who was seen at `time`, a capture time in seconds.

        Returns:
            A prediction where one is due, else None.
        """
        pose = seen[0].pose() if seen else None
        prediction = self._recognizer.push(time, pose)
        if prediction is None:
            return None
        followed = prediction.estimate.status is not Status.NO_PERSON
        return FloorPrediction(prediction, (Dancer(1, prediction),) if followed else ())
