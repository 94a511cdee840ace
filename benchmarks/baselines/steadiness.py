"""Measure the rolling estimate: how soon it names a genre, and how often it changes.

Windows are classified once, as the live path cuts them; then any rolling estimate can be replayed
on their probabilities, which costs next to nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.recognizer import Prediction, Recognizer, WindowClassifier
from dancetype.engine.rolling import RollingEstimate, Status
from dancetype.engine.skeleton import Array, Pose


@dataclass(frozen=True, slots=True)
class Watched:
    """A model's answers about a clip, before the rolling estimate.

    Attributes:
        start: Second of the first frame.
        ends: (W,) seconds at which a prediction is due.
        probabilities: (W, K) for each prediction; NaN without a window.
        seconds: (W,) lengths of the windows; 0 without a window.
        silence: Status of each prediction without a window.
    """

    start: float
    ends: NDArray[np.float64]
    probabilities: NDArray[np.float32]
    seconds: NDArray[np.float64]
    silence: tuple[Status, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer at one prediction: second of the newest frame, status and, if named, the genre."""

    time: float
    status: Status
    genre: str | None


@dataclass(frozen=True, slots=True)
class Take:
    """A clip and the truth about it.

    Attributes:
        genre: Code of the genre danced from `since` on, or `NOT_DANCING`.
        watched: The model's answers about it.
        since: Second at which the dance begins after another one; None without another one.
    """

    genre: str
    watched: Watched
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Figures of several takes; NaN if no take is of the kind that a figure is about.

    Only the delays include the time of warming up.

    Attributes:
        changes: Changes from one named genre to another, per minute of one steady dance.
        turns: Changes of the answer, including from and to "not sure", per minute.
        delay: Median seconds until the right genre is named first; infinite if mostly never.
        late: Share of takes in which that takes over 5 s or never happens.
        switch_delay: Median seconds from the change to another dance until that is named.
        named: Share of time of one steady dance in which a genre is named.
        right: Share of that time in which it is the right one.
        false_accepts: Share of time in which a genre is named although nobody dances.
    """

    changes: float
    turns: float
    delay: float
    late: float
    switch_delay: float
    named: float
    right: float
    false_accepts: float


class _Collector:
    """Stand-in for the classifier that keeps the windows, to classify them in one call."""

    def __init__(self, classifier: WindowClassifier) -> None:
        self.contract = classifier.contract
        self.windows: list[Array] = []

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        self.windows.extend(windows)
        return np.zeros((len(windows), len(self.contract.labels)), np.float32)


def watch(classifier: WindowClassifier, times: NDArray[np.float64], joints: Array) -> Watched:
    """Cut and classify windows as a stream does.

    Args:
        classifier: Model to ask.
        times: (T,) seconds, rising.
        joints: (T, 17, 3) metres as in a `Pose`; NaN where nobody was found.

    Raises:
        ValueError: There is no frame.
    """
    if not len(times):
        raise ValueError("there is no frame to watch")
    collector = _Collector(classifier)
    recognizer = Recognizer(collector)
    visibility = np.ones(joints.shape[1], np.float32)
    predictions: list[Prediction] = []
    for time, pose in zip(times.tolist(), joints, strict=True):
        found = Pose(pose, visibility) if np.isfinite(pose).all() else None
        if (prediction := recognizer.push(time, found)) is not None:
            predictions.append(prediction)
    probabilities = np.full((len(predictions), len(classifier.contract.labels)), np.nan, np.float32)
    cut = [prediction.window_probabilities is not None for prediction in predictions]
    if any(cut):
        probabilities[cut] = classifier(np.stack(collector.windows))
    return Watched(
        float(times[0]),
        np.array([prediction.window_end for prediction in predictions]),
        probabilities,
        np.array([prediction.window_seconds for prediction in predictions]),
        tuple(prediction.estimate.status for prediction in predictions),
    )


def replay(watched: Watched, rolling: RollingEstimate) -> list[Answer]:
    """Return the answers of a stream with this rolling estimate, which is reset first."""
    rolling.reset("another clip")
    answers = []
    for end, probabilities, silence in zip(
        watched.ends.tolist(), watched.probabilities, watched.silence, strict=True
    ):
        cut = np.isfinite(probabilities).all()
        estimate = (
            rolling.update(end, probabilities) if cut else rolling.update_without_window(silence)
        )
        answers.append(Answer(end, estimate.status, estimate.genre))
    return answers


def steadiness(takes: Iterable[Take], rolling: RollingEstimate) -> Steadiness:
    """Measure a rolling estimate on dances, changes of dance and people who do not dance."""
    answered = [(take, replay(take.watched, rolling)) for take in takes]
    idle = [after_warm_up(said) for take, said in answered if take.genre == NOT_DANCING]
    danced = [(take, said) for take, said in answered if take.genre != NOT_DANCING]
    switches = [
        _delay(said, take.genre, take.since) for take, said in danced if take.since is not None
    ]
    steady = [(take, said) for take, said in danced if take.since is None]
    delays = [_delay(said, take.genre, take.watched.start) for take, said in steady]
    spoken = [(take.genre, after_warm_up(said)) for take, said in steady]
    minutes = sum(said[-1].time - said[0].time for _, said in spoken if said) / 60
    named = [(genre, answer.genre) for genre, said in spoken for answer in said if answer.genre]
    changes = sum(_changes(a.genre for a in said if a.genre) for _, said in spoken)
    turns = sum(_changes((a.status, a.genre) for a in said) for _, said in spoken)
    return Steadiness(
        changes=_ratio(changes, minutes),
        turns=_ratio(turns, minutes),
        delay=_median(delays),
        late=_ratio(sum(delay > 5 for delay in delays), len(delays)),
        switch_delay=_median(switches),
        named=_ratio(len(named), sum(len(said) for _, said in spoken)),
        right=_ratio(sum(truth == said for truth, said in named), len(named)),
        false_accepts=_ratio(
            sum(answer.genre is not None for said in idle for answer in said),
            sum(len(said) for said in idle),
        ),
    )


def after_warm_up(answers: Iterable[Answer]) -> list[Answer]:
    """Return the answers without those while warming up."""
    return [answer for answer in answers if answer.status is not Status.WARMING_UP]


def _changes(answers: Iterable[object]) -> int:
    return sum(one != other for one, other in pairwise(answers))


def _delay(answers: list[Answer], genre: str, since: float) -> float:
    right = (answer.time for answer in answers if answer.genre == genre and answer.time >= since)
    return next(right, float("inf")) - since


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def sweep(
    takes: Sequence[Take], labels: tuple[str, ...], grid: Mapping[str, Sequence[float]]
) -> list[tuple[dict[str, float], Steadiness]]:
    """Measure all valid rolling estimates of a grid of their arguments."""
    points = []
    for values in product(*grid.values()):
        knobs = dict(zip(grid, values, strict=True))
        try:
            rolling = RollingEstimate(labels, **knobs)
        except ValueError:
            continue
        points.append((knobs, steadiness(takes, rolling)))
    return points
