"""Tracking of several dancers from frame to frame.

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
"""Seconds after which a dancer who is not found loses the id."""
OCCLUDED_TIMEOUT: Final = 4.0
"""Seconds after which a dancer who is probably hidden behind another one loses the id."""

_CONFIRMATION_TIME: Final = 0.2  # seconds for which a new person must be found before getting an id
_CANDIDATE_TIMEOUT: Final = 0.15  # seconds after which a new person who is not found is dropped

# Landmarks that describe a body: nose, shoulders, elbows, wrists, hips, knees, ankles.
_JOINTS: Final = [0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
_TRUNK_WEIGHTS: Final = np.isin(_JOINTS, (11, 12, 23, 24)) / 4  # for the mean of the trunk
_MEAN_WEIGHTS: Final = np.full(len(_JOINTS), 1 / len(_JOINTS))
_MIN_WEIGHT: Final = 0.1  # so that hidden joints still count
_DUPLICATE_DISTANCE: Final = 0.45  # metres between joints, below which two bodies are one

# Standard deviations from the expected body: in the next frame, and increase per second not found.
_POSITION_DEVIATION: Final = (0.15, 0.6)  # metres
_SHAPE_DEVIATION: Final = (0.15, 0.5)  # metres, of the mean joint
_SIZE_DEVIATION: Final = (0.15, 0.03)  # of the logarithm
_GATE: Final = 12.0  # sum of squared deviations above which it is another person
_NEW_TRACK_COST: Final = 40.0  # above any cost within the gate, so that known tracks are preferred

_OCCLUSION_DISTANCE: Final = 0.8  # metres from a person within which another one may be hidden

_VELOCITY_SMOOTHING: Final = 0.3  # seconds over which velocity is averaged
_SIZE_SMOOTHING: Final = 1.0  # seconds over which size is averaged
_COASTING: Final = 1.2  # time constant in seconds with which a person not found slows down


class Tracker(Protocol):
    """Tracker that assigns ids to the people in each frame."""

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
    """Tracker for one dancer, who always has the id 1; the pose model does the tracking."""

    def update(self, time: float, people: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        """Assign the id 1 to the first of `people`, or to None if there are none."""
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
            raise ValueError(f"people must be 1 or more, not {people}")
        self._people = people
        self._last_id = 0
        self.reset("new")

    def reset(self, reason: str) -> None:
        """Drop all tracks; ids are not reused."""
        self._tracks: list[_Track] = []
        self._started = False

    def update(self, time: float, people: Sequence[Landmarks]) -> dict[int, Landmarks | None]:
        """See `Tracker`.

        A new person gets an id after a fifth of a second, so that false detections do not. People
        who are present at the start get an id immediately.
        """
        self._tracks = [track for track in self._tracks if not track.has_expired(time)]
        bodies = _distinct_bodies(people[: self._people])
        for body, track in self._match(time, bodies):
            track.update(time, body)
            if track.id is None and (
                not self._started or time - track.first_found >= _CONFIRMATION_TIME
            ):
                self._last_id += 1
                track.id = self._last_id
        self._tracks = [
            track
            for track in self._tracks
            if track.id is not None or time - track.last_found <= _CANDIDATE_TIMEOUT
        ]
        for track in self._tracks:
            track.extend(time, bodies)
        tracked = {t.id: t.landmarks(time) for t in self._tracks if t.id is not None}
        self._started = self._started or bool(tracked)
        return dict(sorted(tracked.items()))

    def _match(self, time: float, bodies: Sequence["_Body"]) -> list[tuple["_Body", "_Track"]]:
        """Return each body with its track; a body that matches no track starts a new one."""
        known = list(self._tracks)
        matches = []
        for body, index in zip(bodies, assign(_cost_matrix(time, bodies, known)), strict=True):
            if index < 0:
                self._tracks.append(_Track(time, body))
            matches.append((body, self._tracks[-1] if index < 0 else known[index]))
        return matches


@dataclass(frozen=True, slots=True)
class _Body:
    """One person in one frame.

    The image scale follows from the joints, which are known in metres and in the image. It is
    computed for each axis separately, since the aspect ratio of the image is unknown.

    Attributes:
        landmarks: Landmarks of the person.
        centre: (2,) centre of the trunk, normalised to the image.
        shape: (J, 2) joints relative to the centre, in metres.
        scale: (2,) length of a metre on each axis of the image.
        weights: (J,) weight of each joint.
    """

    landmarks: Landmarks
    centre: Floats
    shape: Floats
    scale: Floats
    weights: Floats

    @classmethod
    def from_landmarks(cls, landmarks: Landmarks) -> Self:
        image = landmarks.image[_JOINTS, :2].astype(np.float64)
        world = landmarks.world[_JOINTS, :2].astype(np.float64)
        world -= _MEAN_WEIGHTS @ world
        # Slope of a least-squares fit, limited so that a body without any width does not give 0.
        squares = np.maximum(_MEAN_WEIGHTS @ (world * world), 1e-7)
        scale = np.maximum(_MEAN_WEIGHTS @ (image * world) / squares, 1e-3)
        centre = _TRUNK_WEIGHTS @ image
        weights = np.maximum(landmarks.visibility[_JOINTS], _MIN_WEIGHT).astype(np.float64)
        return cls(landmarks, centre, (image - centre) / scale, scale, weights)

    def duplicates(self, other: "_Body") -> bool:
        """Return whether both are the same person, found twice."""
        offset = (self.centre - other.centre) / np.sqrt(self.scale * other.scale)
        distances = _lengths(offset + self.shape - other.shape)
        return bool(_MEAN_WEIGHTS @ distances < _DUPLICATE_DISTANCE)


def _distinct_bodies(people: Sequence[Landmarks]) -> list[_Body]:
    """Return the bodies of `people` without those that duplicate an earlier one."""
    bodies = [_Body.from_landmarks(landmarks) for landmarks in people]
    return [body for n, body in enumerate(bodies) if not any(map(body.duplicates, bodies[:n]))]


class _Track:
    """Track of a dancer, or of a candidate that has no id yet.

    Attributes:
        id: Identity, or None for a candidate.
        first_found: Time of the first body.
        last_found: Time of the latest body.
        body: Latest body.
        log_scale: (2,) moving average of the logarithm of the body's scale.
    """

    def __init__(self, time: float, body: _Body) -> None:
        self.id: int | None = None
        self.first_found = self.last_found = self._timeout_start = time
        self.body = body
        self.log_scale = np.log(body.scale)
        self._velocity = np.zeros(2)  # metres per second

    def landmarks(self, time: float) -> Landmarks | None:
        """Return the landmarks at `time`, or None if the dancer was not found then."""
        return self.body.landmarks if self.last_found == time else None

    def update(self, time: float, body: _Body) -> None:
        """Add the body found at `time`."""
        interval = time - self.last_found
        if interval > 0:
            velocity = (body.centre - self.body.centre) / np.exp(self.log_scale) / interval
            change = velocity - self._velocity
            self._velocity += (1 - math.exp(-interval / _VELOCITY_SMOOTHING)) * change
            growth = np.log(body.scale) - self.log_scale
            self.log_scale += (1 - math.exp(-interval / _SIZE_SMOOTHING)) * growth
        self.last_found, self.body = time, body

    def expected_centre(self, time: float) -> Floats:
        """Return the expected centre (2,) at `time`, assuming that the movement slows down."""
        seconds = _COASTING * (1 - math.exp((self.last_found - time) / _COASTING))
        centre: Floats = self.body.centre + self._velocity * seconds * np.exp(self.log_scale)
        return centre

    def extend(self, time: float, bodies: Sequence[_Body]) -> None:
        """Restart the timeout if the dancer was found at `time` or may be behind a body."""
        if self.last_found < time:
            offsets = [self.expected_centre(time) - body.centre for body in bodies]
            if not offsets:
                return
            distances = _lengths(np.array(offsets) / np.exp(self.log_scale))
            if distances.min() > _OCCLUSION_DISTANCE:
                return
        self._timeout_start = time

    def has_expired(self, time: float) -> bool:
        """Return whether the dancer has not been found for too long."""
        elapsed, missing = time - self._timeout_start, time - self.last_found
        return elapsed > TRACK_TIMEOUT or missing > OCCLUDED_TIMEOUT


def _cost_matrix(time: float, bodies: Sequence[_Body], tracks: Sequence[_Track]) -> Floats:
    """Return the cost (B, T) of assigning each body to each track at `time`.

    The cost is the negative logarithm of a normal distribution around the expected body, times two
    and without constants; it is infinite outside of the gate.
    """
    if not bodies or not tracks:
        return np.zeros((len(bodies), len(tracks)))
    scales = np.array([track.log_scale for track in tracks])
    expected = [track.expected_centre(time) for track in tracks]
    centres = np.array([body.centre for body in bodies])[:, None]
    position = _lengths((centres - expected) / np.exp(scales))
    shapes = np.array([body.shape for body in bodies])[:, None]
    weights = np.array([body.weights for body in bodies])[:, None]
    weights = weights * np.array([track.body.weights for track in tracks])
    shape = _lengths(shapes - np.array([track.body.shape for track in tracks]))
    shape = (shape * weights).sum(axis=-1) / weights.sum(axis=-1)
    size = np.log([body.scale for body in bodies])[:, None] - scales
    size = (size[..., 0] + size[..., 1]) / 2
    missing = time - np.array([track.last_found for track in tracks])
    squares, log_widths = np.zeros(position.shape), np.zeros(len(tracks))
    for deviation, (initial, per_second), dimensions in (
        (position, _POSITION_DEVIATION, 2),
        (shape, _SHAPE_DEVIATION, 1),
        (size, _SIZE_DEVIATION, 1),
    ):
        width = 1 + missing * per_second / initial
        squares += (deviation / initial / width) ** 2
        # A dancer who may be anywhere is less likely to be here than one who was just here.
        log_widths += 2 * dimensions * np.log(width)
    return np.where(squares < _GATE, squares + log_widths, np.inf)


def _lengths(vectors: Floats) -> Floats:
    """Return the lengths of vectors (..., 2)."""
    return np.hypot(vectors[..., 0], vectors[..., 1])


def assign(costs: Floats) -> list[int]:
    """Return a different column for each row, or -1 for a new track, with the least total cost.

    Args:
        costs: (R, C), infinite if a row cannot be assigned to a column.
    """
    # Lower bound of the cost of each row and all rows after it.
    cheapest = np.minimum(costs.min(axis=1, initial=_NEW_TRACK_COST), _NEW_TRACK_COST)
    bounds = [float(cheapest[row:].sum()) for row in range(len(costs) + 1)]
    choices = [
        [
            (float(row[column]), int(column))
            for column in np.argsort(row)
            if row[column] < _NEW_TRACK_COST
        ]
        for row in costs
    ]
    best_cost, best = np.inf, [-1] * len(costs)

    def search(columns: list[int], cost: float) -> None:
        """Extend the columns of the first rows by all choices that may be the best."""
        nonlocal best_cost, best
        row = len(columns)
        if cost + bounds[row] >= best_cost:
            return
        if row == len(costs):
            best_cost, best = cost, columns
            return
        for column_cost, column in choices[row]:
            if column not in columns:
                search([*columns, column], cost + column_cost)
        search([*columns, -1], cost + _NEW_TRACK_COST)

    search([], 0.0)
    return best
