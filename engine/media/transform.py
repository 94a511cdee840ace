"""Changes to the images of a video, as the mounting of its camera requires."""

from dataclasses import dataclass
from typing import Literal

Flip = Literal["horizontal", "vertical"]
Crop = tuple[int, int, int, int]
"""Left, top, width and height of the part of an image to use, in pixels."""


@dataclass(frozen=True, slots=True)
class Transform:
    """Changes to each upright image of a video, in the order of the attributes.

    Attributes:
        rotate: Clockwise degrees: 0, 90, 180 or 270.
        flip: Whether to exchange left and right ("horizontal") or top and bottom ("vertical").
        crop: Part to use of the image after these changes; all of it if None.
    """

    rotate: int = 0
    flip: Flip | None = None
    crop: Crop | None = None
