import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.baselines.steadiness import (
    LabelledClip,
    Steadiness,
    WindowPredictions,
    grid_search,
    measure_steadiness,
    predict_windows,
    replay,
)
from dancetype.engine.contract import Contract
from dancetype.engine.genres import CODES
from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.recognizer import Recognizer
from dancetype.engine.rolling import Decision, RollingEstimate, Status
from dancetype.engine.skeleton import JOINTS, Array, Pose
from dancetype.engine.window import WindowSpec

LABELS = ("BR", "PO", "LO")
HOP = 0.25


class WristClassifier:
    """Classifier whose confidence depends on the position of a wrist, and that counts its calls."""

    contract = Contract(CODES, WindowSpec(4.0, 1.0, 20), "camera", "none", "none", ())

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        self.calls += 1
        wrist = windows[:, -1, 4 * JOINTS.index("left_wrist")]
        confidence = 0.5 + 0.45 * np.sign(np.sin(20 * wrist))
        rest = (1 - confidence[:, None]) / (len(CODES) - 1)
        probabilities = np.full((len(windows), len(CODES)), rest)
        probabilities[:, 0] = confidence
        return probabilities.astype(np.float32)


def clip(seconds: float = 12, rate: int = 20) -> tuple[NDArray[np.float64], Array]:
    """Return a moving person who is not visible from second 4 to 6."""
    times = np.arange(round(seconds * rate)) / rate
    joints = np.random.default_rng(1).normal(0, 0.4, (17, 3)) + np.zeros((len(times), 1, 1))
    joints[:, :, 0] += 0.5 * np.sin(times)[:, None] * np.arange(17) / 17
    joints[(times > 4) & (times < 6)] = np.nan
    return times, joints.astype(np.float32)


def immediate(labels: tuple[str, ...] = LABELS) -> RollingEstimate:
    """Return a rolling estimate that names the genre of each window with more than one half."""
    decision = Decision.uniform(len(labels), time_constant=1e-6, enter=0.5, leave=0.5, margin=0.0)
    return RollingEstimate(labels, decision)


def predictions(letters: str, *, start: float = 0.0) -> WindowPredictions:
    """Return one prediction per letter and hop.

    B, P and L are confident in a genre, a dot is not, and a dash has no window.
    """
    confident = {"B": (0.9, 0.05, 0.05), "P": (0.05, 0.9, 0.05), "L": (0.05, 0.05, 0.9)}
    probabilities = confident | {".": (0.4, 0.3, 0.3), "-": (np.nan,) * 3}
    return WindowPredictions(
        start,
        np.array([start + HOP * hop for hop in range(len(letters))]),
        np.array([probabilities[letter] for letter in letters], np.float32),
        np.array([0.0 if letter == "-" else 4.0 for letter in letters]),
        tuple(Status.WARMING_UP if letter == "-" else Status.NOT_SURE for letter in letters),
    )


def figures(*clips: LabelledClip) -> Steadiness:
    return measure_steadiness(clips, immediate())


def labelled(letters: str, *, genre: str = "BR", changed_at: float | None = None) -> LabelledClip:
    return LabelledClip(genre, predictions(letters), changed_at)


def test_replay_gives_the_answers_of_a_live_run() -> None:
    times, joints = clip()
    recognizer = Recognizer(WristClassifier())
    live = []
    for time, pose in zip(times, joints, strict=True):
        visible = bool(np.isfinite(pose).all())
        prediction = recognizer.push(time, Pose(pose, np.ones(17, np.float32)) if visible else None)
        if prediction is not None:
            live.append(prediction)
    predicted = predict_windows(WristClassifier(), times, joints)
    answers = replay(predicted, RollingEstimate(CODES))
    assert [answer.time for answer in answers] == [p.window_end for p in live]
    assert [answer.status for answer in answers] == [p.estimate.status for p in live]
    assert [answer.genre for answer in answers] == [p.estimate.genre for p in live]
    assert {answer.status for answer in answers} == set(Status)
    assert predicted.seconds.tolist() == [p.window_seconds for p in live]


def test_windows_of_a_clip_are_classified_in_one_call() -> None:
    classifier = WristClassifier()
    predict_windows(classifier, *clip())
    assert classifier.calls == 1


def test_clip_without_a_person_does_not_call_the_classifier() -> None:
    classifier = WristClassifier()
    times, joints = clip()
    predicted = predict_windows(classifier, times, np.full_like(joints, np.nan))
    answers = replay(predicted, RollingEstimate(CODES))
    assert classifier.calls == 0
    assert set(predicted.statuses) == {Status.NO_PERSON}
    assert {answer.status for answer in answers} == {Status.NO_PERSON}


def test_clip_without_frames_is_rejected() -> None:
    with pytest.raises(ValueError, match="no frame"):
        predict_windows(WristClassifier(), np.empty(0), np.empty((0, 17, 3), np.float32))


def test_replay_resets_the_rolling_estimate() -> None:
    rolling = RollingEstimate(LABELS, Decision.uniform(3, time_constant=30.0))
    replay(predictions("PPPP"), rolling)
    assert {answer.genre for answer in replay(predictions("BBBB"), rolling)} == {"BR"}


def test_return_to_the_same_genre_after_doubt_is_no_change() -> None:
    result = figures(labelled("BB..BB.BB" + "B" * 232))
    assert result.changes == 0
    assert result.turns == pytest.approx(4)


def test_another_genre_after_doubt_is_a_change() -> None:
    result = figures(labelled("BB..PP..BB" + "B" * 231))
    assert result.changes == pytest.approx(2)
    assert result.turns == pytest.approx(4)


def test_changes_per_minute_are_over_all_clips_together() -> None:
    steady = labelled("B" * 241)
    assert figures(labelled("BP" + "B" * 239), steady).changes == pytest.approx(1)


def test_warm_up_does_not_count_as_time_without_a_genre() -> None:
    result = figures(labelled("----BBB."))
    assert result.named == pytest.approx(0.75)
    assert result.turns == pytest.approx(60 / (3 * HOP))


def test_delay_is_from_the_first_frame_to_the_true_genre() -> None:
    assert figures(labelled("----PPB")).delay == pytest.approx(6 * HOP)
    late_start = LabelledClip("BR", predictions("--BB", start=100))
    assert figures(late_start).delay == pytest.approx(2 * HOP)


def test_delay_is_infinite_if_most_clips_never_get_the_true_genre() -> None:
    result = figures(labelled("PPPP"), labelled("PPPP"), labelled("BBBB"))
    assert result.delay == float("inf")
    assert result.late == pytest.approx(2 / 3)
    assert result.right == pytest.approx(1 / 3)


def test_switch_delay_is_from_the_change_of_dance() -> None:
    result = figures(labelled("PPPPPPPP.BB", changed_at=2.0))
    assert result.switch_delay == pytest.approx(1 * HOP)
    assert np.isnan([result.delay, result.changes, result.named]).all()


def test_new_genre_named_before_the_change_does_not_count() -> None:
    result = figures(labelled("BPPPPPPPPPB", changed_at=2.0))
    assert result.switch_delay == pytest.approx(2 * HOP)


def test_false_accepts_are_the_share_of_time_with_a_genre_without_a_dance() -> None:
    result = figures(labelled("----BB......", genre=NOT_DANCING))
    assert result.false_accepts == pytest.approx(0.25)
    assert np.isnan([result.delay, result.changes, result.right]).all()


def test_clip_without_a_dance_does_not_affect_the_figures_of_dances() -> None:
    alone = figures(labelled("B" * 241))
    both = figures(labelled("B" * 241), labelled("BPBP", genre=NOT_DANCING))
    assert (alone.changes, alone.named, alone.right) == (both.changes, both.named, both.right)


def test_grid_search_skips_invalid_combinations() -> None:
    clips = [labelled("BPBPBPBBBB"), labelled("PPPP", genre=NOT_DANCING)]
    grid = {"time_constant": (0.1, 5.0), "enter": (0.5, 0.95), "leave": (0.5, 0.6)}
    points = grid_search(clips, LABELS, grid)
    assert [parameters["enter"] for parameters, _ in points] == [0.5, 0.95, 0.95] * 2
    short_memory, long_memory = points[0][1], points[3][1]
    assert short_memory.changes > long_memory.changes
    assert [figure.false_accepts for _, figure in points[:2]] == [1, 0]
