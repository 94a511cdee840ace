"""Which frames of a source are looked at, where it gives more than are wanted."""

from collections.abc import Callable
from typing import Final

Wants = Callable[[float], bool]
"""Asked of each frame, by its capture time in seconds and in order: whether it is looked at."""

# Of the newest step between two frames in what is taken for a step.
_FOLLOWS: Final = 0.1


def every_frame(time: float) -> bool:
    """Wants every frame."""
    del time
    return True


class Thinning:
    """Chooses frames of one epoch, spread evenly by capture time.

    Args:
        fps: how many a second there may be at most.
    """

    def __init__(self, fps: float) -> None:
        if not fps > 0:
            raise ValueError(f"there are more than 0 frames a second to choose, not {fps}")
        self._period = 1 / fps
        self._step: float | None = None
        self._last: float | None = None
        self._due = 0.0

    def wants(self, time: float) -> bool:
        """Whether to look at the frame of `time`, a capture time in seconds."""
        last, self._last = self._last, time
        if last is None:
            self._due = time + self._period
            return True
        step = min(time - last, self._period)
        self._step = step if self._step is None else self._step + _FOLLOWS * (step - self._step)
        # The frame nearest to the moment is the one: where this is early by more than half a step,
        # the next is nearer.
        if self._due - time > self._step / 2:
            return False
        # The moments keep their own beat, so that a frame early or late does not change the rate;
        # after a gap they start from the frame that ended it.
        late = time - self._due > self._period / 2
        self._due = (time if late else self._due) + self._period
        return True


def chosen(fps: float | None) -> Wants:
    """Chooses frames of one epoch: at most `fps` a second, or every one where None."""
    return every_frame if fps is None else Thinning(fps).wants
