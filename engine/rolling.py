"""Smoothing of the windows' probabilities over time, and the decision for a genre."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Confidences, tuned on the ten genres of AIST.
_ENTER: Final = 0.65
_LEAVE: Final = 0.45
_GUESS: Final = 1 / 10


def _rescaled(confidence: float, genres: int) -> float:
    """Return the confidence that is as far above chance as `confidence` is with ten genres."""
    guess = 1 / genres
    return guess + (confidence - _GUESS) / (1 - _GUESS) * (1 - guess)


class Status(StrEnum):
    """Kind of answer of a rolling estimate."""

    WARMING_UP = "warming_up"
    NO_PERSON = "no_person"
    NOT_SURE = "not_sure"
    GENRE = "genre"


@dataclass(frozen=True, slots=True)
class Estimate:
    """Genre estimate from the last windows.

    Attributes:
        status: Kind of answer.
        genre: Code of the genre, or None unless `status` is `GENRE`.
        confidence: Calibrated probability of the likeliest genre; 0 without a window.
        probabilities: (K,) smoothed, in the classifier's order; zeros without a window.
    """

    status: Status
    genre: str | None
    confidence: float
    probabilities: NDArray[np.float32]


class RollingEstimate:
    """Smooths probabilities over windows and decides when to name a genre.

    Probabilities are averaged with weights that fall off exponentially in time. A genre is named
    once its confidence reaches `enter`, and kept until it falls below `leave` or another genre
    reaches `enter` by a margin, so that two close genres do not take turns on screen.

    Args:
        labels: Genre codes in the classifier's order.
        memory: Seconds after which a window has the weight 1/e.
        enter: Confidence from which a genre is named. If None, 0.65 with ten genres, and more with
            fewer, since a guess is right more often then.
        leave: Confidence below which the named genre is dropped, at most `enter`. If None, 0.45
            with ten genres.
        margin: Lead over the named genre that another needs to replace it.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        *,
        memory: float = 1.5,
        enter: float | None = None,
        leave: float | None = None,
        margin: float = 0.1,
    ) -> None:
        enter = _rescaled(_ENTER, len(labels)) if enter is None else enter
        leave = _rescaled(_LEAVE, len(labels)) if leave is None else leave
        if not memory > 0:
            raise ValueError(f"memory is a time over 0 seconds, not {memory}")
        if not 0 <= leave <= enter <= 1:
            raise ValueError(f"need 0 <= leave <= enter <= 1, not leave={leave}, enter={enter}")
        self._labels = labels
        self._memory = memory
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
        """Forget all windows and return an estimate without one."""
        self.reset(status)
        return Estimate(status, None, 0.0, self._mean.copy())

    def update(self, time: float, probabilities: NDArray[np.float32]) -> Estimate:
        """Return the estimate that includes the window with `probabilities` (K,) at `time`."""
        keep = 0.0 if self._time is None else np.exp(-max(time - self._time, 0.0) / self._memory)
        self._mean = (keep * self._mean + (1 - keep) * probabilities).astype(np.float32)
        self._time = time
        best = int(self._mean.argmax())
        self._named = self._decide(best)
        genre = None if self._named is None else self._labels[self._named]
        shown = best if self._named is None else self._named
        return Estimate(
            Status.NOT_SURE if genre is None else Status.GENRE,
            genre,
            float(self._mean[shown]),
            self._mean.copy(),
        )

    def _decide(self, best: int) -> int | None:
        named = self._named
        if named is not None and self._mean[named] >= self._leave:
            replaced = self._mean[best] >= max(self._enter, self._mean[named] + self._margin)
            return best if replaced else named
        return best if self._mean[best] >= self._enter else None
