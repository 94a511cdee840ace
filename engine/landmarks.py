"""BlazePose landmarks, and their conversion to the joints and axes of a pose."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from dancetype.engine.skeleton import Array, Pose, pelvis, pelvis_centred

LANDMARKS: Final = 33

UNKNOWN_SIZE: Final = (1, 1)
"""Size of an image in pixels, if it is unknown."""

MAX_COORDINATE: Final = 1e6
"""Upper limit of plausible coordinates, in metres or widths of the image."""

# Index of the BlazePose landmark for each COCO joint. The inner and outer corners of the eyes, the
# mouth, fingers, heels and toes have no COCO joint.
COCO_LANDMARKS: Final = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)

_MIN_SIZE: Final = 1e-9  # prevents a division by zero
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


def placed_joints(world: Array, image: Array, aspect: float) -> Array:
    """Return the joints (..., 17, 3) of a `Pose`: those in the world, at their place in the image.

    Args:
        world: (..., 33, 3) metres, as in `Landmarks`.
        image: (..., 33, 3) as in `Landmarks`.
        aspect: Width of the image divided by its height.
    """
    joints = pelvis_centred(coco_joints(world))
    # In heights of the image, from its centre.
    in_image = (coco_image(image) - np.float32(0.5)) * np.array([aspect, -1], np.float32)
    offsets = pelvis_centred(in_image)
    products = _sum_frames(joints[..., :2] * offsets)
    metres = products / np.maximum(_sum_frames(offsets**2), _MIN_SIZE)
    joints[..., :2] += (pelvis(in_image) * metres[..., None])[..., None, :]
    return joints


def _sum_frames(values: Array) -> Array:
    """Return the sum (...) over each frame of values (..., 17, 2), exactly that of a single frame.

    NumPy adds in the order of the memory, which differs between a frame and a clip. A replay must
    equal the live run.
    """
    total: Array = values.reshape(*values.shape[:-2], -1).sum(axis=-1)
    return total


def aspect_of(size: tuple[int, int], world: Array, image: Array) -> float:
    """Return the width of an image divided by its height.

    If the size is unknown, the landmarks show it; without a person the result is 1.

    Args:
        size: Width and height in pixels, or `UNKNOWN_SIZE`.
        world: (T, 33, 3) as in `Landmarks`; NaN in frames without a person.
        image: (T, 33, 3) as in `Landmarks`.
    """
    if size != UNKNOWN_SIZE:
        return size[0] / size[1]
    offsets = pelvis_centred(coco_image(image)) * np.array([1, -1], np.float32)
    products = np.nansum(pelvis_centred(coco_joints(world))[..., :2] * offsets, axis=(0, 1))
    width, height = products / np.maximum(np.nansum(offsets**2, axis=(0, 1)), _MIN_SIZE)
    return float(width / height) if width > 0 and height > 0 else 1.0


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
        aspect: Width of the image divided by its height.
    """

    world: Array
    image: Array
    visibility: Array
    aspect: float = 1.0

    def is_plausible(self) -> bool:
        """Return whether all numbers are finite and below `MAX_COORDINATE`."""
        # NaN compares false.
        parts = (self.world, self.image, self.visibility)
        return all(bool((np.abs(part) < MAX_COORDINATE).all()) for part in parts)

    def pose(self) -> Pose:
        """Return the pose."""
        joints = placed_joints(self.world, self.image, self.aspect)
        return Pose(joints, coco_visibility(self.visibility))
