"""From one window's probabilities to what is said out loud."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Confidences, found on the ten genres of AIST.
_ENTER: Final = 0.65
_LEAVE: Final = 0.45
_GUESS: Final = 1 / 10


def _as_sure(confidence: float, genres: int) -> float:
    """What is as far above a guess among so many genres as `confidence` is among ten."""
    guess = 1 / genres
    return guess + (confidence - _GUESS) / (1 - _GUESS) * (1 - guess)


class Status(StrEnum):
    """What a rolling estimate can say."""

    WARMING_UP = "warming_up"
    NO_PERSON = "no_person"
    NOT_SURE = "not_sure"
    GENRE = "genre"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is being danced, as far as the last windows tell.

    Attributes:
        status: which of the four answers this is.
        genre: code of the genre, only where `status` is `GENRE`.
        confidence: calibrated probability of the likeliest genre; 0 without a window.
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
        labels: genre codes in the classifier's order.
        memory: seconds after which a window counts 1/e.
        enter: confidence from which a genre is named: 0.65 among ten genres where None, and more
            among fewer, since a guess is right more often there.
        leave: confidence below which the named genre is dropped, at most `enter`: 0.45 likewise.
        margin: lead over the named genre that another needs to replace it.
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
        enter = _as_sure(_ENTER, len(labels)) if enter is None else enter
        leave = _as_sure(_LEAVE, len(labels)) if leave is None else leave
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
        """Forgets all windows; `reason` is for whoever reads the call."""
        del reason
        self._mean = np.zeros(len(self._labels), np.float32)
        self._time: float | None = None
        self._named: int | None = None

    def silent(self, status: Status) -> Estimate:
        """The answer while there is no window, which also ends what was said before."""
        self.reset(status)
        return Estimate(status, None, 0.0, self._mean.copy())

    def update(self, time: float, probabilities: NDArray[np.float32]) -> Estimate:
        """Takes in the window that ends at `time` (seconds) with `probabilities` (K,)."""
        keep = 0.0 if self._time is None else np.exp(-max(time - self._time, 0.0) / self._memory)
        self._mean = (keep * self._mean + (1 - keep) * probabilities).astype(np.float32)
        self._time = time
        best = int(self._mean.argmax())
        self._named = self._decide(best)
        genre = None if self._named is None else self._labels[self._named]
        said = best if self._named is None else self._named
        return Estimate(
            Status.NOT_SURE if genre is None else Status.GENRE,
            genre,
            float(self._mean[said]),
            self._mean.copy(),
        )

    def _decide(self, best: int) -> int | None:
        named = self._named
        if named is not None and self._mean[named] >= self._leave:
            replaced = self._mean[best] >= max(self._enter, self._mean[named] + self._margin)
            return best if replaced else named
        return best if self._mean[best] >= self._enter else None
