"""Motion-captured dancers on one stage, as a pose model finds them that misses some at times."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import LANDMARKS, Landmarks
from dancetype.engine.skeleton import LEFT_HIP, RIGHT_HIP, Array, pelvis_centred
from dancetype.training.augment.camera import face_camera
from dancetype.training.augment.pose_noise import mediapipe_noise
from dancetype.training.data.aist import FRAMES_PER_SECOND

Floats = NDArray[np.float64]

PATHS: Final = ("cross", "turn back", "pass", "three")
"""Both walk on; both turn back when they meet; one stands; two cross in front of a third."""

_QUIET: Final = 2.5  # seconds before and after the walk
_REACH: Final = 1.6  # metres from the middle to the start
_WIDTH, _HEIGHT, _FOCAL = 1280, 720, 1000.0
_EYE: Final = 1.4  # metres above the floor
_STATURE: Final = 1.7  # metres that a pose model assumes

# As measured on a real stage: sizes err by 4 % in the median and by 10 % one time in ten.
_SIZE_ERROR: Final = 0.08  # sd of the logarithm of the size
_SIZE_PERIOD: Final = 0.4  # seconds after which the error is another

# The COCO joint at or next to each landmark.
_COCO_OF: Final = (
    *(0, 1, 1, 1, 2, 2, 2, 3, 4, 0, 0),
    *(5, 6, 7, 8, 9, 10, 9, 10, 9, 10, 9, 10),
    *(11, 12, 13, 14, 15, 16, 15, 16, 15, 16),
)

_LOST, _FOUND = 0.6, 0.7  # metres between two dancers: one is lost below, found again above
_SLIDE: Final = 0.25  # seconds in which the one that is lost slides onto the other
_MISSED: Final = 0.02  # share of frames
_BURSTS: Final = 0.1  # a second, of up to half a second without a dancer
_GHOSTS: Final = 0.2  # a second


@dataclass(frozen=True, slots=True)
class Sighting:
    """A person found in a frame."""

    owner: int | None  # index of the dancer, or None for a ghost
    landmarks: Landmarks


@dataclass(frozen=True, slots=True)
class Scene:
    """All frames of a scene."""

    times: Floats  # (T,) seconds
    frames: list[list[Sighting]]  # in any order
    quiet: float = _QUIET  # seconds at either end in which all stand


def scene(
    dances: Sequence[Array], path: str, speed: float, rate: float, rng: np.random.Generator
) -> Scene:
    """Put dancers on a stage and look at them with a camera.

    Args:
        dances: (T, 17, 3) metres at 60 frames a second, of each dancer.
        path: One of `PATHS`.
        speed: Metres per second of those who walk.
        rate: Frames per second.
        rng: Source of randomness.
    """
    walking = 2 * _REACH / speed
    times = np.arange(0, walking + 2 * _QUIET, 1 / rate)
    depths = 5.0 + rng.permutation(len(dances)) * rng.uniform(0.5, 1.2)
    routes = _routes(path, np.clip((times - _QUIET) / walking, 0, 1))
    views = [
        _View.of(dance, times, route, depth, rng)
        for dance, route, depth in zip(dances, routes, depths, strict=True)
    ]
    missed = _missed(views, times, rng)
    return Scene(times, [_frame(views, missed[t], t, rng, rate) for t in range(len(times))])


def _routes(path: str, share: Floats) -> list[Floats]:
    """Return each dancer's metres to the right of the middle."""
    there = _REACH * (2 * share - 1)
    return {
        "cross": [there, -there],
        "turn back": [-np.maximum(np.abs(there), 0.1), np.maximum(np.abs(there), 0.1)],
        "pass": [there, 0 * there],
        "three": [there, -there, 0 * there],
    }[path]


@dataclass(frozen=True, slots=True)
class _View:
    """One dancer as a pose model finds them alone on the stage."""

    world: Array  # (T, 17, 3) metres, hip-centred
    image: Array  # (T, 17, 2) normalized to the image
    pelvis: Floats  # (T,) position in the image from left to right
    metre: Floats  # (T,) length of a metre there
    depth: float  # metres from the camera

    @classmethod
    def of(
        cls, dance: Array, times: Floats, route: Floats, depth: float, rng: np.random.Generator
    ) -> "_View":
        steps = np.round(times * FRAMES_PER_SECOND).astype(int) + rng.integers(0, len(dance))
        # Forwards and backwards if the dance is shorter than the scene.
        steps = np.abs((steps % (2 * len(dance) - 2)) - (len(dance) - 1))
        joints = face_camera(dance)[steps].astype(np.float64)
        floor = np.percentile(joints[..., 1].min(axis=1), 5)
        joints -= [np.median(joints[..., 0]), floor, np.median(joints[..., 2])]
        joints += np.stack([route, 0 * route, 0 * route - depth], axis=-1)[:, None]
        stature = np.percentile(np.ptp(joints[..., 1], axis=1), 90) * 1.08
        errors = mediapipe_noise().draw(times, 1.0, rng)
        world = pelvis_centred((joints - joints.mean(1, keepdims=True)).astype(np.float32))
        world = world * (_STATURE / stature * _size_errors(times, rng)) + errors
        seen = joints + errors * [1, 1, 0]
        scale = _FOCAL / np.maximum(-seen[..., 2], 1.0)
        x = 0.5 + seen[..., 0] * scale / _WIDTH
        y = 0.5 - (seen[..., 1] - _EYE) * scale / _HEIGHT
        image = np.stack([x, y], axis=-1)
        pelvis = (joints[:, LEFT_HIP] + joints[:, RIGHT_HIP]) / 2
        near = -pelvis[:, 2]
        return cls(
            world.astype(np.float32), image.astype(np.float32), pelvis[:, 0] / near, 1 / near, depth
        )

    def landmarks(self, frame: int) -> Landmarks:
        world = np.zeros((LANDMARKS, 3), np.float32)
        image = np.zeros((LANDMARKS, 3), np.float32)
        world[:] = self.world[frame][_COCO_OF, :] * [1, -1, -1]
        image[:, :2] = self.image[frame][_COCO_OF, :]
        return Landmarks(world, image, np.ones(LANDMARKS, np.float32))


def _size_errors(times: Floats, rng: np.random.Generator) -> Floats:
    """Return the factors (T, 1, 1) by which a pose model errs in the size of a person."""
    knots = np.arange(times[0], times[-1] + _SIZE_PERIOD, _SIZE_PERIOD)
    logarithms = np.interp(times, knots, rng.normal(0, _SIZE_ERROR, len(knots)))
    factors: Floats = np.exp(logarithms)[:, None, None]
    return factors


_Missed = dict[int, int | None]
"""Dancers who are not found in a frame, each with the dancer onto whom they slide, if they do."""


def _missed(views: Sequence[_View], times: Floats, rng: np.random.Generator) -> list[_Missed]:
    """Return who is missed in each frame.

    One of two dancers who overlap is lost, mostly the one behind; half of the time that one's
    landmarks slide onto the other dancer first.
    """
    missed: list[_Missed] = [{} for _ in times]
    step = times[1] - times[0]
    for one, a in enumerate(views):
        for other in range(one):
            b = views[other]
            apart = np.abs(a.pelvis - b.pelvis) / np.minimum(a.metre, b.metre)
            lost, front, since, slides = False, 0, 0.0, False
            for t, distance in enumerate(apart):
                if not lost and distance < _LOST:
                    front, behind = (one, other) if a.depth < b.depth else (other, one)
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
) -> list[Sighting]:
    people = [view.landmarks(t) for view in views]
    found = []
    for dancer, landmarks in enumerate(people):
        if dancer not in missed:
            found.append(Sighting(dancer, landmarks))
        elif (onto := missed[dancer]) is not None and onto not in missed:
            found.append(Sighting(onto, _between(landmarks, people[onto], rng)))
    if rng.random() < _GHOSTS / rate:
        ghost = people[int(rng.integers(len(people)))]
        away = np.array([rng.choice([-1, 1]) * 0.15, 0, 0], np.float32)
        found.append(Sighting(None, Landmarks(ghost.world, ghost.image + away, ghost.visibility)))
    return [found[index] for index in rng.permutation(len(found))]


def _between(own: Landmarks, other: Landmarks, rng: np.random.Generator) -> Landmarks:
    share = np.float32(rng.uniform(0.5, 1))
    return Landmarks(
        world=own.world + share * (other.world - own.world),
        image=own.image + share * (other.image - own.image),
        visibility=other.visibility * np.float32(0.7),
    )
