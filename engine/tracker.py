"""Who is who from frame to frame, where there are several people.

The pose model tells who is in a frame in an order that means nothing, loses one of two people who
overlap, and now and then sees somebody twice or where there is nobody.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import Landmarks

Floats = NDArray[np.float64]

MEMORY: Final = 1.5
"""Seconds for which somebody who is not seen keeps the id."""
MEMORY_BEHIND: Final = 4.0
"""The same for somebody who should be where somebody else is seen."""

_PROOF: Final = 0.2  # seconds for which somebody new has to be seen
_LAPSE: Final = 0.15  # seconds for which somebody new may be missing meanwhile

# The landmarks that make a body: nose, shoulders, elbows, wrists, hips, knees, ankles.
_JOINTS: Final = [0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
_TRUNK: Final = np.isin(_JOINTS, (11, 12, 23, 24)) / 4  # weights of a mean
_ALL: Final = np.full(len(_JOINTS), 1 / len(_JOINTS))
_LEAST_WEIGHT: Final = 0.1  # so that a hidden joint still counts a little
_SAME: Final = 0.45  # metres between the joints of two bodies, below which they are one

# How far off somebody may well be: at once, and how much more for each second unseen.
_PLACE: Final = (0.15, 0.6)  # metres
_SHAPE: Final = (0.15, 0.5)  # metres, of the mean joint
_SIZE: Final = (0.15, 0.03)  # of the logarithm
_GATE: Final = 12.0  # sum of the squares of these from which it is somebody else
_STRANGER: Final = 40.0  # more than any misfit below the gate: somebody known before anybody new

_BEHIND: Final = 0.8  # metres from somebody who is seen, within which somebody else is hidden

_HURRY: Final = 0.3  # seconds over which velocity is averaged
_COAST: Final = 1.2  # seconds after which somebody unseen has all but stopped
_GROWTH: Final = 1.0  # seconds over which size is averaged


class Following(Protocol):
    """Tells who is who."""

    def follow(self, time: float, seen: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        """Says who is followed at `time`, a rising capture time in seconds.

        Returns:
            By id, oldest first, how they were seen, or None where they were not.
        """
        ...

    def reset(self, reason: str) -> None:
        """Forgets everybody."""
        ...


class Alone:
    """Trusts the pose model, which follows one person by itself: always number 1."""

    def follow(self, time: float, seen: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        """The first of `seen`, if there is one."""
        del time
        return {1: seen[0] if seen else None}

    def reset(self, reason: str) -> None:
        """Has nothing to forget."""


class Follower:
    """Knows people again by where they should be by now, how they hold themselves and their size.

    Args:
        people: how many the pose model finds at most.
    """

    def __init__(self, people: int) -> None:
        if people < 1:
            raise ValueError(f"there is one person or more to follow, not {people}")
        self._people = people
        self._last_id = 0
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Forgets everybody; an id that was given is not given again."""
        del reason
        self._tracks: list[_Track] = []
        self._started = False

    def follow(self, time: float, seen: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        """Says who is followed at `time`, a rising capture time in seconds.

        Somebody new is followed once seen for a fifth of a second, so that what flashes up is not;
        those who are there at the start are followed at once.

        Returns:
            By id, oldest first, how they were seen, or None where they were not.
        """
        self._tracks = [track for track in self._tracks if not track.given_up(time)]
        bodies = [_Body.of(landmarks) for landmarks in seen[: self._people]]
        bodies = [body for n, body in enumerate(bodies) if not any(map(body.same_as, bodies[:n]))]
        for body, track in self._recognised(time, bodies):
            track.take(time, body)
            if track.id is None and (not self._started or time - track.born >= _PROOF):
                self._last_id += 1
                track.id = self._last_id
        self._tracks = [
            track for track in self._tracks if track.id is not None or time - track.seen <= _LAPSE
        ]
        for track in self._tracks:
            track.excuse(time, bodies)
        followed = {t.id: t.landmarks(time) for t in self._tracks if t.id is not None}
        self._started = self._started or bool(followed)
        return dict(sorted(followed.items()))

    def _recognised(self, time: float, bodies: Sequence["_Body"]) -> list[tuple["_Body", "_Track"]]:
        """Whose each body is; one that is nobody's starts a track."""
        known = list(self._tracks)
        owned = []
        for body, column in zip(bodies, assign(_misfits(time, bodies, known)), strict=True):
            if column < 0:
                self._tracks.append(_Track(time, body))
            owned.append((body, self._tracks[-1] if column < 0 else known[column]))
        return owned


@dataclass(frozen=True, slots=True)
class _Body:
    """Somebody seen in one frame.

    How long a metre is in the image follows from the joints, which are known in both. It does so
    for each axis, as the form of the image is not known.

    Attributes:
        landmarks: as they were seen.
        centre: (2,) middle of the trunk, normalised to the image.
        shape: (J, 2) metres, joints about it.
        metre: (2,) how long a metre is on each axis of the image.
        weight: (J,) of each joint.
    """

    landmarks: Landmarks
    centre: Floats
    shape: Floats
    metre: Floats
    weight: Floats

    @classmethod
    def of(cls, landmarks: Landmarks) -> Self:
        image = landmarks.image[_JOINTS, :2].astype(np.float64)
        world = landmarks.world[_JOINTS, :2].astype(np.float64)
        world -= _ALL @ world
        # The slope of least squares; never 0, even for a body without any width.
        metre = np.maximum(_ALL @ (image * world) / np.maximum(_ALL @ (world * world), 1e-7), 1e-3)
        centre = _TRUNK @ image
        weight = np.maximum(landmarks.visibility[_JOINTS], _LEAST_WEIGHT).astype(np.float64)
        return cls(landmarks, centre, (image - centre) / metre, metre, weight)

    def same_as(self, other: "_Body") -> bool:
        """Whether both are one body, seen twice."""
        apart = (self.centre - other.centre) / np.sqrt(self.metre * other.metre)
        return bool(_ALL @ _lengths(apart + self.shape - other.shape) < _SAME)


class _Track:
    """Somebody who is followed, or may be before long.

    Attributes:
        id: once followed.
        born: time of the first body.
        seen: time of the last one.
        body: that one.
        size: (2,) logarithm of its metre, averaged.
    """

    def __init__(self, time: float, body: _Body) -> None:
        self.id: int | None = None
        self.born = self.seen = self._excused = time
        self.body = body
        self.size = np.log(body.metre)
        self._velocity = np.zeros(2)

    def landmarks(self, time: float) -> Landmarks | None:
        """As seen at `time`, or None where not seen then."""
        return self.body.landmarks if self.seen == time else None

    def take(self, time: float, body: _Body) -> None:
        """Was seen at `time` as `body`."""
        passed = time - self.seen
        if passed > 0:
            velocity = (body.centre - self.body.centre) / np.exp(self.size) / passed
            self._velocity += (1 - math.exp(-passed / _HURRY)) * (velocity - self._velocity)
            self.size += (1 - math.exp(-passed / _GROWTH)) * (np.log(body.metre) - self.size)
        self.seen, self.body = time, body

    def expected(self, time: float) -> Floats:
        """(2,) where the centre should be at `time`, as everybody comes to a halt in the end."""
        coasting = _COAST * (1 - math.exp((self.seen - time) / _COAST))
        place: Floats = self.body.centre + self._velocity * coasting * np.exp(self.size)
        return place

    def excuse(self, time: float, bodies: Sequence[_Body]) -> None:
        """Lets somebody be who is seen at `time`, or whom one of `bodies` should hide."""
        if self.seen < time:
            apart = [self.expected(time) - body.centre for body in bodies]
            if not apart or _lengths(np.array(apart) / np.exp(self.size)).min() > _BEHIND:
                return
        self._excused = time

    def given_up(self, time: float) -> bool:
        """Whether not seen for too long."""
        return time - self._excused > MEMORY or time - self.seen > MEMORY_BEHIND


def _misfits(time: float, bodies: Sequence[_Body], tracks: Sequence[_Track]) -> Floats:
    """(B, T): how little each body is what each of `tracks` should look like at `time`."""
    if not bodies or not tracks:
        return np.zeros((len(bodies), len(tracks)))
    sizes = np.array([track.size for track in tracks])
    centres = np.array([body.centre for body in bodies])[:, None]
    place = (centres - [track.expected(time) for track in tracks]) / np.exp(sizes)
    shapes = np.array([body.shape for body in bodies])[:, None]
    weights = np.array([body.weight for body in bodies])[:, None]
    weights = weights * np.array([track.body.weight for track in tracks])
    shape = _lengths(shapes - np.array([track.body.shape for track in tracks]))
    shape = (shape * weights).sum(axis=-1) / weights.sum(axis=-1)
    size = np.log([body.metre for body in bodies])[:, None] - sizes
    size = (size[..., 0] + size[..., 1]) / 2
    passed = time - np.array([track.seen for track in tracks])
    square, doubt = np.zeros(place.shape[:2]), np.zeros(len(tracks))
    for off, (at_once, each_second), axes in (
        (_lengths(place), _PLACE, 2),
        (shape, _SHAPE, 1),
        (size, _SIZE, 1),
    ):
        wide = 1 + passed * each_second / at_once
        square += (off / at_once / wide) ** 2
        # The logarithm of a normal distribution: who may be anywhere is less likely to be here
        # than who was here just now.
        doubt += 2 * axes * np.log(wide)
    return np.where(square < _GATE, square + doubt, np.inf)


def _lengths(vectors: Floats) -> Floats:
    """Of vectors (..., 2)."""
    return np.hypot(vectors[..., 0], vectors[..., 1])


def assign(costs: Floats) -> list[int]:
    """Gives each row another column, or -1 for a stranger, at the least cost overall.

    Args:
        costs: (R, C), infinite where a column cannot be given to a row.
    """
    # What the rows from each one on cost at least.
    least = np.minimum(costs.min(axis=1, initial=_STRANGER), _STRANGER)
    rest = [float(least[row:].sum()) for row in range(len(costs) + 1)]
    choices = [
        [(float(row[column]), int(column)) for column in np.argsort(row) if row[column] < _STRANGER]
        for row in costs
    ]
    best, found = np.inf, [-1] * len(costs)

    def go(given: list[int], spent: float) -> None:
        nonlocal best, found
        row = len(given)
        if spent + rest[row] >= best:
            return
        if row == len(costs):
            best, found = spent, given
            return
        for cost, column in choices[row]:
            if column not in given:
                go([*given, column], spent + cost)
        go([*given, -1], spent + _STRANGER)

    go([], 0.0)
    return found
