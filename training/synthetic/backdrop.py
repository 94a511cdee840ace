"""Random backdrops for rendered dancers: walls, floors, stages and clutter."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dancetype.training.synthetic.camera import Camera, Floats

Image = NDArray[np.float32]

_WALLS: Final = ("plain", "gradient", "noise", "bricks", "panels", "street")


def random_backdrop(camera: Camera, floor: Floats, rng: np.random.Generator) -> Image:
    """Return an image (H, W, 3) without people, BGR from 0 to 255.

    Args:
        camera: Camera of the clip.
        floor: Point (3,) of the floor below the dancer, in metres.
        rng: Source of randomness.
    """
    stage = rng.random() < 0.2
    brightness = 0.4 if stage else 1.0
    image = _draw_wall(camera, rng) * np.float32(0.25 if stage else 1)
    _draw_floor(image, _floor_edge(camera, floor, rng), rng, brightness=brightness)
    if rng.random() < 0.65:
        _draw_clutter(image, rng, brightness=brightness)
    if stage:
        _add_spotlights(image, rng)
    # Add vignetting, and blur a background that is out of focus.
    y, x = np.mgrid[-1 : 1 : image.shape[0] * 1j, -1 : 1 : image.shape[1] * 1j]
    image *= (1 - rng.uniform(0, 0.3) * (x**2 + y**2) / 2)[..., None]
    if rng.random() < 0.5:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 4)), np.float32)
    backdrop: Image = np.clip(image, 0, 255).astype(np.float32)
    return backdrop


def add_shadow(image: Image, feet: Floats, height: float, strength: float) -> None:
    """Darken the floor below a dancer's feet in place.

    Args:
        image: Image (H, W, 3) from 0 to 255.
        feet: Position (2, 2) of both feet in pixels.
        height: Height of the dancer in pixels.
        strength: Strength of the shadow, from 0 to 1.
    """
    # Drawing at a quarter of the resolution takes a tenth of the time, and a shadow is soft anyway.
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


def _floor_edge(camera: Camera, floor: Floats, rng: np.random.Generator) -> float:
    """Return the image row where the floor meets the wall, a random distance behind the dancer."""
    direction = (floor - camera.position) * [1, 0, 1]
    length = max(float(np.linalg.norm(direction)), 1e-6)
    edge = floor + direction / length * rng.uniform(0.6, 6)
    return float(camera.pixels(edge)[1])


def _random_colour(rng: np.random.Generator) -> Floats:
    grey = rng.uniform(20, 235)
    colour: Floats = grey + (rng.uniform(0, 255, 3) - grey) * rng.choice([0.05, 0.2, 0.6])
    return colour


def _multiscale_noise(shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """Return noise (H, W, 1) of several scales, with mean 0 and standard deviation about 1."""
    noise = np.zeros(shape, np.float32)
    for cells in (3, 7, 18, 50):
        grid = rng.standard_normal((cells, cells), np.float32)
        noise += cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC) / np.float32(2)
    return noise[..., None]


def _draw_wall(camera: Camera, rng: np.random.Generator) -> Image:
    shape = (camera.height, camera.width)
    image = np.tile(_random_colour(rng), (*shape, 1))
    kind = rng.choice(_WALLS)
    if kind == "gradient":
        share = np.linspace(0, 1, shape[0])[:, None, None]
        image = image * (1 - share) + _random_colour(rng) * share
    elif kind == "noise":
        image = image + _multiscale_noise(shape, rng) * rng.uniform(5, 40)
    elif kind == "bricks":
        _draw_bricks(image, _random_colour(rng), rng)
    elif kind == "panels":
        x = 0.0
        while x < shape[1]:
            width = rng.uniform(0.05, 0.4) * shape[1]
            image[:, int(x) : int(x + width)] = _random_colour(rng)
            x += width
    elif kind == "street":
        for _ in range(rng.integers(5, 14)):
            _draw_house(image, rng)
    return (image + _multiscale_noise(shape, rng) * rng.uniform(0, 10)).astype(np.float32)


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
    image[top:, max(left, 0) : right] = _random_colour(rng)
    size, colour = int(rng.integers(6, 24)), _random_colour(rng)
    for y in range(top + size, height, 2 * size):
        for x in range(max(left, 0) + size, right - size, 2 * size):
            image[y : y + size, x : x + size] = colour * rng.uniform(0.6, 1.1)


def _draw_floor(image: Image, edge: float, rng: np.random.Generator, *, brightness: float) -> None:
    top = int(np.clip(edge, 0, image.shape[0]))
    shape = (image.shape[0] - top, image.shape[1])
    if not shape[0]:
        return
    floor = _random_colour(rng) * brightness + _multiscale_noise(shape, rng) * rng.uniform(2, 15)
    if rng.random() < 0.4:
        vanishing_point = rng.uniform(0.3, 0.7) * shape[1]
        slope = (np.arange(shape[1]) - vanishing_point) / (np.arange(shape[0])[:, None] + 30)
        boards = np.sin(slope * rng.uniform(10, 60)) > rng.uniform(0.3, 0.95)
        floor[boards] *= rng.uniform(0.6, 1.3)
    image[top:] = floor


def _draw_clutter(image: Image, rng: np.random.Generator, *, brightness: float) -> None:
    height, width = image.shape[:2]
    for _ in range(rng.integers(1, 10)):
        colour = tuple(float(channel) for channel in _random_colour(rng) * brightness)
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        w, h = int(rng.uniform(0.02, 0.25) * width), int(rng.uniform(0.02, 0.5) * height)
        kind = rng.integers(3)
        if kind == 0:
            cv2.rectangle(image, (x, y), (x + w, y + h), colour, -1)
        elif kind == 1:
            cv2.ellipse(image, (x, y), (w // 2 + 1, h // 3 + 1), 0, 0, 360, colour, -1)
        else:
            thickness = int(rng.integers(1, 9))
            end = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
            cv2.line(image, (x, y), end, colour, thickness)


def _add_spotlights(image: Image, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    for _ in range(rng.integers(1, 5)):
        beam = np.zeros((height, width), np.float32)
        top, bottom = rng.uniform(0, width), rng.uniform(0, width)
        spread = rng.uniform(0.05, 0.25) * width
        corners = [(top, -5), (bottom - spread, height), (bottom + spread, height)]
        cv2.fillPoly(beam, [np.array(corners, np.int32)], 1.0)
        blurred = np.asarray(cv2.GaussianBlur(beam, (0, 0), 6), np.float32)
        image += blurred[..., None] * _random_colour(rng) * rng.uniform(0.1, 0.5)
