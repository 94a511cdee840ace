import numpy as np
import pytest

from dancetype.engine.skeleton import LEFT_HIP, RIGHT_HIP, Array
from dancetype.training.synthetic.camera import Camera, limit_travel, random_camera

LEVEL = Camera(400, 300, 500.0, np.eye(3, dtype=np.float32), np.array([0.0, 1.0, 4.0]))


def test_point_ahead_of_the_camera_is_in_the_centre_of_the_image() -> None:
    np.testing.assert_allclose(LEVEL.pixels(np.array([0.0, 1.0, 0.0])), [200, 150])


def test_pixels_go_right_and_down() -> None:
    x, y = LEVEL.pixels(np.array([0.4, 1.2, 0.0]))
    assert (x, y) == pytest.approx((250, 125))


def test_projection_matrix_agrees_with_pixels() -> None:
    points = np.random.default_rng(0).normal((0, 1, 0), 0.5, (20, 3))
    clip = np.concatenate([points, np.ones((20, 1))], axis=1) @ LEVEL.projection.T
    projected = (clip[:, :2] / clip[:, 3:] * [0.5, -0.5] + 0.5) * [LEVEL.width, LEVEL.height]
    np.testing.assert_allclose(projected, LEVEL.pixels(points), atol=1e-2)


@pytest.mark.parametrize("seed", range(25))
def test_dancer_is_large_and_inside_the_image(dance: Array, seed: int) -> None:
    camera = random_camera(dance, np.random.default_rng(seed))
    pixels = camera.pixels(dance)
    height = np.ptp(pixels[..., 1], axis=1) / camera.height
    assert (height > 0.25).all()
    assert (height < 0.95).all()
    outside = (pixels < 0) | (pixels > [camera.width, camera.height])
    assert outside.any(axis=-1).mean() < 0.1


@pytest.mark.parametrize("seed", range(5))
def test_camera_is_upright(dance: Array, seed: int) -> None:
    camera = random_camera(dance, np.random.default_rng(seed))
    assert camera.rotation[1, 1] > 0.8
    np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-5)


def test_most_cameras_show_the_dancers_front(dance: Array) -> None:
    cosines = [
        random_camera(dance, np.random.default_rng(seed)).rotation[2, 2] for seed in range(200)
    ]
    share = np.mean(np.array(cosines) > np.cos(np.radians(90)))
    assert 0.9 < share < 1


def test_long_travel_is_scaled_down_to_the_limit(dance: Array) -> None:
    travelling = dance.copy()
    travelling[..., 0] += np.linspace(0, 4, len(dance), dtype=np.float32)[:, None]
    limited = limit_travel(travelling, 1.0)
    pelvis = (limited[:, LEFT_HIP] + limited[:, RIGHT_HIP]) / 2
    assert np.ptp(pelvis[:, 0]) == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(limited[..., 1], travelling[..., 1], atol=1e-6)


def test_travel_within_the_limit_is_not_changed(dance: Array) -> None:
    assert limit_travel(dance, 1.0) is dance
