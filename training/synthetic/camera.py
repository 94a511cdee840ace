"""Camera of a rendered clip: position, orientation and projection."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, LEFT_HIP, RIGHT_HIP, Array
from dancetype.training.geometry import rotation_about

Floats = NDArray[np.float64]

_SIZES: Final = ((640, 360), (480, 360), (400, 400), (360, 480), (360, 640))
_NEAR, _FAR = 0.2, 40.0
_LEFT_SHOULDER, _RIGHT_SHOULDER, _LEFT_KNEE, _LEFT_ANKLE = (
    JOINTS.index(name) for name in ("left_shoulder", "right_shoulder", "left_knee", "left_ankle")
)


@dataclass(frozen=True, slots=True)
class Camera:
    """Static pinhole camera.

    Attributes:
        width: Width of the image in pixels.
        height: Height of the image in pixels.
        focal: Focal length in pixels.
        rotation: Rotation (3, 3) from world to camera axes: x right, y up, z towards the viewer.
        position: Position (3,) in the world, in metres.
    """

    width: int
    height: int
    focal: float
    rotation: Array
    position: Floats

    def pixels(self, points: Array | Floats) -> Floats:
        """Project points (..., 3) in metres to pixels (..., 2), x to the right and y down."""
        in_camera = (points - self.position) @ self.rotation.T
        projected = in_camera[..., :2] / np.maximum(-in_camera[..., 2:], _NEAR) * self.focal
        pixels: Floats = projected * [1, -1] + [self.width / 2, self.height / 2]
        return pixels

    @property
    def projection(self) -> Array:
        """Matrix (4, 4) from the world to OpenGL's clip space."""
        view = np.eye(4)
        view[:3, :3] = self.rotation
        view[:3, 3] = -self.rotation @ self.position
        perspective = np.zeros((4, 4))
        perspective[0, 0] = 2 * self.focal / self.width
        perspective[1, 1] = 2 * self.focal / self.height
        perspective[2, 2] = (_FAR + _NEAR) / (_NEAR - _FAR)
        perspective[2, 3] = 2 * _FAR * _NEAR / (_NEAR - _FAR)
        perspective[3, 2] = -1
        return np.asarray(perspective @ view, np.float32)


def random_camera(joints: Array, rng: np.random.Generator) -> Camera:
    """Return a random camera whose image shows nearly the whole dance.

    Args:
        joints: Joints (T, 17, 3) in metres, Y up; the dancer mostly faces +z.
        rng: Source of randomness.
    """
    heading = np.radians(rng.uniform(-180, 180) if rng.random() < 0.04 else rng.normal(0, 35))
    to_heading = rotation_about("y", heading)
    joints = joints @ to_heading.T
    width, height = _SIZES[rng.integers(len(_SIZES))]
    body_height = _body_height(joints)
    pelvis = (joints[:, LEFT_HIP] + joints[:, RIGHT_HIP]) / 2
    low, high = joints.min(axis=(0, 1)), joints.max(axis=(0, 1))
    depth = float(high[2] - pelvis[:, 2].mean())
    distance = float(np.exp(rng.uniform(np.log(2.0), np.log(6.0)))) + depth
    # Limit the zoom, so that arms and legs fit into the image when they are closest to the camera.
    span = float(np.percentile(joints[..., 0], 99) - np.percentile(joints[..., 0], 1))
    share = min(float(rng.uniform(0.45, 0.8)), width / height * body_height / span * 1.1)
    focal = max(share, 0.36) * height * distance / body_height
    target = pelvis.mean(axis=0)
    target[1] = (low[1] + np.percentile(joints[..., 1], 99)) / 2
    target[:2] += rng.normal(0, 0.06, 2) * body_height
    camera_height = rng.uniform(0.2, 2.4) if rng.random() < 0.3 else rng.normal(1.2, 0.25)
    offset = np.array([0, low[1] + camera_height - target[1], distance])
    # Steeper views, from the ceiling or from the floor, are unusual for dance videos.
    offset[1] = np.clip(offset[1], -0.3 * distance, 0.4 * distance)
    roll = rotation_about("z", np.radians(rng.normal(0, 2.5)))
    rotation = roll @ _look_along(-offset) @ to_heading
    position = to_heading.T @ (target + offset)
    return Camera(width, height, float(focal), rotation.astype(np.float32), position)


def _body_height(joints: Array) -> float:
    """Return the dancer's height in metres, measured along the body in any pose."""

    def length(start: int, end: int) -> float:
        return float(np.median(np.linalg.norm(joints[:, end] - joints[:, start], axis=-1)))

    hips = (joints[:, LEFT_HIP] + joints[:, RIGHT_HIP]) / 2
    shoulders = (joints[:, _LEFT_SHOULDER] + joints[:, _RIGHT_SHOULDER]) / 2
    trunk = float(np.median(np.linalg.norm(shoulders - hips, axis=-1)))
    # The constant is ankle to sole plus shoulders to crown.
    return length(LEFT_HIP, _LEFT_KNEE) + length(_LEFT_KNEE, _LEFT_ANKLE) + trunk + 0.45


def limit_travel(joints: Array, limit: float) -> Array:
    """Scale down a dancer's horizontal travel to at most `limit` metres."""
    pelvis = (joints[:, LEFT_HIP] + joints[:, RIGHT_HIP])[:, None] / 2 * [1, 0, 1]
    travel = float(np.ptp(pelvis, axis=0).max())
    if travel <= limit:
        return joints
    excess = (pelvis - pelvis.mean(axis=0)) * (1 - limit / travel)
    limited: Array = (joints - excess).astype(np.float32)
    return limited


def _look_along(direction: Floats) -> Floats:
    """Return the rotation (3, 3) from world axes to those of an upright camera."""
    back = -direction / np.linalg.norm(direction)
    right = np.cross([0, 1, 0], back)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(back, right), back])
