"""Detection of people in a whole frame."""

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dancetype.engine.pose.litert.arithmetic import sigmoid, total
from dancetype.engine.pose.litert.network import Network
from dancetype.engine.pose.litert.region import Region
from dancetype.engine.skeleton import Array

# Cells along a side of each grid, and boxes per cell.
_GRIDS: Final = ((28, 2), (14, 2), (7, 6))

_LEAST_SCORE: Final = 0.5
_LARGEST_OVERLAP: Final = 0.5


def find_people(network: Network, image: NDArray[np.uint8]) -> list[Region]:
    """Return where people are in a BGR frame, the most likely first.

    Args:
        network: Single-shot detector of Bazarevsky et al., BlazePose, 2020. It returns (2254, 12)
            boxes with points and (2254, 1) scores.
        image: (H, W, 3).
    """
    size = np.array(image.shape[1::-1], np.float32)
    square = Region.of_frame(size).cut(image, network.pixels, border=cv2.BORDER_CONSTANT)
    boxes, logits = network(square)
    scores = sigmoid(logits[:, 0])
    likely = np.flatnonzero(scores >= _LEAST_SCORE)
    found = boxes[likely] / np.float32(network.pixels)
    found.reshape(-1, 6, 2)[:, [0, 2, 3, 4, 5]] += cells()[likely, None]
    # From the square back to the frame, which has margins in it.
    margin = (1 - size / size.max()) / 2
    people = []
    for box in merged(found, scores[likely]):
        centre, end = (box[4:8].reshape(2, 2) - margin) / (1 - (margin + margin))
        people.append(Region.of_person(centre, end, size))
    return people


@cache
def cells() -> Array:
    """Return x and y (2254, 2), from 0 to 1, of the middle of the cell of each box."""
    grids = []
    for count, boxes in _GRIDS:
        middles = (np.arange(count, dtype=np.float32) + np.float32(0.5)) / np.float32(count)
        x, y = np.meshgrid(middles, middles)
        grids.append(np.column_stack((x.ravel(), y.ravel())).repeat(boxes, axis=0))
    return np.concatenate(grids)


def merged(boxes: Array, scores: Array) -> list[Array]:
    """Merge boxes that overlap to their mean, weighted by their scores.

    Args:
        boxes: (N, 12): x and y of the centre, width and height, and four points.
        scores: (N,) above 0.

    Returns:
        Boxes (12,), the most likely first.
    """
    left = np.argsort(-scores, kind="stable")
    people = []
    while len(left):
        alike = _overlaps(boxes[left[0]], boxes[left]) > _LARGEST_OVERLAP
        # A box without area does not even overlap itself.
        alike[0] = True
        same, left = left[alike], left[~alike]
        weights = scores[same, None]
        people.append(total(boxes[same] * weights) / total(weights))
    return people


def _overlaps(box: Array, boxes: Array) -> Array:
    """Return the intersection over union (N,)."""
    low = np.maximum(box[:2] - box[2:4] / 2, boxes[:, :2] - boxes[:, 2:4] / 2)
    high = np.minimum(box[:2] + box[2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2)
    common = (high - low).clip(0).prod(axis=1)
    union = box[2:4].prod() + boxes[:, 2:4].prod(axis=1) - common
    shares: Array = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return shares
