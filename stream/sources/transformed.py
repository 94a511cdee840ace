"""Source whose images are turned, mirrored and cropped, as the mounting of the camera requires."""

from dataclasses import replace

from dancetype.engine.errors import SourceError
from dancetype.engine.media.images import mirror, rotate
from dancetype.stream.sources.base import Frame, Source
from dancetype.stream.sources.transform import Transform


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
            SourceError: The source cannot be read, or the part to use lies outside of its images.
        """
        frame = self._source.read()
        if frame is None:
            return None
        degrees = self._transform.rotate + 180 * (self._transform.flip == "vertical")
        image = rotate(frame.image, degrees % 360)
        if self._transform.flip:
            image = mirror(image)
        if self._transform.crop:
            left, top, width, height = self._transform.crop
            size = f"{image.shape[1]}x{image.shape[0]}"
            image = image[top : top + height, left : left + width].copy()
            if not image.size:
                raise SourceError(
                    f"crop={left},{top},{width},{height} lies outside of the image of {size} "
                    "pixels; correct --crop"
                )
        return replace(frame, image=image)

    def close(self) -> None:
        """Close the source."""
        self._source.close()
