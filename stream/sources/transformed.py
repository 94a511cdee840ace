"""Source whose images are turned, mirrored and cropped, as the mounting of the camera requires."""

from dataclasses import replace
from functools import partial

from dancetype.engine.errors import SourceError
from dancetype.engine.media.images import Image, mirror, rotate
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
            SourceError: The source cannot be read.
        """
        frame = self._source.read()
        return frame and replace(frame, picture=partial(self._transformed, frame))

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _transformed(self, frame: Frame) -> Image:
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
        return image
