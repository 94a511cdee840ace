"""Detection of people in a whole frame."""

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dancetype.engine.pose.litert.float32 import sequential_sum, sigmoid
from dancetype.engine.pose.litert.network import Network
from dancetype.engine.pose.litert.region import Region
from dancetype.engine.skeleton import Array

# Cells per side of each grid, and boxes per cell.
_GRIDS: Final = ((28, 2), (14, 2), (7, 6))

_MIN_SCORE: Final = 0.5
_MAX_OVERLAP: Final = 0.5


def detect_people(network: Network, image: NDArray[np.uint8]) -> list[Region]:
    """Return the regions of the people in a BGR frame, the most likely first.

    Args:
        network: Single-shot detector of Bazarevsky et al., BlazePose, 2020. It returns (2254, 12)
            boxes with points, and (2254, 1) scores.
        image: (H, W, 3).
    """
    size = np.array(image.shape[1::-1], np.float32)
    square = Region.around_frame(size).crop(image, network.pixels, border=cv2.BORDER_CONSTANT)
    boxes, logits = network(square)
    scores = sigmoid(logits[:, 0])
    likely = np.flatnonzero(scores >= _MIN_SCORE)
    candidates = boxes[likely] / np.float32(network.pixels)
    candidates.reshape(-1, 6, 2)[:, [0, 2, 3, 4, 5]] += cell_centres()[likely, None]
    # The square has margins around the frame; convert its coordinates to those of the frame.
    margin = (1 - size / size.max()) / 2
    people = []
    for box in merge_boxes(candidates, scores[likely]):
        centre, end = (box[4:8].reshape(2, 2) - margin) / (1 - (margin + margin))
        people.append(Region.around_person(centre, end, size))
    return people


@cache
def cell_centres() -> Array:
    """Return x and y (2254, 2), from 0 to 1, of the centre of each box's cell."""
    grids = []
    for count, boxes in _GRIDS:
        centres = (np.arange(count, dtype=np.float32) + np.float32(0.5)) / np.float32(count)
        x, y = np.meshgrid(centres, centres)
        grids.append(np.column_stack((x.ravel(), y.ravel())).repeat(boxes, axis=0))
    return np.concatenate(grids)


def merge_boxes(boxes: Array, scores: Array) -> list[Array]:
    """Replace boxes that overlap by their mean, weighted by the scores.

    Args:
        boxes: (N, 12): x and y of the centre, width and height, and four points.
        scores: (N,) above 0.

    Returns:
        Boxes (12,), the most likely first.
    """
    remaining = np.argsort(-scores, kind="stable")
    merged = []
    while len(remaining):
        overlaps = _overlaps(boxes[remaining[0]], boxes[remaining]) > _MAX_OVERLAP
        # A box without area does not even overlap itself.
        overlaps[0] = True
        group, remaining = remaining[overlaps], remaining[~overlaps]
        weights = scores[group, None]
        merged.append(sequential_sum(boxes[group] * weights) / sequential_sum(weights))
    return merged


def _overlaps(box: Array, boxes: Array) -> Array:
    """Return the intersection over union (N,) of `box` with each of the `boxes`."""
    low = np.maximum(box[:2] - box[2:4] / 2, boxes[:, :2] - boxes[:, 2:4] / 2)
    high = np.minimum(box[:2] + box[2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2)
    intersection = (high - low).clip(0).prod(axis=1)
    union = box[2:4].prod() + boxes[:, 2:4].prod(axis=1) - intersection
    ratio: Array = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
    return ratio
