"""A frame: what a source yields; and who looks on as frames pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import Landmarks


@dataclass(frozen=True, slots=True)
class Frame:
    """One image of a source.

    Attributes:
        image: (H, W, 3) uint8, BGR, upright.
        time: capture time in seconds on the monotonic clock. A file's frames keep the distances
            that the file gives them, from the moment on that it was opened.
        index: counts the frames of the epoch from 0, those too that the source leaves out.
        epoch: which start of the source this frame belongs to.
    """

    image: NDArray[np.uint8]
    time: float
    index: int
    epoch: int


class Onlooker(Protocol):
    """Sees what passes in a pipeline: on its pose thread, so that it has to return at once."""

    def see(self, frame: Frame, people: Sequence[Landmarks]) -> None:
        """Takes note of a frame and who is in it, in no order that means anything."""
        ...
