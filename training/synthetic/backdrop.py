"""Random backdrops of rendered dancers: walls, floors, stages and clutter."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dancetype.training.synthetic.camera import Camera, Floats

Image = NDArray[np.float32]

_WALLS: Final = ("plain", "gradient", "noise", "bricks", "panels", "street")


def random_backdrop(camera: Camera, floor: Floats, rng: np.random.Generator) -> Image:
    """Return a picture (H, W, 3) BGR from 0 to 255 without people.

    Args:
        camera: Camera that sees it.
        floor: (3,) metres, the point of the floor below the dancer.
        rng: Source of randomness.
    """
    stage = rng.random() < 0.2
    image = _wall(camera, rng) * np.float32(0.25 if stage else 1)
    _lay_floor(image, _edge(camera, floor, rng), rng, dark=0.4 if stage else 1.0)
    if rng.random() < 0.65:
        _add_clutter(image, rng, dark=0.4 if stage else 1.0)
    if stage:
        _add_spotlights(image, rng)
    # A lens is darker towards its edges, and a distant background is out of focus.
    y, x = np.mgrid[-1 : 1 : image.shape[0] * 1j, -1 : 1 : image.shape[1] * 1j]
    image *= (1 - rng.uniform(0, 0.3) * (x**2 + y**2) / 2)[..., None]
    if rng.random() < 0.5:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 4)), np.float32)
    whole: Image = np.clip(image, 0, 255).astype(np.float32)
    return whole


def add_shadow(image: Image, feet: Floats, height: float, strength: float) -> None:
    """Darken the floor below both feet (2, 2) of a dancer; `height` in pixels as they are."""
    # Drawn and blurred small, which is as soft and costs a tenth.
    shade = np.zeros((image.shape[0] // 4, image.shape[1] // 4), np.float32)
    for x, y in feet / 4:
        axes = (max(int(height * 0.022), 1), max(int(height * 0.007), 1))
        cv2.ellipse(shade, (int(x), int(y)), axes, 0, 0, 360, strength, -1)
    shade = cv2.GaussianBlur(shade, (0, 0), max(height * 0.006, 0.8))
    top = int(np.clip(feet[:, 1].min() - 0.1 * height, 0, image.shape[0]))
    bottom = int(np.clip(feet[:, 1].max() + 0.1 * height, 0, image.shape[0]))
    if top < bottom:
        soft = cv2.resize(shade, (image.shape[1], image.shape[0]))[top:bottom, :, None]
        image[top:bottom] *= 1 - soft


def _edge(camera: Camera, floor: Floats, rng: np.random.Generator) -> float:
    """Row of pixels at which the wall stands on the floor."""
    away = (floor - camera.position) * [1, 0, 1]
    foot = floor + away / max(float(np.linalg.norm(away)), 1e-6) * rng.uniform(0.6, 6)
    return float(camera.pixels(foot)[1])


def _colour(rng: np.random.Generator) -> Floats:
    grey = rng.uniform(20, 235)
    colour: Floats = grey + (rng.uniform(0, 255, 3) - grey) * rng.choice([0.05, 0.2, 0.6])
    return colour


def _clouds(shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """(H, W, 1) noise of several scales with mean 0 and sd about 1."""
    clouds = np.zeros(shape, np.float32)
    for cells in (3, 7, 18, 50):
        field = rng.standard_normal((cells, cells), np.float32)
        clouds += cv2.resize(field, shape[::-1], interpolation=cv2.INTER_CUBIC) / np.float32(2)
    return clouds[..., None]


def _wall(camera: Camera, rng: np.random.Generator) -> Image:
    shape = (camera.height, camera.width)
    image = np.tile(_colour(rng), (*shape, 1))
    kind = rng.choice(_WALLS)
    if kind == "gradient":
        share = np.linspace(0, 1, shape[0])[:, None, None]
        image = image * (1 - share) + _colour(rng) * share
    elif kind == "noise":
        image = image + _clouds(shape, rng) * rng.uniform(5, 40)
    elif kind == "bricks":
        _draw_bricks(image, _colour(rng), rng)
    elif kind == "panels":
        x = 0.0
        while x < shape[1]:
            width = rng.uniform(0.05, 0.4) * shape[1]
            image[:, int(x) : int(x + width)] = _colour(rng)
            x += width
    elif kind == "street":
        for _ in range(rng.integers(5, 14)):
            _draw_house(image, rng)
    return (image + _clouds(shape, rng) * rng.uniform(0, 10)).astype(np.float32)


def _draw_bricks(image: Floats, mortar: Floats, rng: np.random.Generator) -> None:
    row = int(rng.integers(8, 40))
    for number, y in enumerate(range(0, image.shape[0], row)):
        image[y : y + 2] = mortar
        for x in range((number % 2) * row, image.shape[1], 2 * row):
            image[y : y + row, x : x + 2] = mortar


def _draw_house(image: Floats, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    left, top = int(rng.uniform(-0.1, 0.95) * width), int(rng.uniform(0, 0.6) * height)
    right = left + int(rng.uniform(0.1, 0.4) * width)
    image[top:, max(left, 0) : right] = _colour(rng)
    pane, lit = int(rng.integers(6, 24)), _colour(rng)
    for y in range(top + pane, height, 2 * pane):
        for x in range(max(left, 0) + pane, right - pane, 2 * pane):
            image[y : y + pane, x : x + pane] = lit * rng.uniform(0.6, 1.1)


def _lay_floor(image: Image, edge: float, rng: np.random.Generator, *, dark: float) -> None:
    top = int(np.clip(edge, 0, image.shape[0]))
    shape = (image.shape[0] - top, image.shape[1])
    if not shape[0]:
        return
    floor = _colour(rng) * dark + _clouds(shape, rng) * rng.uniform(2, 15)
    if rng.random() < 0.4:
        middle = rng.uniform(0.3, 0.7) * shape[1]
        slope = (np.arange(shape[1]) - middle) / (np.arange(shape[0])[:, None] + 30)
        boards = np.sin(slope * rng.uniform(10, 60)) > rng.uniform(0.3, 0.95)
        floor[boards] *= rng.uniform(0.6, 1.3)
    image[top:] = floor


def _add_clutter(image: Image, rng: np.random.Generator, *, dark: float) -> None:
    height, width = image.shape[:2]
    for _ in range(rng.integers(1, 10)):
        colour = tuple(float(part) for part in _colour(rng) * dark)
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        w, h = int(rng.uniform(0.02, 0.25) * width), int(rng.uniform(0.02, 0.5) * height)
        kind = rng.integers(3)
        if kind == 0:
            cv2.rectangle(image, (x, y), (x + w, y + h), colour, -1)
        elif kind == 1:
            cv2.ellipse(image, (x, y), (w // 2 + 1, h // 3 + 1), 0, 0, 360, colour, -1)
        else:
            thick = int(rng.integers(1, 9))
            end = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
            cv2.line(image, (x, y), end, colour, thick)


def _add_spotlights(image: Image, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    for _ in range(rng.integers(1, 5)):
        beam = np.zeros((height, width), np.float32)
        top, foot = rng.uniform(0, width), rng.uniform(0, width)
        spread = rng.uniform(0.05, 0.25) * width
        corners = [(top, -5), (foot - spread, height), (foot + spread, height)]
        cv2.fillPoly(beam, [np.array(corners, np.int32)], 1.0)
        soft = np.asarray(cv2.GaussianBlur(beam, (0, 0), 6), np.float32)
        image += soft[..., None] * _colour(rng) * rng.uniform(0.1, 0.5)
