from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.contract import Contract
from dancetype.engine.genres import CODES
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.recognizer import MultiDancerRecognizer, Prediction, Recognizer
from dancetype.engine.rolling import Status
from dancetype.engine.skeleton import JOINTS, Array
from dancetype.engine.window import WindowSpec
from tests.engine.walkers import Walker

LEFT_WRIST = 4 * JOINTS.index("left_wrist")

ANN, BOB, CY = Walker(-3.0), Walker(0.0, arms=0.6), Walker(3.0, size=1.3)
STILL = replace(ANN, swing=0.0)


class Judge:
    """Takes raised hands for waack, and others for house; remembers how many it is shown."""

    contract = Contract(CODES, WindowSpec(4.0, 1.0, 20), "camera", "none", "none", ())

    def __init__(self) -> None:
        self.shown: list[int] = []

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        self.shown.append(len(windows))
        raised = windows[:, :, LEFT_WRIST + 1].mean(axis=1) > 0.2
        genres = [CODES.index("WA") if up else CODES.index("HO") for up in raised]
        return np.eye(len(CODES), dtype=np.float32)[genres]


def watch(
    recognizer: MultiDancerRecognizer,
    people: Sequence[Walker],
    start: float,
    end: float,
    rate: float = 30,
) -> list[Prediction]:
    """What is said while `people` are seen from `start` up to `end`."""
    times = (np.arange(round(start * rate), round(end * rate)) / rate).tolist()
    rng = np.random.default_rng(0)
    seen = [[people[n].at(time) for n in rng.permutation(len(people))] for time in times]
    said = [recognizer.push(time, each) for time, each in zip(times, seen, strict=True)]
    return [prediction for prediction in said if prediction is not None]


def ids(prediction: Prediction) -> list[int]:
    return [dancer.id for dancer in prediction.dancers]


def genres(prediction: Prediction) -> dict[int, str | None]:
    return {dancer.id: dancer.estimate.genre for dancer in prediction.dancers}


def moved_first(recognizer: MultiDancerRecognizer, first: Iterable[Walker]) -> None:
    """Gives the ids 1, 2, ... to `first`, whatever order they are shuffled into later."""
    recognizer.push(-1 / 30, [walker.at(-1 / 30) for walker in first])


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_each_dancer_has_a_genre_of_his_own(rate: int) -> None:
    recognizer = MultiDancerRecognizer(Judge(), people=3)
    moved_first(recognizer, [ANN, BOB, CY])
    said = watch(recognizer, [ANN, BOB, CY], 0, 4, rate)
    assert [ids(prediction) for prediction in said[-8:]] == [[1, 2, 3]] * 8
    assert genres(said[-1]) == {1: "HO", 2: "WA", 3: "HO"}
    assert said[-1].estimate is said[-1].dancers[0].estimate


def test_all_windows_of_a_hop_are_classified_at_once() -> None:
    judge = Judge()
    said = watch(MultiDancerRecognizer(judge, people=3), [ANN, BOB, CY], 0, 3)
    assert set(judge.shown) == {3}
    assert len(judge.shown) == len([each for each in said if each.window_seconds])


def test_what_classifying_took_counts_for_all_dancers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0

    class Slow(Judge):
        def __call__(self, windows: Array) -> NDArray[np.float32]:
            nonlocal now
            now += 0.012
            return super().__call__(windows)

    monkeypatch.setattr("dancetype.engine.recognizer.perf_counter", lambda: now)
    said = watch(MultiDancerRecognizer(Slow(), people=3), [ANN, BOB, CY], 0, 3)[-1]
    assert len(said.dancers) == 3
    assert said.classify_seconds == pytest.approx(0.012)


def test_one_alone_is_told_as_a_recognizer_does() -> None:
    several, single = MultiDancerRecognizer(Judge()), Recognizer(Judge())
    rng = np.random.default_rng(0)
    spoken = 0
    for time in (np.arange(1200) / 30).tolist():
        absent = 8 < time < 10 or 15 < time < 15.3 or rng.random() < 0.1
        seen = [] if absent else [BOB.at(time, x=float(rng.uniform(-5, 5))), ANN.at(time)]
        said = several.push(time, seen)
        expected = single.push(time, seen[0].pose() if seen else None)
        assert (said is None) is (expected is None)
        if said is None or expected is None:
            continue
        spoken += 1
        for field in ("status", "genre", "confidence"):
            assert getattr(said.estimate, field) == getattr(expected.estimate, field)
        assert said.window_end == expected.window_end
        assert said.window_seconds == expected.window_seconds
        assert ids(said) == ([] if expected.estimate.status is Status.NO_PERSON else [1])
    assert spoken == 160


@pytest.mark.parametrize("people", [1, 3])
def test_with_nobody_in_sight_it_says_so(people: int) -> None:
    said = watch(MultiDancerRecognizer(Judge(), people=people), [], 0, 2)
    assert [each.estimate.status for each in said] == [Status.NO_PERSON] * 8
    assert [each.dancers for each in said] == [()] * 8


@pytest.mark.parametrize("people", [1, 3])
def test_when_all_have_left_nobody_leads(people: int) -> None:
    recognizer = MultiDancerRecognizer(Judge(), people=people)
    assert watch(recognizer, [ANN], 0, 4)[-1].estimate.genre == "HO"
    for said in watch(recognizer, [], 4.6, 9):
        assert said.dancers == ()
        assert said.estimate.status is Status.NO_PERSON
        assert not said.estimate.probabilities.any()


def test_who_is_lost_for_a_moment_comes_back_with_the_same_id() -> None:
    recognizer = MultiDancerRecognizer(Judge(), people=2)
    moved_first(recognizer, [ANN, CY])
    watch(recognizer, [ANN, CY], 0, 4)
    assert ids(watch(recognizer, [CY], 4, 5)[-1]) == [2]
    assert ids(watch(recognizer, [ANN, CY], 5, 8)[-1]) == [1, 2]


def test_who_is_gone_for_long_comes_back_as_somebody_new() -> None:
    recognizer = MultiDancerRecognizer(Judge(), people=2)
    moved_first(recognizer, [ANN, CY])
    watch(recognizer, [ANN, CY], 0, 4)
    watch(recognizer, [CY], 4, 7)
    assert ids(watch(recognizer, [ANN, CY], 7, 10)[-1]) == [2, 3]


def test_there_are_never_more_than_were_asked_for() -> None:
    recognizer = MultiDancerRecognizer(Judge(), people=2)
    said = []
    for start in range(20):
        pair = [Walker(-3 + start % 4), Walker(3 - start % 4, size=0.7 + 0.1 * (start % 5))]
        said += watch(recognizer, pair, start * 0.4, start * 0.4 + 0.4)
    assert max(len(prediction.dancers) for prediction in said) == 2


def test_who_moves_comes_before_who_stands_still_though_older() -> None:
    recognizer = MultiDancerRecognizer(Judge(), people=3)
    moved_first(recognizer, [STILL, BOB, CY])
    said = watch(recognizer, [STILL, BOB, CY], 0, 4)
    assert ids(said[-1]) == [2, 3, 1]
    said = watch(recognizer, [ANN, BOB, CY], 4, 8)
    assert ids(said[-1]) == [1, 2, 3]


@pytest.mark.parametrize("swing", np.linspace(0.04, 0.2, 9).tolist())
def test_the_order_does_not_flicker(swing: float) -> None:
    # Each swings for a second, then half as much for a second.
    recognizer = MultiDancerRecognizer(Judge(), people=2)
    moved_first(recognizer, [ANN, CY])
    said = []
    for second in range(12):
        each = replace(ANN, swing=swing * (1 - 0.5 * (second % 2)))
        said += watch(recognizer, [each, CY], second, second + 1)
    orders = [ids(prediction) for prediction in said[12:]]
    assert sum(one != other for one, other in pairwise(orders)) <= 1


@pytest.mark.parametrize("people", [1, 3])
@pytest.mark.parametrize("time", [4 - 1 / 30, 3.0, -5.0, np.nan, np.inf])
def test_a_frame_out_of_order_is_not_looked_at(people: int, time: float) -> None:
    recognizer, undisturbed = (
        MultiDancerRecognizer(Judge(), people=people),
        MultiDancerRecognizer(Judge(), people=people),
    )
    for each in (recognizer, undisturbed):
        watch(each, [ANN], 0, 4)
    assert recognizer.push(time, [BOB.at(0.0), CY.at(0.0)]) is None
    told, expected = (watch(each, [ANN], 4, 6) for each in (recognizer, undisturbed))
    assert [ids(each) for each in told] == [ids(each) for each in expected]
    assert [each.window_end for each in told] == [e.window_end for e in expected]


@pytest.mark.parametrize("people", [1, 3])
@pytest.mark.parametrize("part", ["world", "image", "visibility"])
@pytest.mark.parametrize("number", [np.nan, np.inf, 1e30])
def test_landmarks_that_make_no_sense_are_nobody(people: int, part: str, number: float) -> None:
    recognizer = MultiDancerRecognizer(Judge(), people=people)
    wrong = replace(ANN.at(0.0), **{part: np.full_like(getattr(ANN.at(0.0), part), number)})
    said = recognizer.push(0.0, [wrong])
    assert said is not None
    assert said.dancers == ()
    assert genres(watch(recognizer, [ANN], 1, 3)[-1]) == {1: "HO"}


def test_after_a_reset_everybody_is_new_even_at_an_earlier_time() -> None:
    recognizer = MultiDancerRecognizer(Judge(), people=2)
    watch(recognizer, [ANN, CY], 100, 104)
    recognizer.reset("a new epoch")
    said = watch(recognizer, [ANN, CY], 0, 0.5)
    assert sorted(ids(said[0])) == [3, 4]
    assert said[0].estimate.status is Status.WARMING_UP


@pytest.mark.parametrize(("people", "hop", "what"), [(0, 0.25, "one dancer"), (1, 0.0, "hop")])
def test_settings_that_make_no_sense_are_refused(people: int, hop: float, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        MultiDancerRecognizer(Judge(), people=people, hop=hop)


def watch_video(
    file: Path, pose_model: Path, *, first: int, frames: int
) -> tuple[list[Prediction], int]:
    """What is said of up to three people in every other frame, and how many were found at most."""
    reader = cv2.VideoCapture(str(file))
    reader.set(cv2.CAP_PROP_POS_FRAMES, first)
    recognizer, said, most = MultiDancerRecognizer(Judge(), people=3), [], 0
    with open_estimator(pose_model, people=3) as estimator:
        for frame in range(0, frames, 2):
            image = reader.read()[1].astype(np.uint8)
            reader.grab()
            seen = estimator.people(image, frame / 30)
            most = max(most, len(seen))
            said.append(recognizer.push(frame / 30, seen))
    return [each for each in said if each is not None], most


def test_dancers_of_a_real_stage_keep_their_ids(shared: Path, pose_model: Path) -> None:
    file = shared / "data" / "videos" / "stage_group_30fps.mp4"
    said, most = watch_video(file, pose_model, first=660, frames=90)
    settled = [each for each in said if each.window_end > 1]
    assert most == 3
    assert len({tuple(sorted(ids(each))) for each in settled}) == 1
    assert len(ids(settled[-1])) >= 2
    assert all(dancer.window_seconds > 1.5 for dancer in settled[-1].dancers)


def test_somebody_alone_in_a_real_video_is_one(shared: Path, pose_model: Path) -> None:
    file = shared / "data" / "videos" / "solo_portrait_24fps.mp4"
    said, _ = watch_video(file, pose_model, first=0, frames=60)
    assert [ids(each) for each in said] == [[1]] * len(said)
