"""What a viewer sees of the rolling estimate: how soon it speaks, how often it changes its mind.

Windows are classified once, as the live path cuts them; then any rolling estimate can be replayed
on their probabilities, which costs next to nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.recognizer import Prediction, Recognizer, WindowClassifier
from dancetype.engine.rolling import RollingEstimate, Status
from dancetype.engine.skeleton import Array, Pose

HOP: Final = 0.25
"""Seconds between predictions, as a stream has them unless it is told otherwise."""

Knobs = Mapping[str, float]
"""Arguments of a `RollingEstimate` by name."""


@dataclass(frozen=True, slots=True)
class Watched:
    """All that a model makes of a clip, before the rolling estimate.

    Attributes:
        start: second of the first frame.
        ends: (W,) seconds at which a prediction is due.
        probabilities: (W, K) of each window; NaN where there is none.
        seconds: (W,) length of each window; 0 where there is none.
        silence: what is said where there is no window, one for each prediction.
    """

    start: float
    ends: NDArray[np.float64]
    probabilities: NDArray[np.float32]
    seconds: NDArray[np.float64]
    silence: tuple[Status, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What stands on the screen from one prediction to the next.

    Attributes:
        time: second of the newest frame.
        status: which answer it is.
        genre: code, only where `status` is `GENRE`.
    """

    time: float
    status: Status
    genre: str | None


@dataclass(frozen=True, slots=True)
class Take:
    """A clip and the truth about it.

    Attributes:
        name: of the clip.
        genre: code of what is danced from `since` on, or `NOT_DANCING`.
        watched: what the model makes of it.
        since: second at which that begins, where another dance goes before; None where none does.
    """

    name: str
    genre: str
    watched: Watched
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Steadiness:
    """The figures of some takes; one is NaN where no take says anything about it.

    Time counts from the first window on: warming up belongs to none but the delays.

    Attributes:
        changes: a minute of one steady dance, how often a genre is named other than the one named
            last, whatever was said between.
        turns: a minute of one steady dance, how often the answer becomes another, which counts
            coming from and going to "not sure" as well.
        delay: median over takes of the seconds from the first frame until the right genre is named
            for the first time; infinite where most takes never come to it.
        late: share of those takes in which that takes over 5 s, or never comes about.
        switch_delay: median of the seconds from the change to another dance until that is named.
        named: share of the time of one steady dance that a genre is named.
        right: share of this named time that it is the right one.
        false_accepts: share of time that a genre is named where nobody dances.
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
    """Stands in for the classifier and keeps the windows, to be classified all at once."""

    def __init__(self, classifier: WindowClassifier) -> None:
        self.contract = classifier.contract
        self.windows: list[Array] = []

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        self.windows.extend(windows)
        return np.zeros((len(windows), len(self.contract.labels)), np.float32)


def watch(
    classifier: WindowClassifier, times: NDArray[np.float64], joints: Array, *, hop: float = HOP
) -> Watched:
    """Cuts and classifies windows as a stream does.

    Args:
        classifier: the model.
        times: (T,) seconds, rising.
        joints: (T, 17, 3) metres as in a `Pose`; NaN where nobody was seen.
        hop: seconds between predictions.

    Raises:
        ValueError: there is no frame.
    """
    if not len(times):
        raise ValueError("there is no frame to watch")
    collector = _Collector(classifier)
    recognizer = Recognizer(collector, hop=hop)
    visibility = np.ones(joints.shape[1], np.float32)
    predictions: list[Prediction] = []
    for time, pose in zip(times.tolist(), joints, strict=True):
        seen = bool(np.isfinite(pose).all())
        prediction = recognizer.push(time, Pose(pose, visibility) if seen else None)
        if prediction is not None:
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
    """What a stream with this rolling estimate would have said.

    Args:
        watched: of one clip.
        rolling: is reset first.
    """
    rolling.reset("another clip")
    answers = []
    for end, probabilities, silence in zip(
        watched.ends.tolist(), watched.probabilities, watched.silence, strict=True
    ):
        cut = bool(np.isfinite(probabilities).all())
        estimate = rolling.update(end, probabilities) if cut else rolling.silent(silence)
        answers.append(Answer(end, estimate.status, estimate.genre))
    return answers


def steadiness(takes: Iterable[Take], rolling: RollingEstimate) -> Steadiness:
    """Measures a rolling estimate.

    Args:
        takes: dances, changes of dance and people who do not dance, any of each.
        rolling: is reset for each.
    """
    answered = [(take, replay(take.watched, rolling)) for take in takes]
    idle = [_spoken(said) for take, said in answered if take.genre == NOT_DANCING]
    danced = [(take, said) for take, said in answered if take.genre != NOT_DANCING]
    switches = [
        _delay(said, take.genre, take.since) for take, said in danced if take.since is not None
    ]
    steady = [(take, said) for take, said in danced if take.since is None]
    delays = [_delay(said, take.genre, take.watched.start) for take, said in steady]
    spoken = [(take.genre, _spoken(said)) for take, said in steady]
    minutes = sum(said[-1].time - said[0].time for _, said in spoken if said) / 60
    named = [(genre, answer.genre) for genre, said in spoken for answer in said if answer.genre]
    return Steadiness(
        changes=_ratio(sum(_changes(said) for _, said in spoken), minutes),
        turns=_ratio(sum(_turns(said) for _, said in spoken), minutes),
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


def _spoken(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.status is not Status.WARMING_UP]


def _changes(answers: list[Answer]) -> int:
    named = [answer.genre for answer in answers if answer.genre is not None]
    return sum(one != other for one, other in pairwise(named))


def _turns(answers: list[Answer]) -> int:
    said = [(answer.status, answer.genre) for answer in answers]
    return sum(one != other for one, other in pairwise(said))


def _delay(answers: list[Answer], genre: str, since: float) -> float:
    right = (answer.time for answer in answers if answer.genre == genre and answer.time >= since)
    return next(right, float("inf")) - since


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def sweep(
    takes: Sequence[Take],
    labels: tuple[str, ...],
    grid: Mapping[str, Sequence[float]],
) -> list[tuple[Knobs, Steadiness]]:
    """Measures the rolling estimates of a grid, those that contradict themselves left out.

    Args:
        takes: as for `steadiness`.
        labels: genre codes in the classifier's order.
        grid: values to try of each argument of a `RollingEstimate`.
    """
    points: list[tuple[Knobs, Steadiness]] = []
    for values in product(*grid.values()):
        knobs = dict(zip(grid, values, strict=True))
        try:
            rolling = RollingEstimate(labels, **knobs)
        except ValueError:
            continue
        points.append((knobs, steadiness(takes, rolling)))
    return points
