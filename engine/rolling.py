"""Smoothing of probabilities over time, and the decision when to name a genre."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Thresholds of the confidence, tuned on the ten genres of AIST.
_ENTER: Final = 0.65
_LEAVE: Final = 0.45
_CHANCE: Final = 1 / 10  # confidence of a random guess

_MAX_TIME_CONSTANT: Final = 30.0  # seconds; a live answer must not be about the minute before
_MAX_DURATION_POWER: Final = 4


def _rescale(confidence: float, genres: int) -> float:
    """Return the confidence that is as far above chance as `confidence` is with ten genres."""
    chance = 1 / genres
    return chance + (confidence - _CHANCE) / (1 - _CHANCE) * (1 - chance)


class Status(StrEnum):
    """Kind of result of a rolling estimate."""

    WARMING_UP = "warming_up"
    NO_PERSON = "no_person"
    NOT_SURE = "not_sure"
    GENRE = "genre"


@dataclass(frozen=True, slots=True)
class Decision:
    """Parameters of a rolling estimate; the contract of a genre model may have its own.

    Attributes:
        time_constant: Seconds after which the weight of a window has fallen to 1/e, at most 30.
        enter: (K,) minimum confidence for naming each genre.
        leave: (K,) confidence below which each genre is dropped once named, at most its `enter`.
        margin: Lead in confidence that another genre needs to replace the named one.
        duration_power: Exponent of a window's duration in its weight, from 0 to 4. A dancer's first
            windows are shorter and less reliable than later ones.

    Raises:
        ValueError: A value is out of range.
    """

    time_constant: float
    enter: tuple[float, ...]
    leave: tuple[float, ...]
    margin: float
    duration_power: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.time_constant <= _MAX_TIME_CONSTANT:
            raise ValueError(
                f"time_constant must be more than 0 and at most {_MAX_TIME_CONSTANT:g} seconds, "
                f"not {self.time_constant}"
            )
        if not 0 <= self.margin <= 1:
            raise ValueError(f"margin must be from 0 to 1, not {self.margin}")
        if not 0 <= self.duration_power <= _MAX_DURATION_POWER:
            raise ValueError(
                f"duration_power must be from 0 to {_MAX_DURATION_POWER}, not {self.duration_power}"
            )
        if len(self.enter) != len(self.leave):
            raise ValueError(
                f"enter has {len(self.enter)} thresholds, but leave has {len(self.leave)}"
            )
        for enter, leave in zip(self.enter, self.leave, strict=True):
            if not 0 <= leave <= enter <= 1:
                raise ValueError(f"need 0 <= leave <= enter <= 1, not leave={leave}, enter={enter}")

    @classmethod
    def uniform(
        cls,
        genres: int,
        *,
        time_constant: float = 1.5,
        enter: float | None = None,
        leave: float | None = None,
        margin: float = 0.1,
        duration_power: float = 0.0,
    ) -> "Decision":
        """Return a decision with the same thresholds for each genre.

        Args:
            genres: Number of genres.
            time_constant: Seconds after which the weight of a window has fallen to 1/e.
            enter: Minimum confidence for naming a genre. If None, 0.65 with ten genres, and more
                with fewer, since a random guess is then right more often.
            leave: Confidence below which the named genre is dropped. If None, 0.45 with ten genres.
            margin: Lead in confidence that another genre needs to replace the named one.
            duration_power: Exponent of a window's duration in its weight.
        """
        enter = _rescale(_ENTER, genres) if enter is None else enter
        leave = _rescale(_LEAVE, genres) if leave is None else leave
        return cls(time_constant, (enter,) * genres, (leave,) * genres, margin, duration_power)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Genre estimate from the last windows.

    Attributes:
        status: Kind of result.
        genre: Code of the genre, or None unless `status` is `GENRE`.
        confidence: Calibrated probability of the named genre, or of the most likely one if none is
            named; 0 without a window.
        probabilities: (K,) moving averages in the classifier's order; zeros without a window.
        dancing: Calibrated probability that the person dances, the sum of `probabilities`. None
            without a window, or if the model does not distinguish dance from other motion.
    """

    status: Status
    genre: str | None
    confidence: float
    probabilities: NDArray[np.float32]
    dancing: float | None = None


class RollingEstimate:
    """Moving average of probabilities that decides when to name a genre.

    The weights of the average fall off exponentially in time. The most likely genre is named once
    its confidence reaches its `enter`. It is kept until its confidence falls below its `leave`, or
    another genre reaches `enter` and leads by `margin`, so that the display does not alternate
    between close genres.

    Args:
        labels: Codes of the K genres in the classifier's order.
        decision: Time constant and thresholds; if None, those of `Decision.uniform`.
        dancing: Whether the probabilities of a window sum to the probability that the person
            dances, instead of to 1.

    Raises:
        ValueError: `decision` is for another number of genres.
    """

    def __init__(
        self, labels: tuple[str, ...], decision: Decision | None = None, *, dancing: bool = False
    ) -> None:
        decision = decision or Decision.uniform(len(labels))
        if len(decision.enter) != len(labels):
            raise ValueError(
                f"the decision has thresholds for {len(decision.enter)} genres, not {len(labels)}"
            )
        self._labels = labels
        self._decision = decision
        self._has_dancing = dancing
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Forget all windows; `reason` documents the call."""
        self._mean = np.zeros(len(self._labels), np.float32)
        self._weight = 0.0
        self._time: float | None = None
        self._named: int | None = None

    def update_without_window(self, status: Status) -> Estimate:
        """Forget all windows and return an estimate with `status` and no genre."""
        self.reset(status)
        return Estimate(status, None, 0.0, self._mean.copy())

    def update(
        self, time: float, probabilities: NDArray[np.float32], *, seconds: float = 1.0
    ) -> Estimate:
        """Add a window and return the estimate.

        Args:
            time: Time at which the window ends.
            probabilities: (K,) for the window.
            seconds: Duration of the window.
        """
        decay = 0.0
        if self._time is not None:
            decay = np.exp(-max(time - self._time, 0.0) / self._decision.time_constant)
        weight = (1 - decay) * seconds**self._decision.duration_power
        self._weight = decay * self._weight + weight
        share = np.float32(weight / self._weight) if self._weight else np.float32(0)
        self._mean = self._mean + share * (probabilities - self._mean)
        self._time = time
        best = int(self._mean.argmax())
        self._named = self._decide(best)
        genre = None if self._named is None else self._labels[self._named]
        reported = best if self._named is None else self._named
        return Estimate(
            Status.NOT_SURE if genre is None else Status.GENRE,
            genre,
            float(self._mean[reported]),
            self._mean.copy(),
            float(self._mean.sum()) if self._has_dancing else None,
        )

    def _decide(self, best: int) -> int | None:
        named, mean, decision = self._named, self._mean, self._decision
        if named is not None and mean[named] >= decision.leave[named]:
            replaced = mean[best] >= max(decision.enter[best], mean[named] + decision.margin)
            return best if replaced else named
        return best if mean[best] >= decision.enter[best] else None
