import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.baselines.steadiness import (
    Steadiness,
    Take,
    Watched,
    replay,
    steadiness,
    sweep,
    watch,
)
from dancetype.engine.contract import Contract
from dancetype.engine.genres import CODES
from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.recognizer import Recognizer
from dancetype.engine.rolling import RollingEstimate, Status
from dancetype.engine.skeleton import JOINTS, Array, Pose
from dancetype.engine.window import WindowSpec

LABELS = ("BR", "PO", "LO")
HOP = 0.25


class Moody:
    """Is sure of the first genre or not, by where a wrist is, and counts how often it is asked."""

    contract = Contract(CODES, WindowSpec(4.0, 1.0, 20), "camera", "none", "none", ())

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        self.asked += 1
        out = windows[:, -1, 4 * JOINTS.index("left_wrist")]
        sure = 0.5 + 0.45 * np.sign(np.sin(20 * out))
        shares = np.full((len(windows), len(CODES)), (1 - sure[:, None]) / (len(CODES) - 1))
        shares[:, 0] = sure
        return shares.astype(np.float32)


def clip(seconds: float = 12, rate: int = 20) -> tuple[NDArray[np.float64], Array]:
    """Somebody who is out of sight from the fourth to the sixth second."""
    times = np.arange(round(seconds * rate)) / rate
    joints = np.random.default_rng(1).normal(0, 0.4, (17, 3)) + np.zeros((len(times), 1, 1))
    joints[:, :, 0] += 0.5 * np.sin(times)[:, None] * np.arange(17) / 17
    joints[(times > 4) & (times < 6)] = np.nan
    return times, joints.astype(np.float32)


def forgetful(labels: tuple[str, ...] = LABELS) -> RollingEstimate:
    """Says at once whatever a window says with more than half."""
    return RollingEstimate(labels, time_constant=1e-6, enter=0.5, leave=0.5, margin=0.0)


def watched(said: str, *, start: float = 0.0) -> Watched:
    """A prediction each hop: B, P and L are sure of a genre, a dot is not, a dash has no window."""
    sure = {"B": (0.9, 0.05, 0.05), "P": (0.05, 0.9, 0.05), "L": (0.05, 0.05, 0.9)}
    other = {".": (0.4, 0.3, 0.3), "-": (np.nan,) * 3}
    return Watched(
        start,
        np.array([start + HOP * hop for hop in range(len(said))]),
        np.array([(sure | other)[letter] for letter in said], np.float32),
        np.array([0.0 if letter == "-" else 4.0 for letter in said]),
        tuple(Status.WARMING_UP if letter == "-" else Status.NOT_SURE for letter in said),
    )


def figures(*takes: Take) -> Steadiness:
    return steadiness(takes, forgetful())


def danced(said: str, *, genre: str = "BR", since: float | None = None) -> Take:
    return Take(genre, watched(said), since)


def test_a_replay_says_what_the_live_path_says() -> None:
    times, joints = clip()
    recognizer = Recognizer(Moody())
    live = []
    for time, pose in zip(times, joints, strict=True):
        there = bool(np.isfinite(pose).all())
        prediction = recognizer.push(time, Pose(pose, np.ones(17, np.float32)) if there else None)
        if prediction is not None:
            live.append(prediction)
    seen = watch(Moody(), times, joints)
    answers = replay(seen, RollingEstimate(CODES))
    assert [answer.time for answer in answers] == [p.window_end for p in live]
    assert [answer.status for answer in answers] == [p.estimate.status for p in live]
    assert [answer.genre for answer in answers] == [p.estimate.genre for p in live]
    assert {answer.status for answer in answers} == set(Status)
    assert seen.seconds.tolist() == [p.window_seconds for p in live]


def test_a_clip_is_classified_at_one_go() -> None:
    classifier = Moody()
    watch(classifier, *clip())
    assert classifier.asked == 1


def test_a_clip_of_nobody_is_watched_without_a_classifier() -> None:
    classifier = Moody()
    times, joints = clip()
    seen = watch(classifier, times, np.full_like(joints, np.nan))
    assert classifier.asked == 0
    assert set(seen.silence) == {Status.NO_PERSON}
    assert {answer.status for answer in replay(seen, RollingEstimate(CODES))} == {Status.NO_PERSON}


def test_a_clip_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="no frame"):
        watch(Moody(), np.empty(0), np.empty((0, 17, 3), np.float32))


def test_a_replay_begins_anew() -> None:
    rolling = RollingEstimate(LABELS, time_constant=1e6)
    seen = watched("BBBB")
    replay(watched("PPPP"), rolling)
    assert {answer.genre for answer in replay(seen, rolling)} == {"BR"}


def test_doubt_between_twice_the_same_genre_is_no_change_of_mind() -> None:
    found = figures(danced("BB..BB.BB" + "B" * 232))
    assert found.changes == 0
    assert found.turns == pytest.approx(4)


def test_another_genre_is_a_change_of_mind_even_after_doubt() -> None:
    found = figures(danced("BB..PP..BB" + "B" * 231))
    assert found.changes == pytest.approx(2)
    assert found.turns == pytest.approx(4)


def test_changes_are_a_minute_of_all_takes_together() -> None:
    steady = danced("B" * 241)
    assert figures(danced("BP" + "B" * 239), steady).changes == pytest.approx(1)


def test_warming_up_is_no_time_in_which_nothing_is_named() -> None:
    found = figures(danced("----BBB."))
    assert found.named == pytest.approx(0.75)
    assert found.turns == pytest.approx(60 / (3 * HOP))


def test_the_delay_runs_from_the_first_frame_to_the_right_genre() -> None:
    assert figures(danced("----PPB")).delay == pytest.approx(6 * HOP)
    assert figures(Take("BR", watched("--BB", start=100))).delay == pytest.approx(2 * HOP)


def test_a_take_that_is_never_named_right_is_late_and_infinitely_so() -> None:
    found = figures(danced("PPPP"), danced("PPPP"), danced("BBBB"))
    assert found.delay == float("inf")
    assert found.late == pytest.approx(2 / 3)
    assert found.right == pytest.approx(1 / 3)


def test_after_a_change_of_dance_the_delay_runs_from_the_change_on() -> None:
    found = figures(danced("PPPPPPPP.BB", since=2.0))
    assert found.switch_delay == pytest.approx(1 * HOP)
    assert np.isnan([found.delay, found.changes, found.named]).all()


def test_a_genre_named_by_chance_before_the_change_does_not_count() -> None:
    assert figures(danced("BPPPPPPPPPB", since=2.0)).switch_delay == pytest.approx(2 * HOP)


def test_whoever_does_not_dance_is_accepted_for_the_time_a_genre_is_named() -> None:
    found = figures(danced("----BB......", genre=NOT_DANCING))
    assert found.false_accepts == pytest.approx(0.25)
    assert np.isnan([found.delay, found.changes, found.right]).all()


def test_one_who_does_not_dance_is_not_part_of_the_dance() -> None:
    alone = figures(danced("B" * 241))
    both = figures(danced("B" * 241), danced("BPBP", genre=NOT_DANCING))
    assert (alone.changes, alone.named, alone.right) == (both.changes, both.named, both.right)


def test_a_sweep_tries_each_estimate_that_does_not_contradict_itself() -> None:
    takes = [danced("BPBPBPBBBB"), danced("PPPP", genre=NOT_DANCING)]
    grid = {"time_constant": (0.1, 5.0), "enter": (0.5, 0.95), "leave": (0.5, 0.6)}
    points = sweep(takes, LABELS, grid)
    assert [knobs["enter"] for knobs, _ in points] == [0.5, 0.95, 0.95] * 2
    nervous, calm = points[0][1], points[3][1]
    assert nervous.changes > calm.changes
    assert [figure.false_accepts for _, figure in points[:2]] == [1, 0]
