"""What happens on a source's threads, on its way to becoming a message."""

from dataclasses import dataclass

from dancetype.engine.errors import Fault
from dancetype.engine.floor import FloorPrediction
from dancetype.stream.messages import SourceState


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A source is doing something else now.

    Attributes:
        state: what it is doing.
        epoch: of the source.
        reason: why, for people to read.
        fault: why, for programs, where it is not as it should be.
        final: whether nothing more is to come from this source.
    """

    state: SourceState
    epoch: int
    reason: str | None = None
    fault: Fault | None = None
    final: bool = False


@dataclass(frozen=True, slots=True)
class Predicted:
    """A prediction was made. Times are in seconds of the monotonic clock.

    Attributes:
        prediction: what was made of everybody's window.
        epoch: of the source.
        capture: the newest frame in the window was captured.
        taken: pose estimation took it up.
        posed: its pose was there.
        predicted: the prediction was made.
        frame_counts: frames of this epoch: captured, through pose estimation, dropped.
        fps: poses a second, lately.
        image_size: width and height of the newest frame in pixels.
    """

    prediction: FloorPrediction
    epoch: int
    capture: float
    taken: float
    posed: float
    predicted: float
    frame_counts: tuple[int, int, int]
    fps: float
    image_size: tuple[int, int]


Event = StateChanged | Predicted
