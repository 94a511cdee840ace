"""Conversion of decoded video frames to upright images with square pixels."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import Final

import av
import numpy as np
from av.buffer import Buffer
from av.sidedata.sidedata import SideDataContainer
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from dancetype.engine.media.opencv import cv2
from dancetype.engine.media.transform import Transform

Image = NDArray[np.uint8]

# Aspect ratios outside of this range are errors in the stream. Anamorphic film has 2.
_MAX_PIXEL_ASPECT: Final = 4

# By clockwise degrees.
_ROTATIONS: Final = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


def rotate(image: Image, degrees: int) -> Image:
    """Return an image (H, W, 3) rotated clockwise by 0, 90, 180 or 270 degrees."""
    if degrees == 0:
        return image
    return cv2.rotate(image, _ROTATIONS[degrees]).astype(np.uint8, copy=False)


def mirror(image: Image) -> Image:
    """Return an image (H, W, 3) with left and right exchanged."""
    return cv2.flip(image, 1).astype(np.uint8, copy=False)


def apply(transform: Transform, image: Image) -> Image:
    """Return an image (H, W, 3) with the changes of a transform.

    Raises:
        ValueError: The part of the image to use lies outside of it.
    """
    image = rotate(image, (transform.rotate + 180 * (transform.flip == "vertical")) % 360)
    if transform.flip:
        image = mirror(image)
    if not transform.crop:
        return image
    left, top, width, height = transform.crop
    part = image[top : top + height, left : left + width].copy()
    if not part.size:
        raise ValueError(
            f"crop={left},{top},{width},{height} lies outside of the image of {image.shape[1]}x"
            f"{image.shape[0]} pixels; correct --crop"
        )
    return part


class ImageConverter:
    """Converter of the frames of one video stream.

    Cameras and television often use pixels that are not square, and phones store how the image has
    to be turned. Pose estimation needs neither: a body that is stretched looks like another pose.

    Args:
        stream: Video stream; its decoder must be used for the frames.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        self._stream = stream
        # The container's pixel aspect takes precedence, unless the stream's changes.
        self._container_aspect = stream.sample_aspect_ratio
        self._first_aspect = stream.codec_context.sample_aspect_ratio
        # Shared, since a frame's own reformatter would be set up for each frame.
        self._reformatter = VideoReformatter()

    def defer(self, frame: av.VideoFrame) -> Callable[[], Image]:
        """Return a function that converts a frame, to be called if the image is needed.

        It returns an image (H, W, 3) BGR: upright, with square pixels. The images of a stream must
        not be converted at the same time.
        """
        # The decoder may be closed by then.
        return partial(self._convert, frame, max(round(frame.width * self._pixel_aspect()), 1))

    def _convert(self, frame: av.VideoFrame, width: int) -> Image:
        scaled = self._reformatter.reformat(frame, width=width, format="bgr24", threads=1)
        image = scaled.to_ndarray().astype(np.uint8, copy=False)
        degrees, mirrored = _orientation(frame)
        image = rotate(image, degrees)
        return mirror(image) if mirrored else image

    def _pixel_aspect(self) -> Fraction:
        """Return the width of a pixel divided by its height."""
        aspect = self._stream.codec_context.sample_aspect_ratio
        if aspect == self._first_aspect:
            aspect = self._container_aspect or aspect
        if not aspect or not 1 / _MAX_PIXEL_ASPECT <= aspect <= _MAX_PIXEL_ASPECT:
            return Fraction(1)
        return aspect


def _orientation(frame: av.VideoFrame) -> tuple[int, bool]:
    """Return how to display a frame: clockwise degrees, and whether to mirror it afterwards."""
    # `frame.side_data` would be a reference cycle, which keeps hundreds of frames in memory until
    # the garbage collector finds them. PyAV declares the type for motion vectors only.
    side_data: Mapping[str, Buffer] = SideDataContainer(frame)  # type: ignore
    matrix = side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 0, False
    # Fixed-point numbers: x' = a x + c y and y' = b x + d y, in the order a, b, u, c, d, v.
    a, b, _, c, d, _ = np.frombuffer(bytes(matrix), np.int32)[:6].astype(np.float64)
    mirrored = a * d - b * c < 0
    quarters = round(math.atan2(b, -a if mirrored else a) / (math.pi / 2))
    return 90 * quarters % 360, bool(mirrored)
