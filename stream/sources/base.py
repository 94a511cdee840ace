"""The interface of a source, its frames and its states."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import Fault

PATIENCE: Final = 3.5
"""Default seconds that a network camera may take for one answer or its next packet."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One image of a source.

    Attributes:
        image: (H, W, 3) uint8, BGR, upright.
        time: Capture time in seconds on the monotonic clock. The frames of a file keep the
            intervals that the file gives them, starting when it is opened.
        index: Number of the frame in its epoch, from 0; frames that the source skips count too.
        epoch: Which start of the source this frame belongs to.
    """

    image: NDArray[np.uint8]
    time: float
    index: int
    epoch: int


class Source(Protocol):
    """Frames in order, from opening to the end of the source."""

    live: bool
    """Whether frames come at their own pace and only the newest counts; else every frame counts."""

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end; wait for it up to a time-out.

        Raises:
            SourceUnavailableError: No frame came in time, or the connection is lost.
            SourceError: The source cannot be read, and retrying would not help.
        """
        ...

    def close(self) -> None:
        """Release the camera, connection or file."""
        ...


# The docstrings below are part of the published schema.
class SourceState(StrEnum):
    """What a source is doing."""

    CONNECTING = "connecting"
    """It is opened for the first time."""
    RUNNING = "running"
    """It gives frames."""
    STALLED = "stalled"
    """It is open and gives no frames."""
    RECONNECTING = "reconnecting"
    """It is tried again, for as long as it takes."""
    ENDED = "ended"
    """It is over, as a file is."""
    FAILED = "failed"
    """It is given up: trying again would not help."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    """Event: the state of a source has changed; `final` if it is the last event of the source.

    The cause is in `reason` for people, and in `fault` for programs if something is wrong.
    """

    state: SourceState
    epoch: int
    reason: str | None = None
    fault: Fault | None = None
    final: bool = False
