"""Measure the rolling estimate: how soon it names a genre, and how often the genre changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.rolling import Decision, RollingEstimate, Status
from dancetype.training.live import Answer, LiveWindows, count_changes, first_delay, replay


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """A clip's windows and its true genre.

    Attributes:
        genre: Code of the genre, or `NOT_DANCING`.
        windows: Windows of the clip at each hop.
        changed_at: Time at which this genre follows another one; None for a single genre.
    """

    genre: str
    windows: LiveWindows
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
        leave_delay: Median seconds from a change of the genre until the genre that was named then
            is no longer named.
        named: Share of time in which a genre is named, in clips of one genre.
        right: Share of that time in which it is the true genre.
        false_accepts: Share of time in which a genre is named although the person doesn't dance.
    """

    changes: float
    turns: float
    delay: float
    late: float
    switch_delay: float
    leave_delay: float
    named: float
    right: float
    false_accepts: float


def measure_steadiness(clips: Iterable[LabelledClip], rolling: RollingEstimate) -> Steadiness:
    """Measure a rolling estimate on dances, changes of dance and people who do not dance."""
    answered = [(clip, replay(clip.windows, rolling)) for clip in clips]
    idle = [after_warm_up(answers) for clip, answers in answered if clip.genre == NOT_DANCING]
    dances = [(clip, answers) for clip, answers in answered if clip.genre != NOT_DANCING]
    switch_delays = [
        first_delay(answers, clip.genre, clip.changed_at)
        for clip, answers in dances
        if clip.changed_at is not None
    ]
    leave_delays = [
        delay
        for clip, answers in dances
        if clip.changed_at is not None
        and (delay := _leave_delay(answers, clip.genre, clip.changed_at)) is not None
    ]
    steady = [(clip, answers) for clip, answers in dances if clip.changed_at is None]
    delays = [first_delay(answers, clip.genre, clip.windows.start) for clip, answers in steady]
    warm = [(clip.genre, after_warm_up(answers)) for clip, answers in steady]
    minutes = sum(answers[-1].time - answers[0].time for _, answers in warm if answers) / 60
    named = [(genre, answer.genre) for genre, answers in warm for answer in answers if answer.genre]
    changes = sum(
        count_changes(answer.genre for answer in answers if answer.genre) for _, answers in warm
    )
    turns = sum(
        count_changes((answer.status, answer.genre) for answer in answers) for _, answers in warm
    )
    return Steadiness(
        changes=_ratio(changes, minutes),
        turns=_ratio(turns, minutes),
        delay=_median(delays),
        late=_ratio(sum(delay > 5 for delay in delays), len(delays)),
        switch_delay=_median(switch_delays),
        leave_delay=_median(leave_delays),
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


def _leave_delay(answers: Sequence[Answer], genre: str, changed_at: float) -> float | None:
    """Return the seconds from a change until the genre named then is left; infinite if never.

    None if no genre was named then, or already the new one.
    """
    before = [answer.genre for answer in answers if answer.time < changed_at]
    if not before or before[-1] in (None, genre):
        return None
    times = (a.time for a in answers if a.time >= changed_at and a.genre != before[-1])
    return next(times, float("inf")) - changed_at


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
