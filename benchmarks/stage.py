"""Scenes of motion-captured dancers, as detected by a pose model that misses some of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from dancetype.engine.landmarks import LANDMARKS, Landmarks
from dancetype.engine.skeleton import LEFT_HIP, RIGHT_HIP, Array, pelvis_centred
from dancetype.training.augment.pose_noise import mediapipe_noise
from dancetype.training.data.aist import FRAMES_PER_SECOND
from dancetype.training.geometry import face_camera

Floats = NDArray[np.float64]

PATHS: Final = ("cross", "turn back", "pass", "three")
"""Two dancers cross; two meet and turn back; one passes another who stands; two cross in front of a
third."""

_QUIET: Final = 2.5  # seconds without walking before and after the walk
_REACH: Final = 1.6  # metres from the middle to the start of the walk
_WIDTH, _HEIGHT, _FOCAL = 1280, 720, 1000.0
_CAMERA_HEIGHT: Final = 1.4  # metres
_STATURE: Final = 1.7  # metres, the stature that a pose model assumes

# As measured on a real stage: the error of sizes is 4 % in the median and 10 % one time in ten.
_SIZE_ERROR: Final = 0.08  # standard deviation of the logarithm of the size
_SIZE_PERIOD: Final = 0.4  # seconds between independent errors

# Index of the nearest COCO joint of each landmark
_NEAREST_COCO: Final = (
    *(0, 1, 1, 1, 2, 2, 2, 3, 4, 0, 0),
    *(5, 6, 7, 8, 9, 10, 9, 10, 9, 10, 9, 10),
    *(11, 12, 13, 14, 15, 16, 15, 16, 15, 16),
)

# One of two dancers is lost below the first and found again above the second distance, in metres.
_LOST, _FOUND = 0.6, 0.7
_SLIDE: Final = 0.25  # seconds in which the landmarks of a lost dancer slide onto the other
_MISSED: Final = 0.02  # share of frames in which a dancer is missed
_BURSTS: Final = 0.1  # per second, each of up to half a second without a dancer
_GHOSTS: Final = 0.2  # detections without a person per second


@dataclass(frozen=True, slots=True)
class Detection:
    """A person detected in a frame.

    Attributes:
        dancer: Index of the dancer, or None for a detection without a person.
        landmarks: Landmarks of the person.
    """

    dancer: int | None
    landmarks: Landmarks


@dataclass(frozen=True, slots=True)
class Scene:
    """All frames of a scene.

    Attributes:
        times: (T,) seconds.
        frames: Detections of each frame, in random order.
        quiet: Seconds at the start and at the end without walking.
    """

    times: Floats
    frames: list[list[Detection]]
    quiet: float = _QUIET


def create_scene(
    dances: Sequence[Array], path: str, speed: float, rate: float, rng: np.random.Generator
) -> Scene:
    """Place dancers on a stage and record them with a camera.

    Args:
        dances: (T, 17, 3) metres at 60 frames per second, for each dancer.
        path: One of `PATHS`.
        speed: Speed of the walking dancers in metres per second.
        rate: Frames per second of the camera.
        rng: Source of randomness.
    """
    walking = 2 * _REACH / speed
    times = np.arange(0, walking + 2 * _QUIET, 1 / rate)
    depths = 5.0 + rng.permutation(len(dances)) * rng.uniform(0.5, 1.2)
    routes = _routes(path, np.clip((times - _QUIET) / walking, 0, 1))
    views = [
        _View.create(dance, times, route, depth, rng)
        for dance, route, depth in zip(dances, routes, depths, strict=True)
    ]
    missed = _missed(views, times, rng)
    return Scene(times, [_frame(views, missed[t], t, rng, rate) for t in range(len(times))])


def _routes(path: str, progress: Floats) -> list[Floats]:
    """Return the position of each dancer in metres to the right of the middle."""
    walk = _REACH * (2 * progress - 1)
    return {
        "cross": [walk, -walk],
        "turn back": [-np.maximum(np.abs(walk), 0.1), np.maximum(np.abs(walk), 0.1)],
        "pass": [walk, 0 * walk],
        "three": [walk, -walk, 0 * walk],
    }[path]


@dataclass(frozen=True, slots=True)
class _View:
    """One dancer, as detected by a pose model without other people on the stage.

    Attributes:
        world: (T, 17, 3) metres, hip-centred.
        image: (T, 17, 2) positions normalised to the image.
        pelvis: (T,) horizontal position of the pelvis in the image.
        metre: (T,) length of a metre in the same unit.
        depth: Distance from the camera in metres.
    """

    world: Array
    image: Array
    pelvis: Floats
    metre: Floats
    depth: float

    @classmethod
    def create(
        cls, dance: Array, times: Floats, route: Floats, depth: float, rng: np.random.Generator
    ) -> "_View":
        steps = np.round(times * FRAMES_PER_SECOND).astype(int) + rng.integers(0, len(dance))
        # Play the dance forwards and backwards if it is shorter than the scene.
        steps = np.abs((steps % (2 * len(dance) - 2)) - (len(dance) - 1))
        joints = face_camera(dance)[steps].astype(np.float64)
        floor = np.percentile(joints[..., 1].min(axis=1), 5)
        joints -= [np.median(joints[..., 0]), floor, np.median(joints[..., 2])]
        joints += np.stack([route, 0 * route, 0 * route - depth], axis=-1)[:, None]
        stature = np.percentile(np.ptp(joints[..., 1], axis=1), 90) * 1.08
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        elapsed = torch.from_numpy(times - times[0]).float()[None]
        errors = mediapipe_noise().draw(elapsed, torch.ones(1), generator)[0].numpy()
        world = pelvis_centred((joints - joints.mean(1, keepdims=True)).astype(np.float32))
        world = world * (_STATURE / stature * _size_errors(times, rng)) + errors
        noisy = joints + errors * [1, 1, 0]
        scale = _FOCAL / np.maximum(-noisy[..., 2], 1.0)
        x = 0.5 + noisy[..., 0] * scale / _WIDTH
        y = 0.5 - (noisy[..., 1] - _CAMERA_HEIGHT) * scale / _HEIGHT
        image = np.stack([x, y], axis=-1)
        pelvis = (joints[:, LEFT_HIP] + joints[:, RIGHT_HIP]) / 2
        distance = -pelvis[:, 2]
        return cls(
            world.astype(np.float32),
            image.astype(np.float32),
            pelvis[:, 0] / distance,
            1 / distance,
            depth,
        )

    def landmarks(self, frame: int) -> Landmarks:
        world = np.zeros((LANDMARKS, 3), np.float32)
        image = np.zeros((LANDMARKS, 3), np.float32)
        world[:] = self.world[frame][_NEAREST_COCO, :] * [1, -1, -1]
        image[:, :2] = self.image[frame][_NEAREST_COCO, :]
        return Landmarks(world, image, np.ones(LANDMARKS, np.float32), _WIDTH / _HEIGHT)


def _size_errors(times: Floats, rng: np.random.Generator) -> Floats:
    """Return the factors (T, 1, 1) by which a pose model misjudges the size of a person."""
    knots = np.arange(times[0], times[-1] + _SIZE_PERIOD, _SIZE_PERIOD)
    logarithms = np.interp(times, knots, rng.normal(0, _SIZE_ERROR, len(knots)))
    factors: Floats = np.exp(logarithms)[:, None, None]
    return factors


_Missed = dict[int, int | None]
"""Dancers missed in a frame, each with the dancer onto whom its landmarks slide, or None."""


def _missed(views: Sequence[_View], times: Floats, rng: np.random.Generator) -> list[_Missed]:
    """Return the missed dancers of each frame.

    One of two overlapping dancers is missed, usually the one behind. In half of the cases its
    landmarks slide onto the other dancer first.
    """
    missed: list[_Missed] = [{} for _ in times]
    step = times[1] - times[0]
    for first, first_view in enumerate(views):
        for second, second_view in enumerate(views[:first]):
            distances = np.abs(first_view.pelvis - second_view.pelvis)
            distances /= np.minimum(first_view.metre, second_view.metre)
            lost, front, since, slides = False, 0, 0.0, False
            for t, distance in enumerate(distances):
                if not lost and distance < _LOST:
                    front, behind = (
                        (first, second) if first_view.depth < second_view.depth else (second, first)
                    )
                    if rng.random() < 0.2:
                        front, behind = behind, front
                    lost, since, slides = True, times[t], rng.random() < 0.5
                elif lost and distance > _FOUND:
                    lost = False
                if lost:
                    sliding = slides and times[t] - since < _SLIDE
                    missed[t][behind] = front if sliding else None
    for dancer in range(len(views)):
        for start in np.flatnonzero(rng.random(len(times)) < _BURSTS * step).tolist():
            for t in range(start, min(start + round(rng.uniform(0.1, 0.5) / step), len(times))):
                missed[t].setdefault(dancer, None)
        for t in np.flatnonzero(rng.random(len(times)) < _MISSED).tolist():
            missed[t].setdefault(dancer, None)
    return missed


def _frame(
    views: Sequence[_View], missed: _Missed, t: int, rng: np.random.Generator, rate: float
) -> list[Detection]:
    people = [view.landmarks(t) for view in views]
    detections = []
    for dancer, landmarks in enumerate(people):
        if dancer not in missed:
            detections.append(Detection(dancer, landmarks))
        elif (target := missed[dancer]) is not None and target not in missed:
            detections.append(Detection(target, _between(landmarks, people[target], rng)))
    if rng.random() < _GHOSTS / rate:
        ghost = people[int(rng.integers(len(people)))]
        offset = np.array([rng.choice([-1, 1]) * 0.15, 0, 0], np.float32)
        shifted = replace(ghost, image=ghost.image + offset)
        detections.append(Detection(None, shifted))
    return [detections[index] for index in rng.permutation(len(detections))]


def _between(start: Landmarks, end: Landmarks, rng: np.random.Generator) -> Landmarks:
    """Return landmarks at a random point of the second half of the way to other landmarks."""
    share = np.float32(rng.uniform(0.5, 1))
    return replace(
        end,
        world=start.world + share * (end.world - start.world),
        image=start.image + share * (end.image - start.image),
        visibility=end.visibility * np.float32(0.7),
    )
