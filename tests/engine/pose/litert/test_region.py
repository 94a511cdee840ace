from math import pi

import cv2
import numpy as np
import pytest

from dancetype.engine.pose.litert.region import Region
from dancetype.engine.skeleton import Array

SIZE = np.array((200, 100), np.float32)


def place(x: float, y: float) -> Array:
    return np.array((x, y), np.float32)


@pytest.mark.parametrize(
    ("end", "turn"),
    [((0.5, 0.1), 0.0), ((0.7, 0.5), pi / 2), ((0.3, 0.5), -pi / 2), ((0.5, 0.9), pi)],
    ids=["upright", "head right", "head left", "head down"],
)
def test_a_region_turns_with_the_person(end: tuple[float, float], turn: float) -> None:
    region = Region.of_person(place(0.5, 0.5), place(*end), SIZE)
    assert abs(region.turn) == pytest.approx(abs(turn), abs=1e-6)
    assert region.sides * SIZE == pytest.approx([100, 100])
    # What is at the top of the region is where the head points.
    head = region.points(np.array([[0.5, 0.1]], np.float32))[0]
    assert head == pytest.approx(end, abs=1e-6)


def test_what_a_region_shows_is_upright_and_in_red_green_and_blue() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    # A blue head to the right of its body.
    image[45:55, 135:145] = (255, 0, 0)
    region = Region.of_person(place(0.5, 0.5), place(0.7, 0.5), SIZE)
    shown = region.cut(image, 100, border=cv2.BORDER_CONSTANT)
    rows, columns = np.nonzero(shown[..., 2])
    assert (rows.mean(), columns.mean()) == (pytest.approx(10, abs=1), pytest.approx(50, abs=1))
    assert not shown[..., :2].any()


def test_the_region_of_a_frame_is_square_around_all_of_it() -> None:
    region = Region.of_frame(SIZE)
    assert region.points(np.array([[0, 0.25], [1, 0.75]], np.float32)).tolist() == [[0, 0], [1, 1]]


def test_overlap_is_the_share_of_both_that_is_common() -> None:
    here = Region(place(0.5, 0.5), place(0.2, 0.4))
    assert here.overlap(here) == pytest.approx(1)
    assert here.overlap(Region(place(0.6, 0.5), place(0.2, 0.4))) == pytest.approx(1 / 3)
    assert here.overlap(Region(place(0.8, 0.5), place(0.2, 0.4))) == 0


@pytest.mark.parametrize("end", [(0.5, 0.5), (float("nan"), 0.1), (float("inf"), 0.1)])
def test_a_region_of_nothing_is_not_sound(end: tuple[float, float]) -> None:
    assert Region.of_person(place(0.5, 0.5), place(0.5, 0.4), SIZE).sound
    assert not Region.of_person(place(0.5, 0.5), place(*end), SIZE).sound
