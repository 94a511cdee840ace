"""Region of a frame that a network sees: a square that rotates with the person.

Everything is computed in single precision and in MediaPipe's order. A difference in the last bit
moves a few pixels by a thirty-second of their width. As the region of each frame depends on the
last frame, such differences grow to centimetres within seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from dancetype.engine.pose.litert.arithmetic import rotated
from dancetype.engine.skeleton import Array

# Size of a region relative to the person, as BlazePose was trained.
_MARGIN: Final = np.float32(1.25)

_HALF: Final = np.float32(0.5)

# Parts into which OpenCV divides a pixel, and columns that it computes from the same start.
_PARTS: Final = 32
_SHIFT: Final = 5
_REST: Final = _PARTS - 1
_BLOCK: Final = 64


@dataclass(frozen=True, slots=True)
class Region:
    """Rectangle in a frame, normally square in pixels.

    Attributes:
        centre: (2,) x and y, each from 0 to 1 within the frame; y down.
        sides: (2,) width and height, relative to the frame's.
        turn: Clockwise rotation in radians; 0 for an upright person.
    """

    centre: Array
    sides: Array
    turn: float = 0.0

    @classmethod
    def of_frame(cls, size: Array) -> Self:
        """Return the smallest square around a frame of `size` (2,), width and height in pixels."""
        return cls(np.full(2, _HALF), size.max() / size)

    @classmethod
    def of_person(cls, centre: Array, end: Array, size: Array) -> Self:
        """Return the square around a person, after Bazarevsky et al., BlazePose, 2020.

        Args:
            centre: (2,) point between the hips, from 0 to 1 within the frame.
            end: (2,) point on the circle around the person, in the direction of the head.
            size: (2,) width and height of the frame in pixels.
        """
        across, down = end * size - centre * size
        radius = np.sqrt(across * across + down * down)
        turn = float(np.float32(pi / 2) - np.arctan2(-down, across))
        turn = float(np.float32(turn - 2 * pi * np.floor((turn + pi) / (2 * pi))))
        longest = (2 * radius / size * size).max()
        return cls(centre * size / size, longest / size * _MARGIN, turn)

    @property
    def sound(self) -> bool:
        """Whether all numbers are finite and the area is not 0."""
        numbers = (*self.centre, *self.sides, self.turn)
        return bool(np.isfinite(numbers).all() and self.sides.min() > 0)

    def points(self, places: Array) -> Array:
        """Convert points (N, 2) from coordinates of the region, 0 to 1, to those of the frame."""
        x, y = (places - _HALF).T
        return rotated(x, y, self.turn) * self.sides + self.centre

    def cut(self, image: NDArray[np.uint8], pixels: int, *, border: int) -> NDArray[np.uint8]:
        """Return the content of the region, (pixels, pixels, 3) RGB.

        Args:
            image: (H, W, 3) BGR.
            pixels: Length of a side of the result.
            border: OpenCV's constant for the pixels beyond the frame.
        """
        corners = np.array([[0, pixels], [0, 0], [pixels, 0], [pixels, pixels]], np.float32)
        to_cut = cv2.getPerspectiveTransform(self._corners(image), corners)
        whole, parts = _places(cv2.invert(to_cut)[1].tolist(), pixels)
        shown = cv2.remap(image, whole, parts, cv2.INTER_LINEAR, borderMode=border)
        return cv2.cvtColor(shown, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)

    def overlap(self, other: "Region") -> float:
        """Return the intersection over union of both, without their rotation."""
        low = np.maximum(self.centre - self.sides / 2, other.centre - other.sides / 2)
        high = np.minimum(self.centre + self.sides / 2, other.centre + other.sides / 2)
        common = (high - low).clip(0).prod()
        return float(common / (self.sides.prod() + other.sides.prod() - common))

    def _corners(self, image: NDArray[np.uint8]) -> Array:
        """Return pixels (4, 2): bottom left, top left, top right, bottom right."""
        size = np.array(image.shape[1::-1], np.float32)
        (x, y), (width, height) = self.centre * size, self.sides * size
        # Converted to degrees and back, as OpenCV's interface makes MediaPipe do.
        degrees = np.float32(float(np.float32(self.turn) * np.float32(180)) / pi)
        angle = float(degrees) * pi / 180
        down, across = np.float32(sin(angle)) * _HALF, np.float32(cos(angle)) * _HALF
        bottom = x - down * height - across * width, y + across * height - down * width
        top = x + down * height - across * width, y - across * height - down * width
        left = np.array((bottom, top), np.float32)
        return np.concatenate((left, 2 * np.array((x, y), np.float32) - left))


def _places(
    to_frame: Sequence[Sequence[float]], pixels: int
) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Return where in a frame each pixel of a cut is, for `cv2.remap`, with OpenCV 4's rounding.

    OpenCV 5 itself warps images in finer steps, which moves joints by up to a centimetre.

    Args:
        to_frame: (3, 3) matrix from pixels of the cut to the frame, in homogeneous coordinates.
        pixels: Length of a side of the cut.

    Returns:
        (pixels, pixels, 2) whole pixels, x and y, and (pixels, pixels) 32 y + x of their parts.
    """
    *planes, depth = (_plane(row, pixels) for row in to_frame)
    # In place, as new arrays of this size cost more than the arithmetic.
    scale = np.divide(_PARTS, depth, out=depth)
    for plane in planes:
        np.rint(np.multiply(plane, scale, out=plane), out=plane)
    x, y = (plane.astype(np.int32) for plane in planes)
    whole = np.empty((pixels, pixels, 2), np.int16)
    whole[..., 0], whole[..., 1] = x >> _SHIFT, y >> _SHIFT
    return whole, ((y & _REST) << _SHIFT | x & _REST).astype(np.uint16)


def _plane(row: Sequence[float], pixels: int) -> NDArray[np.float64]:
    """Return one homogeneous coordinate in the frame, (pixels, pixels), of a cut's pixels."""
    across, down, start = row
    blocks = across * np.arange(0, pixels, _BLOCK) + down * np.arange(pixels)[:, None] + start
    columns = blocks[..., None] + across * np.arange(_BLOCK)
    plane: NDArray[np.float64] = columns.reshape(pixels, -1)[:, :pixels]
    return plane
