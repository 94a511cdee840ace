"""Windows with given predictions, for tests of live answers."""

import numpy as np

from dancetype.engine.rolling import Decision, RollingEstimate, Status
from dancetype.training.live import LiveWindows

LABELS = ("BR", "PO", "LO")
HOP = 0.25


def immediate(labels: tuple[str, ...] = LABELS) -> RollingEstimate:
    """Return a rolling estimate that names the genre of each window with more than one half."""
    decision = Decision.uniform(len(labels), time_constant=1e-6, enter=0.5, leave=0.5, margin=0.0)
    return RollingEstimate(labels, decision)


def scripted_windows(letters: str, *, start: float = 0.0) -> LiveWindows:
    """Return one prediction per letter and hop.

    B, P and L are confident in a genre, a dot is not, and a dash has no window.
    """
    confident = {"B": (0.9, 0.05, 0.05), "P": (0.05, 0.9, 0.05), "L": (0.05, 0.05, 0.9)}
    probabilities = confident | {".": (0.4, 0.3, 0.3), "-": (np.nan,) * 3}
    return LiveWindows(
        start,
        np.array([start + HOP * hop for hop in range(len(letters))]),
        np.array([probabilities[letter] for letter in letters], np.float32),
        np.array([0.0 if letter == "-" else 4.0 for letter in letters]),
        tuple(Status.WARMING_UP if letter == "-" else Status.NOT_SURE for letter in letters),
    )
