"""What every source is."""

from typing import Final, Protocol

from dancetype.stream.frames import Frame

PATIENCE: Final = 3.5
"""Seconds that one answer of a network camera, or its next packet, may take, unless told."""


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
