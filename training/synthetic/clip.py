"""Rendering of a clip, and extraction of its track with MediaPipe as in a live run."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import coco_joints
from dancetype.engine.media.extraction import extract_track
from dancetype.engine.media.track import Track
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.skeleton import JOINTS, Array
from dancetype.training.data.aist import FRAMES_PER_SECOND
from dancetype.training.geometry import face_camera, rotation_about
from dancetype.training.synthetic.appearance import random_build, random_outfit
from dancetype.training.synthetic.backdrop import add_shadow, random_backdrop
from dancetype.training.synthetic.body import Body, BodyFactory
from dancetype.training.synthetic.camera import Floats, limit_travel, random_camera
from dancetype.training.synthetic.posing import SkeletonMotion, pose_body
from dancetype.training.synthetic.renderer import Renderer, random_light

Frame = NDArray[np.uint8]

_LONGER_SIDE: Final = 640  # maximum width and height of a frame in pixels

_ANKLES: Final = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]


@dataclass(frozen=True, slots=True)
class MotionClip:
    """Motion to render.

    Attributes:
        name: Name of the track.
        genre: Genre code, or `NOT_DANCING`.
        joints: (T, 17, 3) metres, Y up, 60 frames per second.
        dancer: Name of the dancer, or "".
        sequence: Name of the AIST++ sequence that the motion is from, or "".
        start: Start of the motion in the sequence, in seconds; NaN without a sequence.
        heading: Average heading relative to a person who faces the camera, in degrees.
    """

    name: str
    genre: str
    joints: Array
    dancer: str = ""
    sequence: str = ""
    start: float = float("nan")
    heading: float = 0.0

    @property
    def turned_joints(self) -> Array:
        """Joints (T, 17, 3), turned to the average heading in front of a camera on the z axis."""
        turned: Array = face_camera(self.joints) @ rotation_about("y", np.radians(self.heading)).T
        return turned


class ClipRenderer:
    """Renderer of clips; a process opens one and uses it for all its clips.

    Args:
        model: MediaPipe's pose model.

    Raises:
        WorkerError: Neither OSMesa nor EGL can be used.
        ModelError: `model` cannot be used.
    """

    def __init__(self, model: Path) -> None:
        self._estimator = open_estimator(model)
        self._renderer = Renderer(_LONGER_SIDE)
        self._bodies = BodyFactory()

    def render_track(self, clip: MotionClip, seed: int) -> tuple[Track, Frame]:
        """Return a clip's track, and its middle frame with the detected joints drawn on it."""
        rng = np.random.default_rng([seed, zlib.crc32(clip.name.encode())])
        times = frame_times(len(clip.joints), rng)
        middle = len(times) // 2 - 1
        samples: list[Frame] = []

        def frames() -> Iterator[tuple[float, Frame]]:
            for index, frame in enumerate(self._render_frames(clip, times, rng)):
                if index == middle:
                    samples.append(frame.copy())
                yield float(times[index]), frame

        track = extract_track(frames(), self._estimator, name=clip.name)
        track = replace(
            track,
            genre=clip.genre,
            dancer=clip.dancer,
            sequence=clip.sequence,
            start=clip.start,
        )
        (sample,) = samples
        _draw_joints(sample, track.image[middle])
        return track, sample

    def close(self) -> None:
        """Close the drawing context and the pose estimator."""
        self._renderer.close()
        self._estimator.close()

    def _render_frames(
        self, clip: MotionClip, times: NDArray[np.float64], rng: np.random.Generator
    ) -> Iterator[Frame]:
        """Yield the frames (H, W, 3) of a clip, BGR."""
        rate = 1 / float(np.mean(np.diff(times)))
        joints = limit_travel(clip.turned_joints, rng.uniform(0.3, 1.2))
        body = self._bodies.create(random_build(rng), curl=rng.uniform(0, 1.0))
        camera = random_camera(joints, rng)
        outfit, light = random_outfit(body, rng), random_light(rng)
        floor = joints.mean(axis=(0, 1)) * [1, 0, 1] + [0, joints[..., 1].min() - 0.08, 0]
        backdrop = random_backdrop(camera, floor, rng)
        shadow = rng.uniform(0, 0.6)
        # For motion blur, a frame is the mean of several images within the exposure time.
        exposures = 3 if rng.random() < 0.12 else 1
        exposure_time = rng.uniform(0.2, 0.5) / rate
        degrade = ImageDegrader(backdrop.shape, rng)
        exposure_times = (times[:, None] + np.linspace(0, exposure_time, exposures)).ravel()
        joints = interpolate_joints(joints, exposure_times)
        motion = pose_body(body, joints, rate * exposures)
        skin = Skin(body, outfit.vertices)
        self._renderer.load(body.faces, outfit.colours)
        for start in range(0, len(exposure_times), exposures):
            images = [
                self._renderer.draw(*skin.deform(motion, index), camera, light)
                for index in range(start, start + exposures)
            ]
            rendered = images[0] if exposures == 1 else np.mean(images, axis=0)
            joint_pixels = camera.pixels(joints[start])
            feet = camera.pixels(joints[start, _ANKLES] * [1, 0, 1] + floor * [0, 1, 0])
            frame = backdrop.copy()
            add_shadow(frame, feet, float(np.ptp(joint_pixels[:, 1])), shadow)
            _paste(frame, rendered, joint_pixels)
            yield degrade(frame)


def _paste(image: Array, rendered: NDArray[Any], joints: Floats) -> None:
    """Paste a rendered dancer into an image in place, with soft edges.

    Args:
        image: Image (H, W, 3).
        rendered: Rendered dancer (H, W, 4) with transparency.
        joints: Position (17, 2) of the dancer's joints in pixels.
    """
    margin = 0.25 * float(np.ptp(joints, axis=0).max()) + 10
    left, top = np.maximum(joints.min(axis=0) - margin, 0).astype(int)
    right, bottom = np.maximum(joints.max(axis=0) + margin, 0).astype(int)
    foreground = rendered[top:bottom, left:right].astype(np.float32)
    if not foreground.size:
        return
    alpha = cv2.GaussianBlur(foreground[..., 3], (3, 3), 0)[..., None] / 255
    region = image[top:bottom, left:right]
    region += (foreground[..., :3] - region) * alpha


class Skin:
    """Surface of a body that is deformed with its bones by linear blend skinning.

    Args:
        body: Body at rest.
        vertices: Surface (V, 3) at rest in metres: the body's, or that of its clothes.
    """

    def __init__(self, body: Body, vertices: Array) -> None:
        weights = body.weights[:, :, None]
        ones = np.ones((len(vertices), 1), np.float32)
        homogeneous = np.concatenate([vertices, ones], axis=1)[:, None]
        self._vertices = np.ascontiguousarray((weights * homogeneous).reshape(len(vertices), -1))
        self._normals = np.ascontiguousarray(
            (weights * body.normals[:, None]).reshape(len(vertices), -1)
        )
        self._heads = body.heads

    def deform(self, motion: SkeletonMotion, index: int) -> tuple[Array, Array]:
        """Return vertices (V, 3) in metres and normals (V, 3) of about unit length for a frame."""
        rotations = np.swapaxes(motion.rotations[index], -1, -2)
        scaled = rotations * motion.scales[:, None, None]
        rotated_heads = (self._heads[:, None] @ scaled)[:, 0]
        translations = (motion.heads[index] - rotated_heads)[:, None]
        transforms = np.concatenate([scaled, translations], axis=1).reshape(-1, 3)
        return self._vertices @ transforms, self._normals @ rotations.reshape(-1, 3)


class ImageDegrader:
    """Sensor noise, camera shake, blur and compression artefacts for the frames of a clip.

    Args:
        shape: Shape (H, W, 3) of the frames.
        rng: Source of randomness.
    """

    def __init__(self, shape: tuple[int, ...], rng: np.random.Generator) -> None:
        self._rng = rng
        # Each frame gets a random crop of one noise image. Generating noise for each frame would
        # take longer than drawing the dancer.
        noise_shape = (shape[0] + 32, shape[1] + 32, 3)
        self._noise = rng.standard_normal(noise_shape, np.float32) * np.float32(rng.uniform(0, 9))
        self._noise += np.float32(rng.normal(0, 8))
        self._blur = rng.uniform(0.4, 1.3) if rng.random() < 0.4 else 0.0
        self._quality = int(rng.uniform(25, 95))
        self._shake = rng.uniform(0.2, 2.0) if rng.random() < 0.3 else 0.0
        self._shift = np.zeros(2)

    def __call__(self, image: Array) -> Frame:
        """Return a degraded copy of an image (H, W, 3) from 0 to 255."""
        height, width = image.shape[:2]
        y, x = self._rng.integers(0, 32, 2)
        result = cv2.add(image, self._noise[y : y + height, x : x + width], dtype=cv2.CV_8U)
        if self._shake:
            self._shift = 0.8 * self._shift + self._rng.normal(0, self._shake, 2)
            shift = np.array([[1, 0, self._shift[0]], [0, 1, self._shift[1]]])
            result = cv2.warpAffine(result, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
        if self._blur:
            result = cv2.GaussianBlur(result, (0, 0), self._blur)
        _, jpeg = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def frame_times(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the frame times of a camera with 15 to 30 frames per second.

    Args:
        count: Number of frames of the motion capture.
        rng: Source of randomness.
    """
    rate = rng.choice([15.0, 24.0, 25.0, 30.0, *rng.uniform(15, 22, 4)])
    times = np.arange(0, (count - 1) / FRAMES_PER_SECOND, 1 / rate)
    delays = rng.uniform(0, 0.15 / rate, len(times))
    delays[0] = 0
    return np.round(times + delays, 3)


def interpolate_joints(joints: Array, times: NDArray[np.float64]) -> Array:
    """Interpolate joints (T, 17, 3) of motion capture linearly at other times."""
    positions = np.clip(times * FRAMES_PER_SECOND, 0, len(joints) - 1)
    left = np.minimum(positions.astype(int), len(joints) - 2)
    share = (positions - left).astype(np.float32)[:, None, None]
    interpolated: Array = joints[left] * (1 - share) + joints[left + 1] * share
    return interpolated


_TRUNK: Final = ((5, 6), (5, 11), (6, 12), (11, 12))
_LIMBS: Final = ((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16))


def _draw_joints(image: Frame, landmarks: Array) -> None:
    """Draw the COCO joints of landmarks (33, 3) on an image in place, unless they are NaN."""
    if np.isnan(landmarks).any():
        return
    points = coco_joints(landmarks)[:, :2] * [image.shape[1], -image.shape[0]]
    for start, end in _TRUNK + _LIMBS:
        ends = [tuple(int(v) for v in points[index]) for index in (start, end)]
        cv2.line(image, ends[0], ends[1], (60, 220, 60), 2)
    for x, y in points:
        cv2.circle(image, (int(x), int(y)), 2, (40, 40, 240), -1)
