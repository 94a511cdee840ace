"""Motion-captured dancers on one stage, as a pose model tells them that loses some at times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import LANDMARKS, Landmarks
from dancetype.engine.skeleton import LEFT_HIP, RIGHT_HIP, Array, pelvis_centred
from dancetype.training.augment.camera import facing
from dancetype.training.augment.pose_noise import mediapipe_noise
from dancetype.training.data.aist import FRAMES_PER_SECOND

Floats = NDArray[np.float64]

PATHS: Final = ("cross", "turn back", "pass", "three")
"""Both walk on; both turn back where they meet; one stands; two cross before a third who stands."""

_QUIET: Final = 2.5  # seconds before anybody walks, and after
_REACH: Final = 1.6  # metres from the middle to where they start
_WIDTH, _HEIGHT, _FOCAL = 1280, 720, 1000.0
_EYE: Final = 1.4  # metres above the floor
_STATURE: Final = 1.7  # metres that a pose model takes everybody for

# As measured on a real stage: sizes err by 4 % in the median and by 10 % one time in ten.
_SWELLING: Final = 0.08  # sd of the logarithm of the size
_SWELLS: Final = 0.4  # seconds after which it is another

# Of each landmark the COCO joint at or next to it.
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
    """Somebody found in a frame.

    Attributes:
        owner: index of the dancer, or None of nobody.
        landmarks: as a pose model has them.
    """

    owner: int | None
    landmarks: Landmarks


@dataclass(frozen=True, slots=True)
class Scene:
    """What was found on the stage.

    Attributes:
        times: (T,) seconds.
        frames: who was found in each, in any order.
        quiet: seconds at either end in which nobody walks.
    """

    times: Floats
    frames: list[list[Sighting]]
    quiet: float = _QUIET


def scene(
    dances: Sequence[Array], path: str, speed: float, rate: float, rng: np.random.Generator
) -> Scene:
    """Puts dancers on a stage and films them.

    Args:
        dances: of each, (T, 17, 3) metres at 60 frames a second.
        path: one of `PATHS`.
        speed: metres a second at which whoever walks does so.
        rate: frames a second.
        rng: where chance comes from.
    """
    walking = 2 * _REACH / speed
    times = np.arange(0, walking + 2 * _QUIET, 1 / rate)
    depths = 5.0 + rng.permutation(len(dances)) * rng.uniform(0.5, 1.2)
    routes = _routes(path, np.clip((times - _QUIET) / walking, 0, 1))
    films = [
        _Film.of(dance, times, route, depth, rng)
        for dance, route, depth in zip(dances, routes, depths, strict=True)
    ]
    gone = _gone(films, times, rng)
    return Scene(times, [list(_frame(films, gone, t, rng, rate)) for t in range(len(times))])


def _routes(path: str, share: Floats) -> list[Floats]:
    """Metres to the image's right of the middle, of each dancer."""
    there = _REACH * (2 * share - 1)
    return {
        "cross": [there, -there],
        "turn back": [-np.maximum(np.abs(there), 0.1), np.maximum(np.abs(there), 0.1)],
        "pass": [there, 0 * there],
        "three": [there, -there, 0 * there],
    }[path]


@dataclass(frozen=True, slots=True)
class _Film:
    """One dancer as seen with nobody in the way.

    Attributes:
        world: (T, 17, 3) metres, hip-centred.
        image: (T, 17, 2) normalised to the image.
        pelvis: (T,) where in the image it is from left to right.
        metre: (T,) how long a metre is there.
        depth: metres from the camera.
    """

    world: Array
    image: Array
    pelvis: Floats
    metre: Floats
    depth: float

    @classmethod
    def of(
        cls, dance: Array, times: Floats, route: Floats, depth: float, rng: np.random.Generator
    ) -> "_Film":
        steps = np.round(times * FRAMES_PER_SECOND).astype(int) + rng.integers(0, len(dance))
        # There and back again, where the dance is shorter than the scene.
        steps = np.abs((steps % (2 * len(dance) - 2)) - (len(dance) - 1))
        joints = facing(dance)[steps].astype(np.float64)
        floor = np.percentile(joints[..., 1].min(axis=1), 5)
        joints -= [np.median(joints[..., 0]), floor, np.median(joints[..., 2])]
        joints += np.stack([route, 0 * route, 0 * route - depth], axis=-1)[:, None]
        stature = np.percentile(np.ptp(joints[..., 1], axis=1), 90) * 1.08
        errors = mediapipe_noise().draw(times, 1.0, rng)
        world = pelvis_centred((joints - joints.mean(1, keepdims=True)).astype(np.float32))
        world = world * (_STATURE / stature * _swelling(times, rng)) + errors
        seen = joints + errors * [1, 1, 0]
        scale = _FOCAL / np.maximum(-seen[..., 2], 1.0)
        image = np.stack(
            [
                0.5 + seen[..., 0] * scale / _WIDTH,
                0.5 - (seen[..., 1] - _EYE) * scale / _HEIGHT,
            ],
            axis=-1,
        )
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


def _swelling(times: Floats, rng: np.random.Generator) -> Floats:
    """(T, 1, 1): how much larger than usual a pose model takes somebody for, from time to time."""
    knots = np.arange(times[0], times[-1] + _SWELLS, _SWELLS)
    logarithms = np.interp(times, knots, rng.normal(0, _SWELLING, len(knots)))
    swelling: Floats = np.exp(logarithms)[:, None, None]
    return swelling


def _gone(
    films: Sequence[_Film], times: Floats, rng: np.random.Generator
) -> list[dict[int, int | None]]:
    """Of each frame who is not found, and onto whom they slid, if so.

    One of two who overlap is lost, mostly the one behind; half of the time what is found of him or
    her slides onto the other one first.
    """
    gone: list[dict[int, int | None]] = [{} for _ in times]
    step = times[1] - times[0]
    for one, a in enumerate(films):
        for other in range(one):
            b = films[other]
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
                    gone[t][behind] = front if sliding else None
    for dancer in range(len(films)):
        for start in np.flatnonzero(rng.random(len(times)) < _BURSTS * step).tolist():
            for t in range(start, min(start + round(rng.uniform(0.1, 0.5) / step), len(times))):
                gone[t].setdefault(dancer, None)
        for t in np.flatnonzero(rng.random(len(times)) < _MISSED).tolist():
            gone[t].setdefault(dancer, None)
    return gone


def _frame(
    films: Sequence[_Film],
    gone: Sequence[dict[int, int | None]],
    t: int,
    rng: np.random.Generator,
    rate: float,
) -> Iterator[Sighting]:
    found = []
    for dancer, film in enumerate(films):
        if dancer not in gone[t]:
            found.append(Sighting(dancer, film.landmarks(t)))
        elif (onto := gone[t][dancer]) is not None and onto not in gone[t]:
            found.append(Sighting(onto, _between(film.landmarks(t), films[onto].landmarks(t), rng)))
    if rng.random() < _GHOSTS / rate:
        ghost = films[int(rng.integers(len(films)))].landmarks(t)
        away = np.array([rng.choice([-1, 1]) * 0.15, 0, 0], np.float32)
        found.append(Sighting(None, Landmarks(ghost.world, ghost.image + away, ghost.visibility)))
    yield from (found[index] for index in rng.permutation(len(found)))


def _between(own: Landmarks, other: Landmarks, rng: np.random.Generator) -> Landmarks:
    share = np.float32(rng.uniform(0.5, 1))
    return Landmarks(
        world=own.world + share * (other.world - own.world),
        image=own.image + share * (other.image - own.image),
        visibility=other.visibility * np.float32(0.7),
    )
