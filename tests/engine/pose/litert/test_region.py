from math import pi

import cv2
import numpy as np
import pytest

from dancetype.engine.pose.litert.region import Region
from dancetype.engine.skeleton import Array

SIZE = np.array((200, 100), np.float32)


def point(x: float, y: float) -> Array:
    return np.array((x, y), np.float32)


@pytest.mark.parametrize(
    ("end", "rotation"),
    [((0.5, 0.1), 0.0), ((0.7, 0.5), pi / 2), ((0.3, 0.5), -pi / 2), ((0.5, 0.9), pi)],
    ids=["upright", "head right", "head left", "head down"],
)
def test_region_rotates_with_person(end: tuple[float, float], rotation: float) -> None:
    region = Region.around_person(point(0.5, 0.5), point(*end), SIZE)
    assert abs(region.rotation) == pytest.approx(abs(rotation), abs=1e-6)
    assert region.sides * SIZE == pytest.approx([100, 100])
    # The top of the region is at the end of the person.
    head = region.to_frame(np.array([[0.5, 0.1]], np.float32))[0]
    assert head == pytest.approx(end, abs=1e-6)


def test_crop_is_upright_and_rgb() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    # A blue head to the right of the body.
    image[45:55, 135:145] = (255, 0, 0)
    region = Region.around_person(point(0.5, 0.5), point(0.7, 0.5), SIZE)
    crop = region.crop(image, 100, border=cv2.BORDER_CONSTANT)
    rows, columns = np.nonzero(crop[..., 2])
    assert (rows.mean(), columns.mean()) == (pytest.approx(10, abs=1), pytest.approx(50, abs=1))
    assert not crop[..., :2].any()


def test_region_around_frame_is_smallest_square() -> None:
    region = Region.around_frame(SIZE)
    assert region.to_frame(np.array([[0, 0.25], [1, 0.75]], np.float32)).tolist() == [
        [0, 0],
        [1, 1],
    ]


def test_overlap_is_intersection_over_union() -> None:
    region = Region(point(0.5, 0.5), point(0.2, 0.4))
    assert region.overlap(region) == pytest.approx(1)
    assert region.overlap(Region(point(0.6, 0.5), point(0.2, 0.4))) == pytest.approx(1 / 3)
    assert region.overlap(Region(point(0.8, 0.5), point(0.2, 0.4))) == 0


@pytest.mark.parametrize("end", [(0.5, 0.5), (float("nan"), 0.1), (float("inf"), 0.1)])
def test_region_without_area_or_with_infinite_numbers_is_invalid(end: tuple[float, float]) -> None:
    assert Region.around_person(point(0.5, 0.5), point(0.5, 0.4), SIZE).is_valid()
    assert not Region.around_person(point(0.5, 0.5), point(*end), SIZE).is_valid()
