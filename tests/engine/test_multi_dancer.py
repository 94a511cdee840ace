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

ANN, BOB, CY = Walker(-3.0), Walker(0.0, raised=0.6), Walker(3.0, size=1.3)
STILL = replace(ANN, swing=0.0)


class HandClassifier:
    """Classifier that returns waack for raised hands, else house, and records its batch sizes."""

    contract = Contract(CODES, WindowSpec(4.0, 1.0, 20), "camera", "none", "none", ())

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        self.batches.append(len(windows))
        raised = windows[:, :, LEFT_WRIST + 1].mean(axis=1) > 0.2
        genres = [CODES.index("WA") if hand else CODES.index("HO") for hand in raised]
        return np.eye(len(CODES), dtype=np.float32)[genres]


def push_walkers(
    recognizer: MultiDancerRecognizer,
    walkers: Sequence[Walker],
    start: float,
    end: float,
    rate: float = 30,
) -> list[Prediction]:
    """Push the walkers in random order from `start` to `end`, and return the predictions."""
    times = (np.arange(round(start * rate), round(end * rate)) / rate).tolist()
    rng = np.random.default_rng(0)
    predictions = [
        recognizer.push(time, [walkers[n].at(time) for n in rng.permutation(len(walkers))])
        for time in times
    ]
    return [prediction for prediction in predictions if prediction is not None]


def ids(prediction: Prediction) -> list[int]:
    return [dancer.id for dancer in prediction.dancers]


def genres(prediction: Prediction) -> dict[int, str | None]:
    return {dancer.id: dancer.estimate.genre for dancer in prediction.dancers}


def assign_ids(recognizer: MultiDancerRecognizer, walkers: Iterable[Walker]) -> None:
    """Push a first frame in which the walkers get the ids 1, 2, ... in their order."""
    recognizer.push(-1 / 30, [walker.at(-1 / 30) for walker in walkers])


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_each_dancer_has_a_separate_genre(rate: int) -> None:
    recognizer = MultiDancerRecognizer(HandClassifier(), people=3)
    assign_ids(recognizer, [ANN, BOB, CY])
    predictions = push_walkers(recognizer, [ANN, BOB, CY], 0, 4, rate)
    assert [ids(prediction) for prediction in predictions[-8:]] == [[1, 2, 3]] * 8
    assert genres(predictions[-1]) == {1: "HO", 2: "WA", 3: "HO"}
    assert predictions[-1].estimate is predictions[-1].dancers[0].estimate


def test_all_windows_of_a_hop_are_classified_in_one_call() -> None:
    classifier = HandClassifier()
    predictions = push_walkers(MultiDancerRecognizer(classifier, people=3), [ANN, BOB, CY], 0, 3)
    assert set(classifier.batches) == {3}
    assert len(classifier.batches) == len([p for p in predictions if p.window_seconds])


def test_classify_seconds_are_measured_for_all_dancers_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0

    class SlowClassifier(HandClassifier):
        def __call__(self, windows: Array) -> NDArray[np.float32]:
            nonlocal now
            now += 0.012
            return super().__call__(windows)

    monkeypatch.setattr("dancetype.engine.recognizer.perf_counter", lambda: now)
    recognizer = MultiDancerRecognizer(SlowClassifier(), people=3)
    prediction = push_walkers(recognizer, [ANN, BOB, CY], 0, 3)[-1]
    assert len(prediction.dancers) == 3
    assert prediction.classify_seconds == pytest.approx(0.012)


def test_single_dancer_gets_same_predictions_as_from_recognizer() -> None:
    multi, single = MultiDancerRecognizer(HandClassifier()), Recognizer(HandClassifier())
    rng = np.random.default_rng(0)
    compared = 0
    for time in (np.arange(1200) / 30).tolist():
        absent = 8 < time < 10 or 15 < time < 15.3 or rng.random() < 0.1
        people = [] if absent else [BOB.at(time, x=float(rng.uniform(-5, 5))), ANN.at(time)]
        prediction = multi.push(time, people)
        expected = single.push(time, people[0].pose() if people else None)
        assert (prediction is None) is (expected is None)
        if prediction is None or expected is None:
            continue
        compared += 1
        for field in ("status", "genre", "confidence"):
            assert getattr(prediction.estimate, field) == getattr(expected.estimate, field)
        assert prediction.window_end == expected.window_end
        assert prediction.window_seconds == expected.window_seconds
        assert ids(prediction) == ([] if expected.status is Status.NO_PERSON else [1])
    assert compared == 160


@pytest.mark.parametrize("people", [1, 3])
def test_status_is_no_person_without_people(people: int) -> None:
    predictions = push_walkers(MultiDancerRecognizer(HandClassifier(), people=people), [], 0, 2)
    assert [prediction.status for prediction in predictions] == [Status.NO_PERSON] * 8
    assert [prediction.dancers for prediction in predictions] == [()] * 8


@pytest.mark.parametrize("people", [1, 3])
def test_there_is_no_primary_dancer_after_all_have_left(people: int) -> None:
    recognizer = MultiDancerRecognizer(HandClassifier(), people=people)
    assert push_walkers(recognizer, [ANN], 0, 4)[-1].genre == "HO"
    for prediction in push_walkers(recognizer, [], 4.6, 9):
        assert prediction.dancers == ()
        assert prediction.status is Status.NO_PERSON
        assert not prediction.estimate.probabilities.any()


def test_dancer_who_is_briefly_lost_keeps_id() -> None:
    recognizer = MultiDancerRecognizer(HandClassifier(), people=2)
    assign_ids(recognizer, [ANN, CY])
    push_walkers(recognizer, [ANN, CY], 0, 4)
    assert ids(push_walkers(recognizer, [CY], 4, 5)[-1]) == [2]
    assert ids(push_walkers(recognizer, [ANN, CY], 5, 8)[-1]) == [1, 2]


def test_dancer_who_is_lost_for_long_gets_new_id() -> None:
    recognizer = MultiDancerRecognizer(HandClassifier(), people=2)
    assign_ids(recognizer, [ANN, CY])
    push_walkers(recognizer, [ANN, CY], 0, 4)
    push_walkers(recognizer, [CY], 4, 7)
    assert ids(push_walkers(recognizer, [ANN, CY], 7, 10)[-1]) == [2, 3]


def test_number_of_dancers_is_limited() -> None:
    recognizer = MultiDancerRecognizer(HandClassifier(), people=2)
    predictions = []
    for start in range(20):
        pair = [Walker(-3 + start % 4), Walker(3 - start % 4, size=0.7 + 0.1 * (start % 5))]
        predictions += push_walkers(recognizer, pair, start * 0.4, start * 0.4 + 0.4)
    assert max(len(prediction.dancers) for prediction in predictions) == 2


def test_moving_dancers_precede_standing_ones_with_lower_id() -> None:
    recognizer = MultiDancerRecognizer(HandClassifier(), people=3)
    assign_ids(recognizer, [STILL, BOB, CY])
    assert ids(push_walkers(recognizer, [STILL, BOB, CY], 0, 4)[-1]) == [2, 3, 1]
    assert ids(push_walkers(recognizer, [ANN, BOB, CY], 4, 8)[-1]) == [1, 2, 3]


@pytest.mark.parametrize("swing", np.linspace(0.04, 0.2, 9).tolist())
def test_order_does_not_flicker(swing: float) -> None:
    # Ann swings for a second, then half as much for a second, and so on.
    recognizer = MultiDancerRecognizer(HandClassifier(), people=2)
    assign_ids(recognizer, [ANN, CY])
    predictions = []
    for second in range(12):
        ann = replace(ANN, swing=swing * (1 - 0.5 * (second % 2)))
        predictions += push_walkers(recognizer, [ann, CY], second, second + 1)
    orders = [ids(prediction) for prediction in predictions[12:]]
    assert sum(earlier != later for earlier, later in pairwise(orders)) <= 1


@pytest.mark.parametrize("people", [1, 3])
@pytest.mark.parametrize("time", [4 - 1 / 30, 3.0, -5.0, np.nan, np.inf])
def test_frame_out_of_order_is_ignored(people: int, time: float) -> None:
    recognizer = MultiDancerRecognizer(HandClassifier(), people=people)
    undisturbed = MultiDancerRecognizer(HandClassifier(), people=people)
    push_walkers(recognizer, [ANN], 0, 4)
    push_walkers(undisturbed, [ANN], 0, 4)
    assert recognizer.push(time, [BOB.at(0.0), CY.at(0.0)]) is None
    predictions = push_walkers(recognizer, [ANN], 4, 6)
    expected = push_walkers(undisturbed, [ANN], 4, 6)
    assert [ids(p) for p in predictions] == [ids(p) for p in expected]
    assert [p.window_end for p in predictions] == [p.window_end for p in expected]


@pytest.mark.parametrize("people", [1, 3])
@pytest.mark.parametrize("part", ["world", "image", "visibility"])
@pytest.mark.parametrize("number", [np.nan, np.inf, 1e30])
def test_implausible_landmarks_are_ignored(people: int, part: str, number: float) -> None:
    recognizer = MultiDancerRecognizer(HandClassifier(), people=people)
    implausible = replace(ANN.at(0.0), **{part: np.full_like(getattr(ANN.at(0.0), part), number)})
    prediction = recognizer.push(0.0, [implausible])
    assert prediction is not None
    assert prediction.dancers == ()
    assert genres(push_walkers(recognizer, [ANN], 1, 3)[-1]) == {1: "HO"}


def test_reset_allows_earlier_times_and_gives_new_ids() -> None:
    recognizer = MultiDancerRecognizer(HandClassifier(), people=2)
    push_walkers(recognizer, [ANN, CY], 100, 104)
    recognizer.reset("a new epoch")
    first, *_ = push_walkers(recognizer, [ANN, CY], 0, 0.5)
    assert sorted(ids(first)) == [3, 4]
    assert first.status is Status.WARMING_UP


@pytest.mark.parametrize(("people", "hop", "reason"), [(0, 0.25, "people"), (1, 0.0, "hop")])
def test_invalid_arguments_are_rejected(people: int, hop: float, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        MultiDancerRecognizer(HandClassifier(), people=people, hop=hop)


def predict_video(
    file: Path, pose_model: Path, *, first: int, frames: int
) -> tuple[list[Prediction], int]:
    """Analyse up to three people in every other frame.

    Returns:
        Predictions, and the maximum number of people in a frame.
    """
    reader = cv2.VideoCapture(str(file))
    reader.set(cv2.CAP_PROP_POS_FRAMES, first)
    recognizer, predictions, maximum = MultiDancerRecognizer(HandClassifier(), people=3), [], 0
    with open_estimator(pose_model, people=3) as estimator:
        for frame in range(0, frames, 2):
            image = reader.read()[1].astype(np.uint8)
            reader.grab()
            people = estimator.people(image, frame / 30)
            maximum = max(maximum, len(people))
            predictions.append(recognizer.push(frame / 30, people))
    return [prediction for prediction in predictions if prediction is not None], maximum


def test_real_dancers_keep_their_ids(shared: Path, pose_model: Path) -> None:
    file = shared / "data" / "videos" / "stage_group_30fps.mp4"
    predictions, maximum = predict_video(file, pose_model, first=660, frames=90)
    settled = [prediction for prediction in predictions if prediction.window_end > 1]
    assert maximum == 3
    assert len({tuple(sorted(ids(prediction))) for prediction in settled}) == 1
    assert len(ids(settled[-1])) >= 2
    assert all(dancer.window_seconds > 1.5 for dancer in settled[-1].dancers)


def test_single_real_dancer_has_id_1(shared: Path, pose_model: Path) -> None:
    file = shared / "data" / "videos" / "solo_portrait_24fps.mp4"
    predictions, _ = predict_video(file, pose_model, first=0, frames=60)
    assert [ids(prediction) for prediction in predictions] == [[1]] * len(predictions)
