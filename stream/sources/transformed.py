"""Source whose images are turned, mirrored and cropped, as the mounting of the camera requires."""

from dataclasses import replace
from functools import partial

from dancetype.engine.errors import SourceError
from dancetype.engine.media.images import Image, apply
from dancetype.engine.media.transform import Transform
from dancetype.stream.sources.base import Frame, Source


class TransformedSource:
    """Source with transformed images.

    Args:
        source: Opened source.
        transform: Changes to each image.
    """

    def __init__(self, source: Source, transform: Transform) -> None:
        self.live = source.live
        self._source = source
        self._transform = transform

    @property
    def frames(self) -> int | None:
        """Approximate number of frames of a file; None if unknown."""
        return getattr(self._source, "frames", None)

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end.

        Raises:
            SourceError: The source cannot be read.
        """
        frame = self._source.read()
        return frame and replace(frame, picture=partial(self._transformed, frame))

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _transformed(self, frame: Frame) -> Image:
        try:
            return apply(self._transform, frame.image)
        except ValueError as error:
            raise SourceError(str(error)) from None
