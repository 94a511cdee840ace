"""What MediaPipe's BlazePose calls a pose, and what it is in COCO joints and our axes."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from dancetype.engine.skeleton import Array, Pose, pelvis_centred

LANDMARKS: Final = 33

# For each COCO joint the BlazePose landmark at the same place. Those that are left out are the
# inner and outer eyes, the mouth, the fingers, the heels and the toes.
OF_COCO: Final = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)

_TURN: Final = np.array([1, -1, -1], np.float32)


def coco_joints(world: Array) -> Array:
    """Picks the COCO joints and turns the axes, the one place where that is done.

    Args:
        world: (..., 33, 3) metres; x to the image's right, y down, z away from the camera.

    Returns:
        (..., 17, 3) metres; x to the image's right, y up, z towards the camera.

    Raises:
        ValueError: `world` has another shape.
    """
    if world.shape[-2:] != (LANDMARKS, 3):
        raise ValueError(f"world landmarks have shape (..., 33, 3), not {world.shape}")
    joints: Array = world[..., OF_COCO, :] * _TURN
    return joints


def coco_visibility(visibility: Array) -> Array:
    """Picks the COCO joints.

    Args:
        visibility: (..., 33) from 0 (guessed) to 1 (seen).

    Returns:
        (..., 17).

    Raises:
        ValueError: `visibility` has another shape.
    """
    if visibility.shape[-1:] != (LANDMARKS,):
        raise ValueError(f"visibility has shape (..., 33), not {visibility.shape}")
    return visibility[..., OF_COCO]


def coco_image(image: Array) -> Array:
    """Picks the COCO joints' places in the image.

    Args:
        image: (..., 33, 3) normalised to the image.

    Returns:
        (..., 17, 2), x to the right and y down, each from 0 to 1 within the image.
    """
    return image[..., OF_COCO, :2]


@dataclass(frozen=True, slots=True)
class Landmarks:
    """All that MediaPipe says of one person in one frame.

    Attributes:
        world: (33, 3) metres, hip-centred; x to the image's right, y down, z away from the camera.
        image: (33, 3) normalised to the image.
        visibility: (33,) from 0 (guessed) to 1 (seen).
    """

    world: Array
    image: Array
    visibility: Array

    def pose(self) -> Pose:
        """The same as a pose."""
        return Pose(pelvis_centred(coco_joints(self.world)), coco_visibility(self.visibility))
