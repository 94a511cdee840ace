"""Landmarks of a person in a region of a frame."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import LANDMARKS, Landmarks
from dancetype.engine.pose.litert.float32 import rotate, sequential_sum, sigmoid
from dancetype.engine.pose.litert.network import Network
from dancetype.engine.pose.litert.region import Region
from dancetype.engine.skeleton import Array

_MIN_PRESENCE: Final = 0.5

# The landmarks, and the two points that define the region in the next frame.
_POINTS: Final = LANDMARKS + 2

# Cells of the heat map that are used on each side of a landmark's cell.
_RADIUS: Final = 3
_MIN_HEAT: Final = 0.5

_STEPS: Final = np.arange(-_RADIUS, _RADIUS + 1)
# (49, 2) columns and rows of the cells used, relative to the landmark's cell, row by row.
_OFFSETS: Final = np.column_stack((np.tile(_STEPS, len(_STEPS)), np.repeat(_STEPS, len(_STEPS))))


def find_landmarks(
    network: Network, image: NDArray[np.uint8], region: Region
) -> tuple[Landmarks, Region] | None:
    """Return the person in a region of a BGR frame, or None.

    Args:
        network: Landmark network of Bazarevsky et al., BlazePose, 2020. It returns (195,)
            landmarks, (1,) presence, (64, 64, 39) heat maps and (117,) world landmarks.
        image: (H, W, 3).
        region: Region in which to look.

    Returns:
        Landmarks, and the region of the person in the next frame.
    """
    pixels = network.pixels
    square = region.crop(image, pixels, border=cv2.BORDER_REPLICATE)
    output, presence, heat, world = network(square)
    if not presence[0] > _MIN_PRESENCE:
        return None
    output = output.reshape(-1, 5)
    points = region.to_frame(refine_points(output[:_POINTS, :2] / np.float32(pixels), heat))
    depths = output[:LANDMARKS, 2] / np.float32(pixels) * region.sides[0]
    landmarks = Landmarks(
        world=rotate_world(world.reshape(-1, 3)[:LANDMARKS], region.rotation),
        image=np.column_stack((points[:LANDMARKS], depths)),
        visibility=sigmoid(output[:LANDMARKS, 3]),
        aspect=image.shape[1] / image.shape[0],
    )
    size = np.array(image.shape[1::-1], np.float32)
    return landmarks, Region.around_person(points[-2], points[-1], size)


def refine_points(points: Array, heat: Array) -> Array:
    """Move points to the centre of the heat around them, if a cell there has enough heat.

    Args:
        points: (N, 2) from 0 to 1.
        heat: (H, W, N or more) logits.
    """
    size = np.array(heat.shape[1::-1])
    # Truncated, not rounded down, so points just outside are counted to the first cell.
    centres = (points * size.astype(np.float32)).astype(int)
    cells = centres + _OFFSETS[:, None]
    within = _within(cells, size)
    columns, rows = cells.clip(0, size - 1).transpose(2, 0, 1)
    weights = sigmoid(heat[rows, columns, np.arange(len(points))]) * within
    usable = (_within(centres, size) & (weights.max(axis=0) >= _MIN_HEAT))[:, None]
    totals = np.where(usable, sequential_sum(weights)[:, None], 1)
    moments = sequential_sum(weights[..., None] * cells.astype(np.float32))
    return np.where(usable, moments / size.astype(np.float32) / totals, points)


def rotate_world(world: Array, rotation: float) -> Array:
    """Rotate world landmarks (N, 3) from the axes of a region to those of the frame."""
    x, y, z = world.T
    return np.column_stack((rotate(x, y, rotation), z))


def _within(cells: NDArray[np.int_], size: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Return a mask (...) of the cells (..., 2) that are within a map of `size` (width, height)."""
    inside: NDArray[np.bool_] = np.all((cells >= 0) & (cells < size), axis=-1)
    return inside
