"""A frame: what a source yields."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Frame:
    """One image of a source.

    Attributes:
        image: (H, W, 3) uint8, BGR, upright.
        time: capture time in seconds on the monotonic clock. A file's frames keep the distances
            that the file gives them, from the moment on that it was opened.
        index: counts the frames of the epoch from 0.
        epoch: which start of the source this frame belongs to.
    """

    image: NDArray[np.uint8]
    time: float
    index: int
    epoch: int
