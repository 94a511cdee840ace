import numpy as np
import pytest

from dancetype.engine.skeleton import LEFT_HIP, RIGHT_HIP, Array
from dancetype.training.synthetic.camera import Camera, kept_in_place, random_camera

LEVEL = Camera(400, 300, 500.0, np.eye(3, dtype=np.float32), np.array([0.0, 1.0, 4.0]))


def test_what_the_camera_looks_at_is_in_the_middle_of_the_picture() -> None:
    np.testing.assert_allclose(LEVEL.pixels(np.array([0.0, 1.0, 0.0])), [200, 150])


def test_up_is_up_and_right_is_right_in_the_picture() -> None:
    x, y = LEVEL.pixels(np.array([0.4, 1.2, 0.0]))
    assert (x, y) == pytest.approx((250, 125))


def test_what_is_drawn_lies_where_the_pixels_say() -> None:
    points = np.random.default_rng(0).normal((0, 1, 0), 0.5, (20, 3))
    clip = np.concatenate([points, np.ones((20, 1))], axis=1) @ LEVEL.projection.T
    drawn = (clip[:, :2] / clip[:, 3:] * [0.5, -0.5] + 0.5) * [LEVEL.width, LEVEL.height]
    np.testing.assert_allclose(drawn, LEVEL.pixels(points), atol=1e-2)


@pytest.mark.parametrize("seed", range(25))
def test_a_dancer_fills_a_good_part_of_the_picture_and_stays_in_it(dance: Array, seed: int) -> None:
    camera = random_camera(dance, np.random.default_rng(seed))
    pixels = camera.pixels(dance)
    height = np.ptp(pixels[..., 1], axis=1) / camera.height
    assert (height > 0.25).all()
    assert (height < 0.95).all()
    outside = (pixels < 0) | (pixels > [camera.width, camera.height])
    assert outside.any(axis=-1).mean() < 0.1


@pytest.mark.parametrize("seed", range(5))
def test_a_camera_is_never_upside_down(dance: Array, seed: int) -> None:
    camera = random_camera(dance, np.random.default_rng(seed))
    assert camera.rotation[1, 1] > 0.8
    np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-5)


def test_most_cameras_see_the_dancers_front(dance: Array) -> None:
    fronts = [
        random_camera(dance, np.random.default_rng(seed)).rotation[2, 2] for seed in range(200)
    ]
    share = np.mean(np.array(fronts) > np.cos(np.radians(90)))
    assert 0.9 < share < 1


def test_a_dancer_who_travels_is_brought_back(dance: Array) -> None:
    far = dance.copy()
    far[..., 0] += np.linspace(0, 4, len(dance), dtype=np.float32)[:, None]
    near = kept_in_place(far, 1.0)
    pelvis = (near[:, LEFT_HIP] + near[:, RIGHT_HIP]) / 2
    assert np.ptp(pelvis[:, 0]) == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(near[..., 1], far[..., 1], atol=1e-6)


def test_a_dancer_who_stays_is_left_alone(dance: Array) -> None:
    assert kept_in_place(dance, 1.0) is dance
