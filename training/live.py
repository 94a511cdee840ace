"""Live answers to a clip: its windows, the answers of a live run, and how often they are right.

The windows of a clip are cut as in a live run and classified once. Any number of rolling estimates
can then be replayed on the probabilities at almost no cost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.clip import classify_windows
from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.engine.recognizer import Prediction, Recognizer, WindowClassifier
from dancetype.engine.rolling import RollingEstimate, Status
from dancetype.engine.skeleton import Array, Pose

START: Final = 2.0
"""Seconds after the first frame from which on the time of a clip is counted."""

_TOLERANCE: Final = 1e-6  # seconds


@dataclass(frozen=True, slots=True)
class LiveWindows:
    """Windows of a clip at each hop of a live run, with the probabilities of each.

    Attributes:
        start: Time of the first frame in seconds.
        ends: (W,) times of the predictions in seconds, one per hop.
        probabilities: (W, K) probabilities; NaN without a window.
        seconds: (W,) lengths of the windows; 0 without a window.
        statuses: Status of each prediction, for predictions without a window.
    """

    start: float
    ends: NDArray[np.float64]
    probabilities: NDArray[np.float32]
    seconds: NDArray[np.float64]
    statuses: tuple[Status, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Output of the rolling estimate at one prediction: time, status and, if named, the genre."""

    time: float
    status: Status
    genre: str | None


@dataclass(frozen=True, slots=True)
class LiveShares:
    """Shares of the time of a clip, from 0 to 1, with a sum of 1.

    Attributes:
        right: Share with the right genre named; 0 if the person does not dance.
        wrong: Share with another genre named; any genre if the person does not dance.
        none: Share without a genre.
    """

    right: float
    wrong: float
    none: float


@dataclass(frozen=True, slots=True)
class LiveClip:
    """Live answers to a clip, compared with its genre. All fields are JSON-ready.

    Attributes:
        name: Name of the clip.
        genre: Code of the true genre, or `NOT_DANCING`.
        seconds: Seconds from the first frame to the last answer.
        right: Share of the counted time, from 0 to 1, with the right genre named; None if the
            person does not dance or no time is counted.
        wrong: Share of the counted time with another genre named; None if no time is counted.
        none: Share of the counted time without a genre; None if no time is counted.
        quiet: Share of the time of the whole clip without a genre.
        delay: Seconds from the first frame until the right genre is first named; None if never.
        changes: Number of changes from one named genre to another.
        probability: Mean probability of the right genre in the windows of the counted time; None
            without one, and if the person does not dance.
        most_named: Genre that is named most of the time, or None.
    """

    name: str
    genre: str
    seconds: float
    right: float | None
    wrong: float | None
    none: float | None
    quiet: float
    delay: float | None
    changes: int
    probability: float | None
    most_named: str | None


@dataclass(frozen=True, slots=True)
class LiveEvaluation:
    """Live answers of a model to clips.

    Attributes:
        clips: Clips with the answers to them.
        start: Seconds of a clip after which its time is counted in the shares.
    """

    clips: Sequence[LiveClip]
    start: float = START

    def figures(self) -> dict[str, Any]:
        """Return JSON-ready figures of each clip, and means of dances and of other clips."""
        dances = [clip for clip in self.clips if clip.genre != NOT_DANCING]
        return {
            "start": self.start,
            "dance": mean_of_clips(dances),
            "no_dance": mean_of_clips([clip for clip in self.clips if clip.genre == NOT_DANCING]),
            "clips": [asdict(clip) for clip in self.clips],
        }


def mean_of_clips(clips: Sequence[LiveClip]) -> dict[str, Any] | None:
    """Return the mean figures of clips that all show dances, or all do not; None without clips.

    A clip that is not longer than the start of the counted time does not count in the means of
    `right`, `wrong` and `none`; `counted` is the number of clips that do. The delay is the median,
    in which a genre that is never named counts as an infinite delay; None if that is infinite.
    """
    if not clips:
        return None
    delay = np.median([np.inf if clip.delay is None else clip.delay for clip in clips])
    means = ("right", "wrong", "none", "quiet", "changes", "probability")
    return {
        "clips": len(clips),
        "counted": sum(clip.none is not None for clip in clips),
        **{name: _mean(getattr(clip, name) for clip in clips) for name in means},
        "delay": float(delay) if np.isfinite(delay) else None,
        "most_named": _most_frequent(clip.most_named for clip in clips),
    }


class _WindowCollector:
    """Placeholder for the classifier that collects windows, to classify them together."""

    def __init__(self, classifier: WindowClassifier) -> None:
        self.contract = classifier.contract
        self.windows: list[Array] = []

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        self.windows.extend(windows)
        return np.zeros((len(windows), len(self.contract.labels)), np.float32)


def live_windows(
    times: NDArray[np.float64], joints: Array, classifier: WindowClassifier
) -> LiveWindows:
    """Cut windows as a live run with the default hop does, and classify them.

    Args:
        times: (T,) rising times in seconds.
        joints: (T, 17, 3) metres as in a `Pose`; NaN in frames without a person.
        classifier: Model to test.

    Raises:
        ValueError: There is no frame.
    """
    if not len(times):
        raise ValueError("the clip has no frame")
    collector = _WindowCollector(classifier)
    recognizer = Recognizer(collector)
    visibility = np.ones(joints.shape[1], np.float32)
    predictions: list[Prediction] = []
    for time, frame_joints in zip(times.tolist(), joints, strict=True):
        pose = Pose(frame_joints, visibility) if np.isfinite(frame_joints).all() else None
        if (prediction := recognizer.push(time, pose)) is not None:
            predictions.append(prediction)
    probabilities = np.full((len(predictions), len(classifier.contract.labels)), np.nan, np.float32)
    has_window = [prediction.window_probabilities is not None for prediction in predictions]
    if any(has_window):
        probabilities[has_window] = classify_windows(np.stack(collector.windows), classifier)
    return LiveWindows(
        float(times[0]),
        np.array([prediction.window_end for prediction in predictions]),
        probabilities,
        np.array([prediction.window_seconds for prediction in predictions]),
        tuple(prediction.estimate.status for prediction in predictions),
    )


def replay(windows: LiveWindows, rolling: RollingEstimate) -> list[Answer]:
    """Reset a rolling estimate and return its answers to a clip's windows, one per hop."""
    rolling.reset("another clip")
    answers = []
    for end, probabilities, seconds, status in zip(
        windows.ends.tolist(),
        windows.probabilities,
        windows.seconds.tolist(),
        windows.statuses,
        strict=True,
    ):
        has_window = np.isfinite(probabilities).all()
        estimate = (
            rolling.update(end, probabilities, seconds=seconds)
            if has_window
            else rolling.update_without_window(status)
        )
        answers.append(Answer(end, estimate.status, estimate.genre))
    return answers


def live_shares(
    answers: Sequence[Answer], genre: str, *, start: float = START
) -> LiveShares | None:
    """Return the shares of time with the right genre, another one and none; None for no time.

    An answer stands for one hop. The first answer of a live run is at the first frame.

    Args:
        answers: Answers to a clip, one per hop.
        genre: Code of the true genre, or `NOT_DANCING`.
        start: Seconds after the first frame from which on time is counted.
    """
    counted = [a for a in answers if a.time - answers[0].time >= start - _TOLERANCE]
    if not counted:
        return None
    named = [answer.genre for answer in counted if answer.genre is not None]
    right = named.count(genre)
    return LiveShares(
        right / len(counted),
        (len(named) - right) / len(counted),
        (len(counted) - len(named)) / len(counted),
    )


def compare_answers(
    name: str,
    genre: str,
    windows: LiveWindows,
    rolling: RollingEstimate,
    labels: Sequence[str],
    *,
    start: float = START,
) -> LiveClip:
    """Compare the answers of a rolling estimate to a clip with its genre.

    Args:
        name: Name of the clip.
        genre: Code of the true genre, one of `labels` or `NOT_DANCING`.
        windows: Windows of the clip.
        rolling: Rolling estimate to replay.
        labels: Genre codes in the classifier's order.
        start: Seconds after the first frame from which on time is counted.
    """
    answers = replay(windows, rolling)
    shares = live_shares(answers, genre, start=start)
    delay = first_delay(answers, genre, windows.start)
    named = [answer.genre for answer in answers if answer.genre is not None]
    dances = genre != NOT_DANCING
    return LiveClip(
        name=name,
        genre=genre,
        seconds=answers[-1].time - windows.start,
        right=shares.right if shares and dances else None,
        wrong=shares.wrong if shares else None,
        none=shares.none if shares else None,
        quiet=1 - len(named) / len(answers),
        delay=delay if np.isfinite(delay) else None,
        changes=count_changes(named),
        probability=_mean_probability(windows, labels.index(genre), start) if dances else None,
        most_named=_most_frequent(named),
    )


def evaluate_live(
    classifier: WindowClassifier, tracks: Iterable[Track], *, start: float = START
) -> LiveEvaluation:
    """Return the answers of a live run with the default hop to tracks.

    Args:
        classifier: Model to test.
        tracks: Tracks of dances and of people who do not dance.
        start: Seconds after the first frame from which on time is counted.
    """
    labels = classifier.contract.labels
    rolling = classifier.contract.rolling_estimate()
    clips = [
        compare_answers(
            track.name,
            track.genre,
            live_windows(track.times, track.joints, classifier),
            rolling,
            labels,
            start=start,
        )
        for track in tracks
    ]
    return LiveEvaluation(clips, start)


def first_delay(answers: Iterable[Answer], genre: str, start: float) -> float:
    """Return the seconds from `start` until a genre is named; infinite if it never is."""
    times = (answer.time for answer in answers if answer.genre == genre and answer.time >= start)
    return next(times, float("inf")) - start


def count_changes(values: Iterable[object]) -> int:
    """Return how often a value differs from the one before."""
    return sum(before != after for before, after in pairwise(values))


def _mean_probability(windows: LiveWindows, genre: int, start: float) -> float | None:
    """Return the mean probability of a genre in the windows that end after `start` seconds."""
    counted = windows.probabilities[windows.ends - windows.start >= start - _TOLERANCE, genre]
    counted = counted[np.isfinite(counted)]
    return float(counted.mean()) if len(counted) else None


def _most_frequent(genres: Iterable[str | None]) -> str | None:
    """Return the most frequent genre, of several the first in the alphabet; None without one."""
    values = sorted(genre for genre in genres if genre is not None)
    return max(values, key=values.count, default=None)


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are not None; None without any."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
