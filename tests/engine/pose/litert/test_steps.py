import numpy as np
import pytest

from dancetype.engine.pose.litert.detector import cells, merged
from dancetype.engine.pose.litert.landmarks import refined, turned
from dancetype.engine.pose.litert.smoothing import LowPass, OneEuro
from dancetype.engine.skeleton import Array


def box(x: float, y: float, *, side: float = 0.2) -> list[float]:
    return [x, y, side, side, x, y, x, y - side, 0, 0, 0, 0]


def test_every_box_has_a_cell_and_cells_cover_the_frame() -> None:
    places = cells()
    assert places.shape == (2254, 2)
    assert places[0] == pytest.approx([1 / 56, 1 / 56])
    assert places[2] == pytest.approx([3 / 56, 1 / 56])
    assert places[-1] == pytest.approx([13 / 14, 13 / 14])


def test_boxes_of_one_person_become_their_weighted_mean_and_others_stay() -> None:
    boxes = np.array([box(0.8, 0.5), box(0.2, 0.5), box(0.21, 0.5)], np.float32)
    people = merged(boxes, np.array([0.6, 0.9, 0.3], np.float32))
    assert [person[0] for person in people] == pytest.approx([0.2025, 0.8])


def test_a_box_without_area_is_a_box() -> None:
    flat = np.array([box(0.5, 0.5, side=0), box(0.5, 0.5, side=0)], np.float32)
    assert len(merged(flat, np.ones(2, np.float32))) == 2
    assert merged(flat[:0], np.ones(0, np.float32)) == []


@pytest.fixture
def heat() -> Array:
    """Two maps, both sure of the cell at column 10 and row 20."""
    maps = np.full((64, 64, 2), -20, np.float32)
    maps[20, 10] = 20
    return maps


@pytest.mark.parametrize(
    ("place", "expected"),
    [((11, 21), (10, 20)), ((13, 23), (10, 20)), ((14, 20), (14, 20)), ((70, 20), (70, 20))],
    ids=["near", "at the edge of what is looked at", "too far", "outside"],
)
def test_a_point_moves_to_the_heat_near_it(
    heat: Array, place: tuple[float, float], expected: tuple[float, float]
) -> None:
    places = np.array([place, (40, 40)], np.float32) / np.float32(64)
    found = refined(places, heat) * 64
    assert found[0] == pytest.approx(expected, abs=1e-4)
    assert found[1] == pytest.approx((40, 40))


def test_world_landmarks_turn_as_the_region_does() -> None:
    found = turned(np.array([[0, -1, 0.5]], np.float32), np.pi / 2)
    assert found[0] == pytest.approx([1, 0, 0.5], abs=1e-6)


def test_what_stands_still_is_smoothed_and_what_moves_fast_is_not() -> None:
    still, fast = OneEuro(min_cutoff=0.1, beta=40.0), OneEuro(min_cutoff=0.1, beta=40.0)
    for n in range(60):
        trembling = still(np.array([0.001 * (-1) ** n], np.float32), n / 30)
        moving = fast(np.array([n / 10], np.float32), n / 30)
    assert abs(trembling[0]) < 0.0005
    assert moving[0] == pytest.approx(5.9, abs=0.01)


def test_a_filter_that_was_reset_starts_anew() -> None:
    one_euro, low_pass = OneEuro(min_cutoff=0.1, beta=40.0), LowPass(alpha=0.1)
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    assert low_pass(one) == 1
    assert low_pass(zero) == pytest.approx(0.9)
    one_euro(one, 1.0)
    one_euro.reset("test")
    low_pass.reset("test")
    assert one_euro(zero, 0.5) == 0
    assert low_pass(zero) == 0
