"""Identities of dancers from frame to frame, if there are several.

The pose model returns people in no particular order, loses one of two people who overlap, and
sometimes finds a person twice or where there is none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import Landmarks

Floats = NDArray[np.float64]

TRACK_TIMEOUT: Final = 1.5
"""Seconds for which a dancer who is not found keeps the id."""
OCCLUDED_TIMEOUT: Final = 4.0
"""The same for a dancer who is expected behind another one."""

_PROOF: Final = 0.2  # seconds for which a new person has to be found
_LAPSE: Final = 0.15  # seconds for which a new person may be missing meanwhile

# Landmarks that describe a body: nose, shoulders, elbows, wrists, hips, knees, ankles.
_JOINTS: Final = [0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
_TRUNK: Final = np.isin(_JOINTS, (11, 12, 23, 24)) / 4  # weights of the mean
_ALL: Final = np.full(len(_JOINTS), 1 / len(_JOINTS))
_LEAST_WEIGHT: Final = 0.1  # so that a hidden joint still counts a little
_SAME: Final = 0.45  # metres between the joints of two bodies, below which they are the same

# Plausible deviation from the expected body: at once, and more for each second not found.
_PLACE: Final = (0.15, 0.6)  # metres
_SHAPE: Final = (0.15, 0.5)  # metres, of the mean joint
_SIZE: Final = (0.15, 0.03)  # of the logarithm
_GATE: Final = 12.0  # sum of the squared deviations from which it is another person
_NEW_TRACK_COST: Final = 40.0  # above any cost within the gate, so known tracks come first

_BEHIND: Final = 0.8  # metres from a person who is found, within which another is hidden

_HURRY: Final = 0.3  # seconds over which velocity is averaged
_COAST: Final = 1.2  # seconds after which a person not found has almost stopped
_GROWTH: Final = 1.0  # seconds over which size is averaged


class Tracker(Protocol):
    """Assigns identities to the people in each frame."""

    def update(self, time: float, people: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        """Assign the people found at `time`, a rising capture time in seconds.

        Returns:
            Landmarks of the tracked dancers by id, oldest first; None for one who was not found.
        """
        ...

    def reset(self, reason: str) -> None:
        """Drop all tracks."""
        ...


class SingleTracker:
    """Tracker for one dancer: the pose model tracks one person by itself, always with id 1."""

    def update(self, time: float, people: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        """Return the first of `people`, if there is one."""
        return {1: people[0] if people else None}

    def reset(self, reason: str) -> None:
        """Do nothing: there is no state."""


class DancerTracker:
    """Tracker for several dancers, by expected position, body shape and size.

    Args:
        people: Maximum number of people that the pose model finds.
    """

    def __init__(self, people: int) -> None:
        if people < 1:
            raise ValueError(f"people must be one person or more, not {people}")
        self._people = people
        self._last_id = 0
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Drop all tracks; ids are not reused."""
        self._tracks: list[_Track] = []
        self._started = False

    def update(self, time: float, people: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        """See `Tracker`.

        A new person is tracked after a fifth of a second, so that false detections are not; those
        who are present at the start are tracked at once.
        """
        self._tracks = [track for track in self._tracks if not track.given_up(time)]
        bodies = [_Body.of(landmarks) for landmarks in people[: self._people]]
        bodies = [body for n, body in enumerate(bodies) if not any(map(body.same_as, bodies[:n]))]
        for body, track in self._matched(time, bodies):
            track.take(time, body)
            if track.id is None and (not self._started or time - track.born >= _PROOF):
                self._last_id += 1
                track.id = self._last_id
        self._tracks = [
            track for track in self._tracks if track.id is not None or time - track.seen <= _LAPSE
        ]
        for track in self._tracks:
            track.excuse(time, bodies)
        tracked = {t.id: t.landmarks(time) for t in self._tracks if t.id is not None}
        self._started = self._started or bool(tracked)
        return dict(sorted(tracked.items()))

    def _matched(self, time: float, bodies: Sequence["_Body"]) -> list[tuple["_Body", "_Track"]]:
        """Return each body with its track; a body that fits none starts a track."""
        known = list(self._tracks)
        matched = []
        for body, column in zip(bodies, assign(_cost_matrix(time, bodies, known)), strict=True):
            if column < 0:
                self._tracks.append(_Track(time, body))
            matched.append((body, self._tracks[-1] if column < 0 else known[column]))
        return matched


@dataclass(frozen=True, slots=True)
class _Body:
    """One person in one frame.

    The length of a metre in the image follows from the joints, which are known in both; for each
    axis separately, as the aspect ratio of the image is unknown.

    Attributes:
        landmarks: Landmarks as found.
        centre: (2,) middle of the trunk, normalised to the image.
        shape: (J, 2) joints relative to the centre, in metres.
        metre: (2,) length of a metre on each axis of the image.
        weight: (J,) weight of each joint.
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
        # Least-squares slope; never 0, even for a body without any width.
        metre = np.maximum(_ALL @ (image * world) / np.maximum(_ALL @ (world * world), 1e-7), 1e-3)
        centre = _TRUNK @ image
        weight = np.maximum(landmarks.visibility[_JOINTS], _LEAST_WEIGHT).astype(np.float64)
        return cls(landmarks, centre, (image - centre) / metre, metre, weight)

    def same_as(self, other: "_Body") -> bool:
        """Return whether both are the same body, found twice."""
        apart = (self.centre - other.centre) / np.sqrt(self.metre * other.metre)
        return bool(_ALL @ _lengths(apart + self.shape - other.shape) < _SAME)


class _Track:
    """A tracked dancer, or a candidate.

    Attributes:
        id: Identity, or None for a candidate.
        born: Time of the first body.
        seen: Time of the latest body.
        body: Latest body.
        size: (2,) logarithm of its metre, averaged.
    """

    def __init__(self, time: float, body: _Body) -> None:
        self.id: int | None = None
        self.born = self.seen = self._excused = time
        self.body = body
        self.size = np.log(body.metre)
        self._velocity = np.zeros(2)

    def landmarks(self, time: float) -> Landmarks | None:
        """Return the landmarks at `time`, or None if the dancer was not found then."""
        return self.body.landmarks if self.seen == time else None

    def take(self, time: float, body: _Body) -> None:
        """Update the track with the body found at `time`."""
        passed = time - self.seen
        if passed > 0:
            velocity = (body.centre - self.body.centre) / np.exp(self.size) / passed
            self._velocity += (1 - math.exp(-passed / _HURRY)) * (velocity - self._velocity)
            self.size += (1 - math.exp(-passed / _GROWTH)) * (np.log(body.metre) - self.size)
        self.seen, self.body = time, body

    def expected(self, time: float) -> Floats:
        """Return the expected centre (2,) at `time`, assuming that the movement slows down."""
        coasting = _COAST * (1 - math.exp((self.seen - time) / _COAST))
        place: Floats = self.body.centre + self._velocity * coasting * np.exp(self.size)
        return place

    def excuse(self, time: float, bodies: Sequence[_Body]) -> None:
        """Extend the track if it was found at `time` or should be hidden by one of `bodies`."""
        if self.seen < time:
            apart = [self.expected(time) - body.centre for body in bodies]
            if not apart or _lengths(np.array(apart) / np.exp(self.size)).min() > _BEHIND:
                return
        self._excused = time

    def given_up(self, time: float) -> bool:
        """Return whether the dancer has not been found for too long."""
        return time - self._excused > TRACK_TIMEOUT or time - self.seen > OCCLUDED_TIMEOUT


def _cost_matrix(time: float, bodies: Sequence[_Body], tracks: Sequence[_Track]) -> Floats:
    """Return the deviation (B, T) of each body from what each track should look like at `time`."""
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
        # Log density of a normal distribution: a track that may be anywhere is less likely to be
        # here than one that was here just now.
        doubt += 2 * axes * np.log(wide)
    return np.where(square < _GATE, square + doubt, np.inf)


def _lengths(vectors: Floats) -> Floats:
    """Return the lengths of vectors (..., 2)."""
    return np.hypot(vectors[..., 0], vectors[..., 1])


def assign(costs: Floats) -> list[int]:
    """Return a different column for each row, or -1 for a new track, at the least total cost.

    Args:
        costs: (R, C), infinite if a row cannot get a column.
    """
    # Least possible cost of the rows from each one on.
    least = np.minimum(costs.min(axis=1, initial=_NEW_TRACK_COST), _NEW_TRACK_COST)
    rest = [float(least[row:].sum()) for row in range(len(costs) + 1)]
    choices = [
        [
            (float(row[column]), int(column))
            for column in np.argsort(row)
            if row[column] < _NEW_TRACK_COST
        ]
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
        go([*given, -1], spent + _NEW_TRACK_COST)

    go([], 0.0)
    return found
