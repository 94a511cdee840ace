"""Region of a frame that is the input of a network: a square that rotates with the person.

Everything is computed in single precision and in the same order as in MediaPipe. A difference in
the last bit moves a few pixels by 1/32 of their width. Since the region in each frame depends on
the previous frame, such differences grow to centimetres within seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from dancetype.engine.pose.litert.float32 import rotate
from dancetype.engine.skeleton import Array

# Size of a region relative to the person, as in the training of BlazePose.
_SCALE: Final = np.float32(1.25)

_HALF: Final = np.float32(0.5)

# OpenCV 4 interpolates at 1/32 of a pixel, and computes 64 columns from the same start.
_FRACTION_BITS: Final = 5
_FRACTIONS: Final = 1 << _FRACTION_BITS
_FRACTION_MASK: Final = _FRACTIONS - 1
_BLOCK: Final = 64


@dataclass(frozen=True, slots=True)
class Region:
    """Rectangle in a frame, normally square in pixels.

    Attributes:
        centre: (2,) x and y, each from 0 to 1 within the frame; y down.
        sides: (2,) width and height, relative to those of the frame.
        rotation: Clockwise rotation in radians; 0 for an upright person.
    """

    centre: Array
    sides: Array
    rotation: float = 0.0

    @classmethod
    def around_frame(cls, size: Array) -> Self:
        """Return the smallest square around a frame of `size` (2,), width and height in pixels."""
        return cls(np.full(2, _HALF), size.max() / size)

    @classmethod
    def around_person(cls, centre: Array, end: Array, size: Array) -> Self:
        """Return the square around a person, following Bazarevsky et al., BlazePose, 2020.

        Args:
            centre: (2,) point between the hips, from 0 to 1 within the frame.
            end: (2,) point on the circle around the person, in the direction of the head.
            size: (2,) width and height of the frame in pixels.
        """
        across, down = end * size - centre * size
        radius = np.sqrt(across * across + down * down)
        angle = float(np.float32(pi / 2) - np.arctan2(-down, across))
        angle = float(np.float32(angle - 2 * pi * np.floor((angle + pi) / (2 * pi))))
        longest = (2 * radius / size * size).max()
        return cls(centre * size / size, longest / size * _SCALE, angle)

    def is_valid(self) -> bool:
        """Return whether all numbers are finite and the area is not 0."""
        numbers = (*self.centre, *self.sides, self.rotation)
        return bool(np.isfinite(numbers).all() and self.sides.min() > 0)

    def to_frame(self, points: Array) -> Array:
        """Convert points (N, 2) from coordinates of the region, 0 to 1, to those of the frame."""
        x, y = (points - _HALF).T
        return rotate(x, y, self.rotation) * self.sides + self.centre

    def crop(self, image: NDArray[np.uint8], pixels: int, *, border: int) -> NDArray[np.uint8]:
        """Return the content of the region, (pixels, pixels, 3) RGB.

        Args:
            image: (H, W, 3) BGR.
            pixels: Width and height of the result.
            border: OpenCV's border type for pixels outside the frame.
        """
        corners = np.array([[0, pixels], [0, 0], [pixels, 0], [pixels, pixels]], np.float32)
        to_crop = cv2.getPerspectiveTransform(self._corners(image), corners)
        positions, fractions = _remap_tables(cv2.invert(to_crop)[1].tolist(), pixels)
        crop = cv2.remap(image, positions, fractions, cv2.INTER_LINEAR, borderMode=border)
        return cv2.cvtColor(crop, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)

    def overlap(self, other: "Region") -> float:
        """Return the intersection over union of both, ignoring their rotation."""
        low = np.maximum(self.centre - self.sides / 2, other.centre - other.sides / 2)
        high = np.minimum(self.centre + self.sides / 2, other.centre + other.sides / 2)
        intersection = (high - low).clip(0).prod()
        return float(intersection / (self.sides.prod() + other.sides.prod() - intersection))

    def _corners(self, image: NDArray[np.uint8]) -> Array:
        """Return the corners (4, 2) in pixels: bottom left, top left, top right, bottom right."""
        size = np.array(image.shape[1::-1], np.float32)
        (x, y), (width, height) = self.centre * size, self.sides * size
        # MediaPipe converts to degrees and back, since OpenCV expects degrees.
        degrees = np.float32(float(np.float32(self.rotation) * np.float32(180)) / pi)
        angle = float(degrees) * pi / 180
        down, across = np.float32(sin(angle)) * _HALF, np.float32(cos(angle)) * _HALF
        bottom = x - down * height - across * width, y + across * height - down * width
        top = x + down * height - across * width, y - across * height - down * width
        left = np.array((bottom, top), np.float32)
        return np.concatenate((left, 2 * np.array((x, y), np.float32) - left))


def _remap_tables(
    to_frame: Sequence[Sequence[float]], pixels: int
) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Return the position in the frame of each pixel of a crop, for `cv2.remap`.

    Positions are rounded as by OpenCV 4. The warp functions of OpenCV 5 use finer steps, which
    moves joints by up to a centimetre.

    Args:
        to_frame: (3, 3) matrix from pixels of the crop to the frame, in homogeneous coordinates.
        pixels: Width and height of the crop.

    Returns:
        Whole pixels (pixels, pixels, 2), x and y, and their fractions (pixels, pixels) in 1/32, as
        32 y + x.
    """
    *planes, depth = (_plane(row, pixels) for row in to_frame)
    # In place, as new arrays of this size cost more than the computation.
    scale = np.divide(_FRACTIONS, depth, out=depth)
    for plane in planes:
        np.rint(np.multiply(plane, scale, out=plane), out=plane)
    x, y = (plane.astype(np.int32) for plane in planes)
    positions = np.empty((pixels, pixels, 2), np.int16)
    positions[..., 0], positions[..., 1] = x >> _FRACTION_BITS, y >> _FRACTION_BITS
    fractions = (y & _FRACTION_MASK) << _FRACTION_BITS | x & _FRACTION_MASK
    return positions, fractions.astype(np.uint16)


def _plane(row: Sequence[float], pixels: int) -> NDArray[np.float64]:
    """Return one homogeneous coordinate (pixels, pixels) in the frame of a crop's pixels."""
    across, down, start = row
    blocks = across * np.arange(0, pixels, _BLOCK) + down * np.arange(pixels)[:, None] + start
    columns = blocks[..., None] + across * np.arange(_BLOCK)
    plane: NDArray[np.float64] = columns.reshape(pixels, -1)[:, :pixels]
    return plane
