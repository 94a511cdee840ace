"""What a pose estimator is, whichever runtime runs its models."""

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import Landmarks


class PoseEstimator(ABC):
    """Follows people from frame to frame.

    It tracks: it looks for people in the whole image only where it follows fewer than it may. So
    one estimator belongs to one source, and frames come in their order. It has to be closed.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Closes."""
        self.close()

    def landmarks(self, image: NDArray[np.uint8], time: float) -> Landmarks | None:
        """The person in a frame, or the first of several; see `people`."""
        return next(iter(self.people(image, time)), None)

    @abstractmethod
    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        """Finds the people in a frame; their order means nothing.

        Args:
            image: (H, W, 3) BGR, as OpenCV has it.
            time: capture time of the frame in seconds, on any clock.

        Raises:
            ValueError: `image` is of another shape or type.
        """

    @abstractmethod
    def reset(self, reason: str) -> None:
        """Starts anew, as for a new epoch; `reason` is for whoever reads the call."""

    @abstractmethod
    def close(self) -> None:
        """Gives up the models' memory and threads; nothing may be asked of it afterwards."""
