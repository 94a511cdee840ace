"""What every source is."""

from typing import Protocol

from engine.errors import ExpectedError
from stream.frames import Frame


class SourceError(ExpectedError):
    """A source that cannot be read; the text says why and what to do, without credentials."""


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
