"""Rendering of a clip and extraction of its track with MediaPipe, as in a live run."""

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
from dancetype.training.augment.camera import face_camera
from dancetype.training.data.aist import FRAMES_PER_SECOND
from dancetype.training.synthetic.backdrop import add_shadow, random_backdrop
from dancetype.training.synthetic.body import Bodies, Body
from dancetype.training.synthetic.camera import Floats, kept_in_place, random_camera
from dancetype.training.synthetic.look import random_build, random_outfit
from dancetype.training.synthetic.posing import Motion, pose_body
from dancetype.training.synthetic.renderer import Renderer, random_light

Frame = NDArray[np.uint8]

_LONGER_SIDE: Final = 640  # pixels of a picture at most

_ANKLES: Final = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]


@dataclass(frozen=True, slots=True)
class Clip:
    """A motion to be rendered.

    Attributes:
        name: Name of the track.
        genre: Code, or `NOT_DANCING`.
        joints: (T, 17, 3) metres, Y up, 60 frames per second.
        dancer: Name of the dancer, or "".
        sequence: AIST++ sequence that it is from, or "".
        start: Time in the sequence at which it begins; NaN without one.
    """

    name: str
    genre: str
    joints: Array
    dancer: str = ""
    sequence: str = ""
    start: float = float("nan")


class ClipRenderer:
    """Renderer of clips, loaded once per process.

    Args:
        model: MediaPipe's pose model.

    Raises:
        WorkerError: Nothing to draw with.
        ModelError: `model` cannot be used.
    """

    def __init__(self, model: Path) -> None:
        self._estimator = open_estimator(model)
        self._renderer = Renderer(_LONGER_SIDE)
        self._bodies = Bodies()

    def track(self, clip: Clip, seed: int) -> tuple[Track, Frame]:
        """Return a clip's track, and its middle frame with the joints found drawn over."""
        rng = np.random.default_rng([seed, zlib.crc32(clip.name.encode())])
        times = frame_times(len(clip.joints), rng)
        middle = len(times) // 2 - 1
        samples: list[Frame] = []

        def frames() -> Iterator[tuple[float, Frame]]:
            for index, picture in enumerate(self._frames(clip, times, rng)):
                if index == middle:
                    samples.append(picture.copy())
                yield float(times[index]), picture

        track = extract_track(frames(), self._estimator, name=clip.name)
        track = replace(
            track,
            genre=clip.genre,
            dancer=clip.dancer,
            sequence=clip.sequence,
            start=clip.start,
        )
        (sample,) = samples
        return track, _drawn_over(sample, track.image[middle])

    def close(self) -> None:
        """Close the drawing context and the pose estimator."""
        self._renderer.close()
        self._estimator.close()

    def _frames(
        self, clip: Clip, times: NDArray[np.float64], rng: np.random.Generator
    ) -> Iterator[Frame]:
        """Yield the pictures (H, W, 3) of a clip, BGR."""
        rate = 1 / float(np.mean(np.diff(times)))
        joints = kept_in_place(face_camera(clip.joints), rng.uniform(0.3, 1.2))
        body = self._bodies.body(random_build(rng), curl=rng.uniform(0, 1.0))
        camera = random_camera(joints, rng)
        outfit, light = random_outfit(body, rng), random_light(rng)
        floor = joints.mean(axis=(0, 1)) * [1, 0, 1] + [0, joints[..., 1].min() - 0.08, 0]
        backdrop = random_backdrop(camera, floor, rng)
        shadow = rng.uniform(0, 0.6)
        # An open shutter smears what moves: a picture of several instants.
        instants = 3 if rng.random() < 0.12 else 1
        shutter = rng.uniform(0.2, 0.5) / rate
        spoil = Spoiler(backdrop.shape, rng)
        at = (times[:, None] + np.linspace(0, shutter, instants)).ravel()
        moved = at_times(joints, at)
        motion = pose_body(body, moved, rate * instants)
        skin = Skin(body, outfit.vertices)
        self._renderer.load(body.faces, outfit.colours)
        for frame in range(len(times)):
            drawn = [
                self._renderer.draw(*skin.frame(motion, index), camera, light)
                for index in range(frame * instants, (frame + 1) * instants)
            ]
            figure = drawn[0] if instants == 1 else np.mean(drawn, axis=0)
            shown = camera.pixels(moved[frame * instants])
            feet = camera.pixels(moved[frame * instants, _ANKLES] * [1, 0, 1] + floor * [0, 1, 0])
            picture = backdrop.copy()
            add_shadow(picture, feet, float(np.ptp(shown[:, 1])), shadow)
            _paste(picture, figure, shown)
            yield spoil(picture)


def _paste(picture: Array, figure: NDArray[Any], joints: Floats) -> None:
    """Paste a figure (H, W, 4) with joints (17, 2) into a picture, with soft edges."""
    margin = 0.25 * float(np.ptp(joints, axis=0).max()) + 10
    left, top = np.maximum(joints.min(axis=0) - margin, 0).astype(int)
    right, bottom = np.maximum(joints.max(axis=0) + margin, 0).astype(int)
    part = figure[top:bottom, left:right].astype(np.float32)
    if not part.size:
        return
    share = cv2.GaussianBlur(part[..., 3], (3, 3), 0)[..., None] / 255
    below = picture[top:bottom, left:right]
    below += (part[..., :3] - below) * share


class Skin:
    """The surface of one body, moved with its bones by linear blend skinning.

    Args:
        body: Body at rest.
        vertices: (V, 3) metres, the surface that moves: of the body, or of its clothes.
    """

    def __init__(self, body: Body, vertices: Array) -> None:
        weights = body.weights[:, :, None]
        ones = np.ones((len(vertices), 1), np.float32)
        places = np.concatenate([vertices, ones], axis=1)[:, None]
        self._places = np.ascontiguousarray((weights * places).reshape(len(vertices), -1))
        self._normals = np.ascontiguousarray(
            (weights * body.normals[:, None]).reshape(len(vertices), -1)
        )
        self._heads = body.heads

    def frame(self, motion: Motion, index: int) -> tuple[Array, Array]:
        """Return vertices (V, 3) in metres and their normals (V, 3), of about unit length."""
        turned = np.swapaxes(motion.rotations[index], -1, -2)
        scaled = turned * motion.scales[:, None, None]
        rests = (self._heads[:, None] @ scaled)[:, 0]
        moved = (motion.heads[index] - rests)[:, None]
        places = np.concatenate([scaled, moved], axis=1).reshape(-1, 3)
        return self._places @ places, self._normals @ turned.reshape(-1, 3)


class Spoiler:
    """Faults of sensor, shaking hands and compression, for pictures (H, W, 3) from 0 to 255."""

    def __init__(self, shape: tuple[int, ...], rng: np.random.Generator) -> None:
        self._rng = rng
        # Cut from one larger field: new noise would take longer than drawing the dancer.
        larger = (shape[0] + 32, shape[1] + 32, 3)
        self._noise = rng.standard_normal(larger, np.float32) * np.float32(rng.uniform(0, 9))
        self._noise += np.float32(rng.normal(0, 8))
        self._blur = rng.uniform(0.4, 1.3) if rng.random() < 0.4 else 0.0
        self._quality = int(rng.uniform(25, 95))
        self._shake = rng.uniform(0.2, 2.0) if rng.random() < 0.3 else 0.0
        self._shift = np.zeros(2)

    def __call__(self, image: Array) -> Frame:
        """Return the picture as a file or stream would contain it."""
        height, width = image.shape[:2]
        y, x = self._rng.integers(0, 32, 2)
        whole = cv2.add(image, self._noise[y : y + height, x : x + width], dtype=cv2.CV_8U)
        if self._shake:
            self._shift = 0.8 * self._shift + self._rng.normal(0, self._shake, 2)
            moved = np.array([[1, 0, self._shift[0]], [0, 1, self._shift[1]]])
            whole = cv2.warpAffine(whole, moved, (width, height), borderMode=cv2.BORDER_REPLICATE)
        if self._blur:
            whole = cv2.GaussianBlur(whole, (0, 0), self._blur)
        _, file = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        return np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)


def frame_times(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the times of frames of a camera with 15 to 30 frames per second."""
    rate = rng.choice([15.0, 24.0, 25.0, 30.0, *rng.uniform(15, 22, 4)])
    times = np.arange(0, (count - 1) / FRAMES_PER_SECOND, 1 / rate)
    late = rng.uniform(0, 0.15 / rate, len(times))
    late[0] = 0
    return np.round(times + late, 3)


def at_times(joints: Array, times: NDArray[np.float64]) -> Array:
    """Interpolate motion capture linearly."""
    at = np.clip(times * FRAMES_PER_SECOND, 0, len(joints) - 1)
    left = np.minimum(at.astype(int), len(joints) - 2)
    share = (at - left).astype(np.float32)[:, None, None]
    between: Array = joints[left] * (1 - share) + joints[left + 1] * share
    return between


_TRUNK: Final = ((5, 6), (5, 11), (6, 12), (11, 12))
_LIMBS: Final = ((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16))


def _drawn_over(drawn: Frame, landmarks: Array) -> Frame:
    """Draw the COCO joints of landmarks (33, 3) on a picture, if they are not NaN."""
    if np.isnan(landmarks).any():
        return drawn
    points = coco_joints(landmarks)[:, :2] * [drawn.shape[1], -drawn.shape[0]]
    for start, end in _TRUNK + _LIMBS:
        ends = [tuple(int(v) for v in points[index]) for index in (start, end)]
        cv2.line(drawn, ends[0], ends[1], (60, 220, 60), 2)
    for x, y in points:
        cv2.circle(drawn, (int(x), int(y)), 2, (40, 40, 240), -1)
    return drawn
