import ctypes
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from dancetype.engine.errors import WorkerError
from dancetype.training.synthetic.body import Body
from dancetype.training.synthetic.camera import Camera
from dancetype.training.synthetic.renderer import Renderer, random_light, usable_platform

CAMERA = Camera(240, 320, 400.0, np.eye(3, dtype=np.float32), np.array([0.0, 0.9, 4.0]))
LIGHT = random_light(np.random.default_rng(0))


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    # `importorskip` would import PyOpenGL, which would then select a platform with a screen.
    try:
        renderer = Renderer(320)
    except (WorkerError, ModuleNotFoundError) as error:
        pytest.skip(str(error))
    yield renderer
    renderer.close()


def test_error_without_a_platform_names_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(WorkerError, match="apt-get install libosmesa6"):
        usable_platform()


def test_egl_is_used_if_osmesa_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_egl(name: str) -> None:
        if "EGL" not in name:
            raise OSError(name)

    monkeypatch.delenv("PYOPENGL_PLATFORM", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", only_egl)
    assert usable_platform() == "egl"


def test_body_is_drawn_at_the_pixels_of_its_camera(renderer: Renderer, body: Body) -> None:
    renderer.load(body.faces, np.full_like(body.vertices, 0.5))
    image = renderer.draw(body.vertices, body.normals, CAMERA, LIGHT)
    assert image.shape == (320, 240, 4)
    tetrahedra = body.vertices.reshape(-1, 4, 3)
    for x, y in CAMERA.pixels(tetrahedra.mean(axis=1)):
        assert image[int(y), int(x), 3] == 255
    hull = cv2.convexHull(CAMERA.pixels(body.vertices).astype(np.float32))
    covered = np.argwhere(image[..., 3] == 255)[:, ::-1].astype(np.float32)
    distances = [cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x, y in covered]
    assert min(distances) > -2


def test_image_does_not_depend_on_the_previous_one(renderer: Renderer, body: Body) -> None:
    renderer.load(body.faces, np.full_like(body.vertices, 0.5))
    first = renderer.draw(body.vertices, body.normals, CAMERA, LIGHT).copy()
    moved = body.vertices + np.array([0.3, 0, 0], np.float32)
    renderer.draw(moved, body.normals, CAMERA, LIGHT)
    last = renderer.draw(body.vertices, body.normals, CAMERA, LIGHT)
    np.testing.assert_array_equal(last, first)


def test_images_are_blue_green_red(renderer: Renderer, body: Body) -> None:
    renderer.load(body.faces, np.tile(np.array([1, 0, 0], np.float32), (len(body.vertices), 1)))
    image = renderer.draw(body.vertices, body.normals, CAMERA, LIGHT)
    drawn = image[image[..., 3] == 255]
    assert drawn[:, 2].mean() > 20
    assert drawn[:, :2].max() == 0


@pytest.mark.parametrize("seed", range(10))
def test_light_has_a_unit_direction_and_a_minimum_brightness(seed: int) -> None:
    light = random_light(np.random.default_rng(seed))
    assert np.linalg.norm(light.direction) == pytest.approx(1)
    assert (light.lamp_colour + light.sky_colour).min() > 0.4
