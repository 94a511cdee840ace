"""Interface of a source, its frames and its states."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import Fault

DEFAULT_TIMEOUT: Final = 3.5
"""Default number of seconds to wait for a network camera's response or next packet."""


@dataclass(frozen=True)
class Frame:
    """One image of a source.

    Attributes:
        picture: The image, or a function that returns it, so that frames that are overtaken by a
            newer one are never converted to images. Any thread may call it, also after the source
            has been closed.
        time: Capture time in seconds on the monotonic clock. For a file, the time of opening plus
            the position in the file.
        index: Number of the frame in its epoch, from 0; skipped frames are counted too.
        epoch: Epoch of the source.
        bursty: Whether the source delivers its frames in bursts, which are spread over time.
    """

    picture: NDArray[np.uint8] | Callable[[], NDArray[np.uint8]]
    time: float
    index: int
    epoch: int
    bursty: bool = False

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """Image (H, W, 3) uint8, BGR, upright.

        Raises:
            SourceError: The part of the image to use lies outside of it.
        """
        return self.picture() if callable(self.picture) else self.picture


class Source(Protocol):
    """Opened camera, stream or file that returns its frames in order."""

    live: bool
    """Whether the source sets the pace; if False, frames can be read faster than in real time."""

    def read(self) -> Frame | None:
        """Wait for the next frame up to a time-out, and return it; return None at the end.

        Raises:
            SourceUnavailableError: No frame arrived in time, or the connection is lost.
            SourceError: The source cannot be read, and retrying would not help.
        """
        ...

    def close(self) -> None:
        """Release the camera, connection or file."""
        ...


class SourceState(StrEnum):
    """State of a source."""

    CONNECTING = "connecting"
    """The source is being opened for the first time, or again after its end."""
    RUNNING = "running"
    """The source delivers frames."""
    BURSTY = "bursty"
    """The source delivers frames in bursts, which are spread by delaying them up to a second."""
    STALLED = "stalled"
    """The source is open, but has stopped delivering frames."""
    RECONNECTING = "reconnecting"
    """The source is unavailable; connecting is retried until it succeeds."""
    ENDED = "ended"
    """The source has reached its end, or the run has been stopped."""
    FAILED = "failed"
    """The source cannot be read, and retrying would not help."""

    @property
    def delivers(self) -> bool:
        """Whether frames are processed in this state."""
        return self in (SourceState.RUNNING, SourceState.BURSTY)


@dataclass(frozen=True, slots=True)
class StateChanged:
    """Event: the state of a source has changed.

    Attributes:
        state: New state.
        epoch: Epoch of the source.
        reason: Cause, for people to read.
        fault: Cause, for programs, if something is wrong.
        final: Whether this is the last event of the source.
    """

    state: SourceState
    epoch: int
    reason: str | None = None
    fault: Fault | None = None
    final: bool = False
