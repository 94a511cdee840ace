"""BlazePose landmarks, and their conversion to the joints and axes of a pose."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from dancetype.engine.skeleton import Array, Pose, pelvis_centred

LANDMARKS: Final = 33

MAX_COORDINATE: Final = 1e6
"""Upper limit of plausible coordinates, in metres or widths of the image."""

# Index of the BlazePose landmark for each COCO joint. The inner and outer corners of the eyes, the
# mouth, fingers, heels and toes have no COCO joint.
COCO_LANDMARKS: Final = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)

_AXIS_SIGNS: Final = np.array([1, -1, -1], np.float32)


def coco_joints(world: Array) -> Array:
    """Return the COCO joints in the axes of a `Pose`. No other function converts axes.

    Args:
        world: (..., 33, 3) metres; x to the image's right, y down, z away from the camera.

    Returns:
        (..., 17, 3) metres; x to the image's right, y up, z towards the camera.

    Raises:
        ValueError: `world` has another shape.
    """
    if world.shape[-2:] != (LANDMARKS, 3):
        raise ValueError(f"world landmarks have shape (..., 33, 3), not {world.shape}")
    joints: Array = world[..., COCO_LANDMARKS, :] * _AXIS_SIGNS
    return joints


def coco_visibility(visibility: Array) -> Array:
    """Return the visibility (..., 17) of the COCO joints from that of landmarks (..., 33).

    Raises:
        ValueError: `visibility` has another shape.
    """
    if visibility.shape[-1:] != (LANDMARKS,):
        raise ValueError(f"visibility has shape (..., 33), not {visibility.shape}")
    return visibility[..., COCO_LANDMARKS]


def coco_image(image: Array) -> Array:
    """Return x and y (..., 17, 2) of the COCO joints from landmarks (..., 33, 3) in the image."""
    return image[..., COCO_LANDMARKS, :2]


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Landmarks of one person in one frame.

    Attributes:
        world: (33, 3) metres, hip-centred; x to the image's right, y down, z away from the camera.
        image: (33, 3) normalised to the image: x to the right and y down, each from 0 to 1.
        visibility: (33,) from 0 (guessed) to 1 (visible).
    """

    world: Array
    image: Array
    visibility: Array

    def is_plausible(self) -> bool:
        """Return whether all numbers are finite and below `MAX_COORDINATE`."""
        # NaN compares false.
        parts = (self.world, self.image, self.visibility)
        return all(bool((np.abs(part) < MAX_COORDINATE).all()) for part in parts)

    def pose(self) -> Pose:
        """Return the pose."""
        return Pose(pelvis_centred(coco_joints(self.world)), coco_visibility(self.visibility))
