"""Landmarks of the person in a region of a frame."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import LANDMARKS, Landmarks
from dancetype.engine.pose.litert.arithmetic import rotated, sigmoid, total
from dancetype.engine.pose.litert.network import Network
from dancetype.engine.pose.litert.region import Region
from dancetype.engine.skeleton import Array

_LEAST_PRESENCE: Final = 0.5

# The landmarks, and the two points that span the next region.
_POINTS: Final = LANDMARKS + 2

# Cells of the heat map that are used on each side of a landmark's cell.
_REACH: Final = 3
_LEAST_HEAT: Final = 0.5

_STEPS: Final = np.arange(-_REACH, _REACH + 1)
# (49, 2) columns and rows, one row of cells after the other.
_AROUND: Final = np.column_stack((np.tile(_STEPS, len(_STEPS)), np.repeat(_STEPS, len(_STEPS))))


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
        Landmarks, and the region in which to look for the person in the next frame.
    """
    pixels = network.pixels
    square = region.cut(image, pixels, border=cv2.BORDER_REPLICATE)
    marks, presence, heat, world = network(square)
    if not presence[0] > _LEAST_PRESENCE:
        return None
    marks = marks.reshape(-1, 5)
    places = region.points(refined(marks[:_POINTS, :2] / np.float32(pixels), heat))
    depths = marks[:LANDMARKS, 2] / np.float32(pixels) * region.sides[0]
    landmarks = Landmarks(
        world=turned(world.reshape(-1, 3)[:LANDMARKS], region.turn),
        image=np.column_stack((places[:LANDMARKS], depths)),
        visibility=sigmoid(marks[:LANDMARKS, 3]),
    )
    size = np.array(image.shape[1::-1], np.float32)
    return landmarks, Region.of_person(places[-2], places[-1], size)


def refined(places: Array, heat: Array) -> Array:
    """Move points to the centre of the heat around them, if their heat maps are sure.

    Args:
        places: (N, 2) from 0 to 1.
        heat: (H, W, N or more) logits.
    """
    size = np.array(heat.shape[1::-1])
    # Truncated, not rounded down: points just outside count as within the first cell.
    centres = (places * size.astype(np.float32)).astype(int)
    cells = centres + _AROUND[:, None]
    within = _within(cells, size)
    columns, rows = cells.clip(0, size - 1).transpose(2, 0, 1)
    weights = sigmoid(heat[rows, columns, np.arange(len(places))]) * within
    sure = (_within(centres, size) & (weights.max(axis=0) >= _LEAST_HEAT))[:, None]
    sums = np.where(sure, total(weights)[:, None], 1)
    middles = total(weights[..., None] * cells.astype(np.float32)) / size.astype(np.float32) / sums
    return np.where(sure, middles, places)


def turned(world: Array, turn: float) -> Array:
    """Rotate world landmarks (N, 3) from the axes of a region to those of its frame."""
    x, y, z = world.T
    return np.column_stack((rotated(x, y, turn), z))


def _within(cells: NDArray[np.int_], size: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Return whether each of the cells (..., 2) is within a map of this size."""
    inside: NDArray[np.bool_] = np.all((cells >= 0) & (cells < size), axis=-1)
    return inside
