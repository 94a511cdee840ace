import json

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.contract import Contract
from dancetype.engine.genres import CODES
from dancetype.engine.landmarks import COCO_LANDMARKS
from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.engine.recognizer import Recognizer
from dancetype.engine.rolling import Decision, RollingEstimate, Status
from dancetype.engine.skeleton import JOINTS, Array, Pose
from dancetype.engine.window import WindowSpec
from dancetype.training.live import (
    LiveClip,
    LiveEvaluation,
    LiveShares,
    compare_answers,
    evaluate_live,
    live_shares,
    live_windows,
    replay,
)
from tests.training.answers import HOP, LABELS, immediate, scripted_windows


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


def make_track(name: str, genre: str, seconds: float) -> Track:
    """Return a track of the person of `clip`."""
    times, joints = clip(seconds)
    world = np.zeros((len(times), 33, 3), np.float32)
    world[:, COCO_LANDMARKS] = joints
    return Track(name, genre, times, world, world, world[..., 0])


def compared(letters: str, *, genre: str = "BR", start: float = 2.0) -> LiveClip:
    """Return the comparison of the answers to one prediction per letter and hop."""
    windows = scripted_windows(letters, start=100)
    return compare_answers(letters, genre, windows, immediate(), LABELS, start=start)


def test_replay_gives_the_answers_of_a_live_run() -> None:
    times, joints = clip()
    recognizer = Recognizer(WristClassifier())
    live = []
    for time, pose in zip(times, joints, strict=True):
        visible = bool(np.isfinite(pose).all())
        prediction = recognizer.push(time, Pose(pose, np.ones(17, np.float32)) if visible else None)
        if prediction is not None:
            live.append(prediction)
    windows = live_windows(times, joints, WristClassifier())
    answers = replay(windows, RollingEstimate(CODES))
    assert [answer.time for answer in answers] == [p.window_end for p in live]
    assert [answer.status for answer in answers] == [p.estimate.status for p in live]
    assert [answer.genre for answer in answers] == [p.estimate.genre for p in live]
    assert {answer.status for answer in answers} == set(Status)
    assert windows.seconds.tolist() == [p.window_seconds for p in live]


def test_windows_of_a_clip_are_classified_in_one_call() -> None:
    classifier = WristClassifier()
    live_windows(*clip(), classifier)
    assert classifier.calls == 1


def test_clip_without_a_person_does_not_call_the_classifier() -> None:
    classifier = WristClassifier()
    times, joints = clip()
    windows = live_windows(times, np.full_like(joints, np.nan), classifier)
    answers = replay(windows, RollingEstimate(CODES))
    assert classifier.calls == 0
    assert set(windows.statuses) == {Status.NO_PERSON}
    assert {answer.status for answer in answers} == {Status.NO_PERSON}


def test_clip_without_frames_is_rejected() -> None:
    with pytest.raises(ValueError, match="no frame"):
        live_windows(np.empty(0), np.empty((0, 17, 3), np.float32), WristClassifier())


def test_replay_resets_the_rolling_estimate() -> None:
    rolling = RollingEstimate(LABELS, Decision.uniform(3, time_constant=30.0))
    replay(scripted_windows("PPPP"), rolling)
    assert {answer.genre for answer in replay(scripted_windows("BBBB"), rolling)} == {"BR"}


def test_shares_count_the_time_from_two_seconds_after_the_first_frame() -> None:
    answers = replay(scripted_windows("PPPPPPPP" + "BBP.", start=100), immediate())
    assert live_shares(answers, "BR") == LiveShares(right=0.5, wrong=0.25, none=0.25)
    assert live_shares(answers, "BR", start=2.5) == LiveShares(right=0, wrong=0.5, none=0.5)


def test_any_genre_is_wrong_if_the_person_does_not_dance() -> None:
    answers = replay(scripted_windows("--------" + "B-P."), immediate())
    assert live_shares(answers, NOT_DANCING) == LiveShares(right=0, wrong=0.5, none=0.5)


def test_clip_that_ends_before_the_start_has_no_shares() -> None:
    answers = replay(scripted_windows("BBBBBBBB"), immediate())
    assert live_shares(answers, "BR") is None
    assert live_shares(answers, "BR", start=1.75) == LiveShares(right=1, wrong=0, none=0)


def test_comparison_has_delay_changes_and_probability_of_the_right_genre() -> None:
    result = compared("----PP-B" + "B.PB")
    assert result.delay == pytest.approx(7 * HOP)
    assert result.changes == 3
    assert result.quiet == pytest.approx(6 / 12)
    # Only windows from two seconds on.
    assert result.probability == pytest.approx((0.9 + 0.4 + 0.05 + 0.9) / 4)
    assert compared("----PPPP" + "PPPP").delay is None


def test_time_without_a_person_has_no_genre_and_no_probability() -> None:
    result = compared("BBBBBBBB" + "BB--")
    assert (result.right, result.wrong, result.none) == (0.5, 0, 0.5)
    assert result.probability == pytest.approx(0.9)


def test_means_are_those_of_clips_and_separate_for_people_who_do_not_dance() -> None:
    figures = LiveEvaluation(
        [
            compared("BBBBBBBB" + "BBBB" * 10),
            compared("--------" + "PP.."),
            compared("BBBB"),
            compared("--------" + "...P", genre=NOT_DANCING),
            compared("----", genre=NOT_DANCING),
        ]
    ).figures()

    dance, no_dance = figures["dance"], figures["no_dance"]
    assert (dance["clips"], dance["counted"]) == (3, 2)
    assert (dance["right"], dance["wrong"], dance["none"]) == (0.5, 0.25, 0.25)
    assert dance["delay"] == 0
    assert dance["most_named"] == "BR"
    assert (no_dance["clips"], no_dance["counted"]) == (2, 1)
    assert (no_dance["right"], no_dance["wrong"], no_dance["none"]) == (None, 0.25, 0.75)
    assert no_dance["quiet"] == pytest.approx((11 / 12 + 1) / 2)
    assert (no_dance["delay"], no_dance["probability"]) == (None, None)
    assert no_dance["most_named"] == "PO"
    assert [row["right"] for row in figures["clips"]] == [1, 0, None, None, None]
    assert json.loads(json.dumps(figures)) == figures


def test_median_delay_is_none_if_most_clips_never_get_the_right_genre() -> None:
    clips = [compared("PPPP"), compared("PPPP"), compared("BBBB")]
    assert LiveEvaluation(clips).figures()["dance"]["delay"] is None


def test_figures_of_clips_without_a_dance_or_without_any_other_are_none() -> None:
    assert LiveEvaluation([compared("BBBB")]).figures()["no_dance"] is None
    assert LiveEvaluation([compared("BB", genre=NOT_DANCING)]).figures()["dance"] is None


def test_tracks_are_evaluated_with_the_rolling_estimate_of_a_live_run() -> None:
    track = make_track("moving", "BR", 12)
    evaluation = evaluate_live(WristClassifier(), [track, make_track("still", NOT_DANCING, 4)])

    windows = live_windows(track.times, track.joints, WristClassifier())
    answers = replay(windows, RollingEstimate(CODES))
    shares = live_shares(answers, "BR")
    assert shares is not None
    assert evaluation.clips[0].right == shares.right
    assert shares != live_shares(replay(windows, immediate(CODES)), "BR")
    assert [c.name for c in evaluation.clips] == ["moving", "still"]
