"""Camera of a rendered clip: its place and its projection."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, LEFT_HIP, RIGHT_HIP, Array
from dancetype.training.augment.camera import rotation_about

Floats = NDArray[np.float64]

_SIZES: Final = ((640, 360), (480, 360), (400, 400), (360, 480), (360, 640))
_NEAR, _FAR = 0.2, 40.0
_SHOULDER, _OTHER_SHOULDER, _KNEE, _ANKLE = (
    JOINTS.index(name) for name in ("left_shoulder", "right_shoulder", "left_knee", "left_ankle")
)


@dataclass(frozen=True, slots=True)
class Camera:
    """A static pinhole camera.

    Attributes:
        width: pixels.
        height: pixels.
        focal: pixels.
        rotation: (3, 3) from the world to the camera: x right, y up, z towards the viewer.
        position: (3,) metres in the world.
    """

    width: int
    height: int
    focal: float
    rotation: Array
    position: Floats

    def pixels(self, points: Array | Floats) -> Floats:
        """Return pixels (..., 2), right and down, of points (..., 3) in metres."""
        seen = (points - self.position) @ self.rotation.T
        flat = seen[..., :2] / np.maximum(-seen[..., 2:], _NEAR) * self.focal
        pixels: Floats = flat * [1, -1] + [self.width / 2, self.height / 2]
        return pixels

    @property
    def projection(self) -> Array:
        """(4, 4) matrix from the world to OpenGL's clip space."""
        view = np.eye(4)
        view[:3, :3] = self.rotation
        view[:3, 3] = -self.rotation @ self.position
        lens = np.zeros((4, 4))
        lens[0, 0] = 2 * self.focal / self.width
        lens[1, 1] = 2 * self.focal / self.height
        lens[2, 2] = (_FAR + _NEAR) / (_NEAR - _FAR)
        lens[2, 3] = 2 * _FAR * _NEAR / (_NEAR - _FAR)
        lens[3, 2] = -1
        return np.asarray(lens @ view, np.float32)


def random_camera(joints: Array, rng: np.random.Generator) -> Camera:
    """Return a camera with about the whole of a dance in its picture.

    Args:
        joints: (T, 17, 3) metres, Y up, the dancer's front mostly towards +z.
        rng: Source of randomness.
    """
    heading = np.radians(rng.uniform(-180, 180) if rng.random() < 0.04 else rng.normal(0, 35))
    turn = rotation_about("y", heading)
    joints = joints @ turn.T
    width, height = _SIZES[rng.integers(len(_SIZES))]
    stature = _stature(joints)
    pelvis = (joints[:, LEFT_HIP] + joints[:, RIGHT_HIP]) / 2
    low, high = joints.min(axis=(0, 1)), joints.max(axis=(0, 1))
    depth = float(high[2] - pelvis[:, 2].mean())
    distance = float(np.exp(rng.uniform(np.log(2.0), np.log(6.0)))) + depth
    # Zoomed in as far as arms and legs allow at their smallest distance.
    span = float(np.percentile(joints[..., 0], 99) - np.percentile(joints[..., 0], 1))
    share = min(float(rng.uniform(0.45, 0.8)), width / height * stature / span * 1.1)
    focal = max(share, 0.36) * height * distance / stature
    target = pelvis.mean(axis=0)
    target[1] = (low[1] + np.percentile(joints[..., 1], 99)) / 2
    target[:2] += rng.normal(0, 0.06, 2) * stature
    rise = rng.uniform(0.2, 2.4) if rng.random() < 0.3 else rng.normal(1.2, 0.25)
    eye = np.array([0, low[1] + rise - target[1], distance])
    # Steeper than this is a camera under the ceiling or on the floor, not one that films a dance.
    eye[1] = np.clip(eye[1], -0.3 * distance, 0.4 * distance)
    rotation = rotation_about("z", np.radians(rng.normal(0, 2.5))) @ _looking(-eye) @ turn
    position = turn.T @ (target + eye)
    return Camera(width, height, float(focal), rotation.astype(np.float32), position)


def _stature(joints: Array) -> float:
    """Return the dancer's height in metres, also if the whole clip is danced on the floor."""

    def length(start: int, end: int) -> float:
        return float(np.median(np.linalg.norm(joints[:, end] - joints[:, start], axis=-1)))

    middle = (joints[:, LEFT_HIP] + joints[:, RIGHT_HIP]) / 2
    neck = (joints[:, _SHOULDER] + joints[:, _OTHER_SHOULDER]) / 2
    trunk = float(np.median(np.linalg.norm(neck - middle, axis=-1)))
    # From the ankle to the sole, and from the shoulders to the crown.
    return length(LEFT_HIP, _KNEE) + length(_KNEE, _ANKLE) + trunk + 0.45


def kept_in_place(joints: Array, most: float) -> Array:
    """Reduce a dancer's motion over the floor to at most `most` metres."""
    pelvis = (joints[:, LEFT_HIP] + joints[:, RIGHT_HIP])[:, None] / 2 * [1, 0, 1]
    way = float(np.ptp(pelvis, axis=0).max())
    if way <= most:
        return joints
    still: Array = (joints - (pelvis - pelvis.mean(axis=0)) * (1 - most / way)).astype(np.float32)
    return still


def _looking(direction: Floats) -> Floats:
    """(3, 3) from the world to an upright camera that looks along a direction."""
    back = -direction / np.linalg.norm(direction)
    right = np.cross([0, 1, 0], back)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(back, right), back])
