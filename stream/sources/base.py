"""What every source is."""

from enum import StrEnum
from typing import Final, Protocol

from dancetype.engine.errors import ExpectedError
from dancetype.stream.frames import Frame

PATIENCE: Final = 3.5
"""Seconds that one answer of a network camera, or its next packet, may take, unless told."""


class Fault(StrEnum):
    """What is wrong with a source, for programs to tell apart."""

    REFUSED = "refused"
    """Its machine is there, and does not take the connection."""
    TIMED_OUT = "timed_out"
    """Nothing is heard of it, or no longer."""
    AUTHENTICATION = "authentication"
    """It does not take the user or the password."""
    NOT_FOUND = "not_found"
    """There is no such machine, path, device or file."""
    CODEC = "codec"
    """It has no video that can be decoded."""
    ENDED = "ended"
    """It has broken off, or is at its end."""
    OTHER = "other"
    """None of these; the reason says more."""


class SourceError(ExpectedError):
    """A source that cannot be read; the text says why and what to do, without credentials.

    Attributes:
        fault: which kind of fault it is.
    """

    def __init__(self, reason: str, fault: Fault = Fault.OTHER) -> None:
        super().__init__(reason)
        self.fault = fault


class SourceUnavailableError(SourceError):
    """A live source that cannot be read now; another try may find it back."""


class Source(Protocol):
    """Frames in their order, from the moment it is opened to its end."""

    live: bool
    """Frames come at their own pace and only the newest counts; else every frame does."""

    def read(self) -> Frame | None:
        """The next frame, or None at the end. Waits for it as long as it takes, up to a time-out.

        Raises:
            SourceError: nothing can be read.
        """
        ...

    def close(self) -> None:
        """Lets go of the camera, connection or file."""
        ...
