import numpy as np
import pytest

from dancetype.engine.pose.litert.detector import cell_centres, merge_boxes
from dancetype.engine.pose.litert.landmarks import refine_points, rotate_world
from dancetype.engine.pose.litert.smoothing import LowPass, OneEuro
from dancetype.engine.skeleton import Array


def box(x: float, y: float, *, side: float = 0.2) -> list[float]:
    return [x, y, side, side, x, y, x, y - side, 0, 0, 0, 0]


def test_every_box_has_a_cell_and_cells_cover_the_frame() -> None:
    centres = cell_centres()
    assert centres.shape == (2254, 2)
    assert centres[0] == pytest.approx([1 / 56, 1 / 56])
    assert centres[2] == pytest.approx([3 / 56, 1 / 56])
    assert centres[-1] == pytest.approx([13 / 14, 13 / 14])


def test_overlapping_boxes_are_merged_to_weighted_mean() -> None:
    boxes = np.array([box(0.8, 0.5), box(0.2, 0.5), box(0.21, 0.5)], np.float32)
    people = merge_boxes(boxes, np.array([0.6, 0.9, 0.3], np.float32))
    assert [person[0] for person in people] == pytest.approx([0.2025, 0.8])


def test_boxes_without_area_are_kept() -> None:
    empty_boxes = np.array([box(0.5, 0.5, side=0), box(0.5, 0.5, side=0)], np.float32)
    assert len(merge_boxes(empty_boxes, np.ones(2, np.float32))) == 2
    assert merge_boxes(empty_boxes[:0], np.ones(0, np.float32)) == []


@pytest.fixture
def heat() -> Array:
    """Two heat maps (64, 64, 2), both with a peak in column 10 and row 20."""
    maps = np.full((64, 64, 2), -20, np.float32)
    maps[20, 10] = 20
    return maps


@pytest.mark.parametrize(
    ("point", "expected"),
    [((11, 21), (10, 20)), ((13, 23), (10, 20)), ((14, 20), (14, 20)), ((70, 20), (70, 20))],
    ids=["near", "at the maximum distance", "too far", "outside"],
)
def test_point_moves_to_nearby_heat(
    heat: Array, point: tuple[float, float], expected: tuple[float, float]
) -> None:
    points = np.array([point, (40, 40)], np.float32) / np.float32(64)
    refined = refine_points(points, heat) * 64
    assert refined[0] == pytest.approx(expected, abs=1e-4)
    assert refined[1] == pytest.approx((40, 40))


def test_world_landmarks_rotate_with_region() -> None:
    rotated = rotate_world(np.array([[0, -1, 0.5]], np.float32), np.pi / 2)
    assert rotated[0] == pytest.approx([1, 0, 0.5], abs=1e-6)


def test_one_euro_filter_removes_jitter_without_lag_of_fast_movement() -> None:
    still, fast = OneEuro(min_cutoff=0.1, beta=40.0), OneEuro(min_cutoff=0.1, beta=40.0)
    for n in range(60):
        jitter = still(np.array([0.001 * (-1) ** n], np.float32), n / 30)
        moving = fast(np.array([n / 10], np.float32), n / 30)
    assert abs(jitter[0]) < 0.0005
    assert moving[0] == pytest.approx(5.9, abs=0.01)


def test_filters_forget_old_values_on_reset() -> None:
    one_euro, low_pass = OneEuro(min_cutoff=0.1, beta=40.0), LowPass(alpha=0.1)
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    assert low_pass(one) == 1
    assert low_pass(zero) == pytest.approx(0.9)
    one_euro(one, 1.0)
    one_euro.reset("test")
    low_pass.reset("test")
    assert one_euro(zero, 0.5) == 0
    assert low_pass(zero) == 0
