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
class Estimate:
    """Genre estimate from the last windows.

    Attributes:
        status: Kind of result.
        genre: Code of the genre, or None unless `status` is `GENRE`.
        confidence: Calibrated probability of the named genre, or of the most likely one if none is
            named; 0 without a window.
        probabilities: (K,) moving averages in the classifier's order; zeros without a window.
    """

    status: Status
    genre: str | None
    confidence: float
    probabilities: NDArray[np.float32]


class RollingEstimate:
    """Moving average of probabilities that decides when to name a genre.

    The weights of the average fall off exponentially in time. A genre is named once its confidence
    reaches `enter`. It is kept until its confidence falls below `leave`, or another genre reaches
    `enter` and leads by `margin`, so that the display does not alternate between close genres.

    Args:
        labels: Genre codes in the classifier's order.
        time_constant: Seconds after which the weight of a window has fallen to 1/e.
        enter: Minimum confidence for naming a genre. If None, 0.65 with ten genres, and more with
            fewer, since a random guess is then right more often.
        leave: Confidence below which the named genre is dropped, at most `enter`. If None, 0.45
            with ten genres.
        margin: Lead in confidence that another genre needs to replace the named one.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        *,
        time_constant: float = 1.5,
        enter: float | None = None,
        leave: float | None = None,
        margin: float = 0.1,
    ) -> None:
        enter = _rescale(_ENTER, len(labels)) if enter is None else enter
        leave = _rescale(_LEAVE, len(labels)) if leave is None else leave
        if not time_constant > 0:
            raise ValueError(f"time_constant must be more than 0 seconds, not {time_constant}")
        if not 0 <= leave <= enter <= 1:
            raise ValueError(f"need 0 <= leave <= enter <= 1, not leave={leave}, enter={enter}")
        self._labels = labels
        self._time_constant = time_constant
        self._enter = enter
        self._leave = leave
        self._margin = margin
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Forget all windows; `reason` documents the call."""
        self._mean = np.zeros(len(self._labels), np.float32)
        self._time: float | None = None
        self._named: int | None = None

    def update_without_window(self, status: Status) -> Estimate:
        """Forget all windows and return an estimate with `status` and no genre."""
        self.reset(status)
        return Estimate(status, None, 0.0, self._mean.copy())

    def update(self, time: float, probabilities: NDArray[np.float32]) -> Estimate:
        """Add the `probabilities` (K,) of the window at `time` and return the estimate."""
        decay = 0.0
        if self._time is not None:
            decay = np.exp(-max(time - self._time, 0.0) / self._time_constant)
        self._mean = (decay * self._mean + (1 - decay) * probabilities).astype(np.float32)
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
        )

    def _decide(self, best: int) -> int | None:
        named = self._named
        if named is not None and self._mean[named] >= self._leave:
            replaced = self._mean[best] >= max(self._enter, self._mean[named] + self._margin)
            return best if replaced else named
        return best if self._mean[best] >= self._enter else None
