"""Measure the rolling estimate: how soon it names a genre, and how often the genre changes.

The windows of a clip are cut as in a live run and classified once. Any number of rolling estimates
can then be replayed on the probabilities at almost no cost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.recognizer import Prediction, Recognizer, WindowClassifier
from dancetype.engine.rolling import Decision, RollingEstimate, Status
from dancetype.engine.skeleton import Array, Pose


@dataclass(frozen=True, slots=True)
class WindowPredictions:
    """Predictions for the windows of a clip, before the rolling estimate.

    Attributes:
        start: Time of the first frame in seconds.
        ends: (W,) times of the predictions in seconds.
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
class LabelledClip:
    """A clip's window predictions and its true genre.

    Attributes:
        genre: Code of the genre, or `NOT_DANCING`.
        predictions: Predictions for the windows of the clip.
        changed_at: Time at which this genre follows another one; None for a single genre.
    """

    genre: str
    predictions: WindowPredictions
    changed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Figures of several clips; NaN if no clip is of the kind that a figure is about.

    Only the delays include the time of warming up.

    Attributes:
        changes: Changes from one named genre to another per minute, in clips of one genre.
        turns: Changes of the answer, including those from and to "not sure", per minute.
        delay: Median seconds until the true genre is first named; infinite if mostly never.
        late: Share of clips in which that takes over 5 s or never happens.
        switch_delay: Median seconds from a change of the genre until the new one is named.
        named: Share of time in which a genre is named, in clips of one genre.
        right: Share of that time in which it is the true genre.
        false_accepts: Share of time in which a genre is named although the person doesn't dance.
    """

    changes: float
    turns: float
    delay: float
    late: float
    switch_delay: float
    named: float
    right: float
    false_accepts: float


class _WindowCollector:
    """Placeholder for the classifier that collects windows, to classify them in one call."""

    def __init__(self, classifier: WindowClassifier) -> None:
        self.contract = classifier.contract
        self.windows: list[Array] = []

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        self.windows.extend(windows)
        return np.zeros((len(windows), len(self.contract.labels)), np.float32)


def predict_windows(
    classifier: WindowClassifier, times: NDArray[np.float64], joints: Array
) -> WindowPredictions:
    """Cut windows as a live run does, and classify them.

    Args:
        classifier: Model to test.
        times: (T,) rising times in seconds.
        joints: (T, 17, 3) metres as in a `Pose`; NaN in frames without a person.

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
        probabilities[has_window] = classifier(np.stack(collector.windows))
    return WindowPredictions(
        float(times[0]),
        np.array([prediction.window_end for prediction in predictions]),
        probabilities,
        np.array([prediction.window_seconds for prediction in predictions]),
        tuple(prediction.estimate.status for prediction in predictions),
    )


def replay(predictions: WindowPredictions, rolling: RollingEstimate) -> list[Answer]:
    """Reset a rolling estimate and return its answers to a clip's predictions."""
    rolling.reset("another clip")
    answers = []
    for end, probabilities, status in zip(
        predictions.ends.tolist(), predictions.probabilities, predictions.statuses, strict=True
    ):
        has_window = np.isfinite(probabilities).all()
        estimate = (
            rolling.update(end, probabilities)
            if has_window
            else rolling.update_without_window(status)
        )
        answers.append(Answer(end, estimate.status, estimate.genre))
    return answers


def measure_steadiness(clips: Iterable[LabelledClip], rolling: RollingEstimate) -> Steadiness:
    """Measure a rolling estimate on dances, changes of dance and people who do not dance."""
    answered = [(clip, replay(clip.predictions, rolling)) for clip in clips]
    idle = [after_warm_up(answers) for clip, answers in answered if clip.genre == NOT_DANCING]
    dances = [(clip, answers) for clip, answers in answered if clip.genre != NOT_DANCING]
    switch_delays = [
        _delay(answers, clip.genre, clip.changed_at)
        for clip, answers in dances
        if clip.changed_at is not None
    ]
    steady = [(clip, answers) for clip, answers in dances if clip.changed_at is None]
    delays = [_delay(answers, clip.genre, clip.predictions.start) for clip, answers in steady]
    warm = [(clip.genre, after_warm_up(answers)) for clip, answers in steady]
    minutes = sum(answers[-1].time - answers[0].time for _, answers in warm if answers) / 60
    named = [(genre, answer.genre) for genre, answers in warm for answer in answers if answer.genre]
    changes = sum(
        _count_changes(answer.genre for answer in answers if answer.genre) for _, answers in warm
    )
    turns = sum(
        _count_changes((answer.status, answer.genre) for answer in answers) for _, answers in warm
    )
    return Steadiness(
        changes=_ratio(changes, minutes),
        turns=_ratio(turns, minutes),
        delay=_median(delays),
        late=_ratio(sum(delay > 5 for delay in delays), len(delays)),
        switch_delay=_median(switch_delays),
        named=_ratio(len(named), sum(len(answers) for _, answers in warm)),
        right=_ratio(sum(genre == answer for genre, answer in named), len(named)),
        false_accepts=_ratio(
            sum(answer.genre is not None for answers in idle for answer in answers),
            sum(len(answers) for answers in idle),
        ),
    )


def after_warm_up(answers: Iterable[Answer]) -> list[Answer]:
    """Return the answers without those while warming up."""
    return [answer for answer in answers if answer.status is not Status.WARMING_UP]


def _count_changes(values: Iterable[object]) -> int:
    return sum(before != after for before, after in pairwise(values))


def _delay(answers: list[Answer], genre: str, start: float) -> float:
    times = (answer.time for answer in answers if answer.genre == genre and answer.time >= start)
    return next(times, float("inf")) - start


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def grid_search(
    clips: Sequence[LabelledClip], labels: tuple[str, ...], grid: Mapping[str, Sequence[float]]
) -> list[tuple[dict[str, float], Steadiness]]:
    """Measure the rolling estimates for all valid combinations of their parameters."""
    points = []
    for values in product(*grid.values()):
        parameters = dict(zip(grid, values, strict=True))
        try:
            decision = Decision.uniform(len(labels), **parameters)
        except ValueError:
            continue
        rolling = RollingEstimate(labels, decision)
        points.append((parameters, measure_steadiness(clips, rolling)))
    return points
