import numpy as np
import pytest

from dancetype.training.synthetic.backdrop import add_shadow, random_backdrop
from dancetype.training.synthetic.camera import Camera

CAMERA = Camera(320, 240, 300.0, np.eye(3, dtype=np.float32), np.array([0.0, 1.0, 4.0]))
FLOOR = np.zeros(3)


@pytest.mark.parametrize("seed", range(30))
def test_backdrop_has_the_size_of_the_cameras_image(seed: int) -> None:
    image = random_backdrop(CAMERA, FLOOR, np.random.default_rng(seed))
    assert image.shape == (240, 320, 3)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 255


def test_backdrops_differ() -> None:
    images = [random_backdrop(CAMERA, FLOOR, np.random.default_rng(seed)) for seed in range(3)]
    assert np.abs(images[0] - images[1]).mean() > 1
    assert np.abs(images[1] - images[2]).mean() > 1


def test_shadow_darkens_only_the_floor_below_the_feet() -> None:
    image = np.full((240, 320, 3), 200, np.float32)
    add_shadow(image, np.array([[150.0, 200.0], [170.0, 202.0]]), 150, 0.5)
    assert image[201, 160].max() < 190
    assert image[60].min() == 200


def test_feet_outside_the_image_cast_no_shadow() -> None:
    image = np.full((240, 320, 3), 200, np.float32)
    add_shadow(image, np.array([[150.0, 900.0], [170.0, 902.0]]), 150, 0.5)
    assert image.min() == 200
