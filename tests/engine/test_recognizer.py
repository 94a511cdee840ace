from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.contract import Contract
from dancetype.engine.genres import CODES
from dancetype.engine.recognizer import DancerState, HopTimer, Prediction, Recognizer, predict
from dancetype.engine.rolling import Status
from dancetype.engine.skeleton import JOINTS, Array, Pose
from dancetype.engine.window import WindowSpec
from tests.engine.walkers import Walker


class HouseClassifier:
    """Classifier that is certain of house, and records its windows."""

    contract = Contract(CODES, WindowSpec(4.0, 1.0, 60), "camera", "none", "none", ())

    def __init__(self, contract: Contract = contract) -> None:
        self.contract = contract
        self.windows: list[Array] = []

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        self.windows.extend(windows)
        return np.eye(len(CODES), dtype=np.float32)[[CODES.index("HO")] * len(windows)]


def pose(time: float) -> Pose:
    joints = np.random.default_rng(3).uniform(-1, 1, (len(JOINTS), 3)) + np.sin(4 * time)
    return Pose(joints.astype(np.float32), np.ones(len(JOINTS), np.float32))


def push_dance(
    recognizer: Recognizer, start: float, end: float, *, rate: int = 30
) -> list[Prediction]:
    """Push the poses of a dance from `start` to `end`, and return the predictions."""
    times = np.arange(round(start * rate), round(end * rate)) / rate
    predictions = [recognizer.push(time, pose(time)) for time in times]
    return [prediction for prediction in predictions if prediction is not None]


def dancer_state() -> DancerState:
    dancer = DancerState(HouseClassifier.contract)
    for frame in range(151):
        dancer.poses.append(frame / 30, pose(frame / 30))
    return dancer


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_one_prediction_per_hop_at_any_frame_rate(rate: int) -> None:
    predictions = push_dance(Recognizer(HouseClassifier(), hop=0.25), 0, 10, rate=rate)
    assert len(predictions) == 40
    delays = [prediction.window_end - 0.25 * hop for hop, prediction in enumerate(predictions)]
    assert min(delays) >= 0
    assert max(delays) <= 1 / rate


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_genre_is_named_after_warm_up(rate: int) -> None:
    predictions = push_dance(Recognizer(HouseClassifier()), 0, 6, rate=rate)
    warm = [prediction for prediction in predictions if prediction.window_end >= 1]
    warming_up = predictions[: -len(warm)]
    assert {prediction.status for prediction in warming_up} == {Status.WARMING_UP}
    assert all(prediction.window_probabilities is None for prediction in warming_up)
    assert {prediction.genre for prediction in warm} == {"HO"}
    assert warm[0].window_seconds == pytest.approx(1, abs=2 / rate)
    assert warm[-1].window_seconds == pytest.approx(4, abs=1e-6)


@pytest.mark.parametrize(("trajectory", "features"), [(False, 68), (True, 72)])
def test_windows_have_shape_of_contract(*, trajectory: bool, features: int) -> None:
    window = WindowSpec(4.0, 1.0, 60, trajectory=trajectory)
    classifier = HouseClassifier(replace(HouseClassifier.contract, window=window))
    push_dance(Recognizer(classifier), 0, 5)
    assert {window.shape for window in classifier.windows} == {(60, features)}


def test_classifier_is_not_called_without_person() -> None:
    classifier = HouseClassifier()
    recognizer = Recognizer(classifier)
    predictions = [recognizer.push(frame / 30, None) for frame in range(90)]
    statuses = [prediction.status for prediction in predictions if prediction is not None]
    assert statuses == [Status.NO_PERSON] * 12
    assert not classifier.windows


def test_person_who_only_changes_place_in_the_image_does_not_count_as_moving() -> None:
    still, swinging = DancerState(HouseClassifier.contract), DancerState(HouseClassifier.contract)
    for frame in range(90):
        x = 0.5 * np.sin(frame / 10)
        still.update(frame / 30, Walker(x=x, swing=0.0, noise=0.0).at(0.0))
        swinging.update(frame / 30, Walker(x=x).at(frame / 30))
    assert swinging.sort_key < still.sort_key


def test_status_is_no_person_half_a_second_after_dancer_leaves() -> None:
    recognizer = Recognizer(HouseClassifier())
    push_dance(recognizer, 0, 5)
    predictions = [recognizer.push(frame / 30, None) for frame in range(150, 210)]
    by_time = {p.window_end: p.status for p in predictions if p is not None}
    assert {status for time, status in by_time.items() if time < 5.4} == {Status.GENRE}
    assert {status for time, status in by_time.items() if time > 5.6} == {Status.NO_PERSON}


@pytest.mark.parametrize("time", [5 - 1 / 30, 4.0, 0.0])
def test_frame_that_is_not_newer_is_ignored(time: float) -> None:
    recognizer, undisturbed = Recognizer(HouseClassifier()), Recognizer(HouseClassifier())
    push_dance(recognizer, 0, 5)
    push_dance(undisturbed, 0, 5)
    assert recognizer.push(time, None) is None
    ends = [prediction.window_end for prediction in push_dance(recognizer, 5, 7)]
    assert ends == [prediction.window_end for prediction in push_dance(undisturbed, 5, 7)]


def test_recognizer_starts_over_at_earlier_time_after_reset() -> None:
    recognizer = Recognizer(HouseClassifier())
    push_dance(recognizer, 100, 105)
    recognizer.reset("a new epoch")
    first, *_, last = push_dance(recognizer, 0, 2)
    assert first.window_end == 0
    assert first.status is Status.WARMING_UP
    assert last.status is Status.GENRE
    assert last.window_seconds < 2


def test_recognizer_warms_up_after_gap_without_catching_up_on_hops() -> None:
    recognizer = Recognizer(HouseClassifier())
    push_dance(recognizer, 0, 5)
    predictions = push_dance(recognizer, 15, 17)
    assert [prediction.window_end for prediction in predictions] == pytest.approx(
        np.arange(15, 17, 0.25), abs=1 / 30
    )
    assert predictions[0].status is Status.WARMING_UP
    assert predictions[-1].status is Status.GENRE
    assert predictions[-1].window_seconds < 2


def test_windows_of_all_dancers_are_classified_in_one_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, calls = 0.0, 0

    class SlowClassifier(HouseClassifier):
        def __call__(self, windows: Array) -> NDArray[np.float32]:
            nonlocal now, calls
            now, calls = now + 0.01, calls + 1
            return super().__call__(windows)

    monkeypatch.setattr("dancetype.engine.recognizer.perf_counter", lambda: now)
    classifier = SlowClassifier()
    present, new, lost, empty = (DancerState(classifier.contract, n) for n in range(1, 5))
    for frame in range(90):
        present.poses.append(frame / 30, pose(frame / 30))
        new.poses.append(frame / 30, pose(frame / 30) if frame > 80 else None)
        lost.poses.append(frame / 30, pose(frame / 30) if frame < 60 else None)
    prediction = predict(89 / 30, [present, new, lost, empty], classifier)
    assert [(dancer.id, dancer.status) for dancer in prediction.dancers] == [
        (1, Status.GENRE),
        (2, Status.WARMING_UP),
    ]
    assert prediction.estimate is prediction.dancers[0].estimate
    assert prediction.classify_seconds == pytest.approx(0.01)
    assert (calls, len(classifier.windows)) == (1, 1)


def test_prediction_without_person_has_no_dancers_but_a_duration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock_readings = iter([1.0, 1.5])
    monkeypatch.setattr("dancetype.engine.recognizer.perf_counter", lambda: next(clock_readings))
    dancers = [DancerState(HouseClassifier.contract, 1), DancerState(HouseClassifier.contract, 2)]
    prediction = predict(0.0, dancers, HouseClassifier())
    assert (prediction.classify_seconds, prediction.dancers) == (0.5, ())
    assert prediction.status is Status.NO_PERSON


def test_hop_timer_does_not_catch_up_after_gap_and_restarts_on_reset() -> None:
    timer = HopTimer(0.5)
    assert [timer.due(time) for time in (0.0, 0.4, 0.5, 0.9, 1.1)] == [
        True,
        False,
        True,
        False,
        True,
    ]
    assert [timer.due(time) for time in (9.0, 9.1, 9.6)] == [True, False, True]
    timer.reset("a new epoch")
    assert timer.due(0.0)


def test_hop_must_be_positive() -> None:
    with pytest.raises(ValueError, match="hop"):
        Recognizer(HouseClassifier(), hop=0)


def test_prediction_has_shortcuts_to_its_estimate() -> None:
    first, *_, last = push_dance(Recognizer(HouseClassifier()), 0, 6)
    assert (first.status, first.genre, first.confidence) == (Status.WARMING_UP, None, 0)
    assert (last.status, last.genre) == (Status.GENRE, "HO")
    assert last.confidence == last.estimate.confidence > 0.9
    (dancer,) = predict(5.0, [dancer_state()], HouseClassifier()).dancers
    assert (dancer.status, dancer.genre) == (Status.GENRE, "HO")
    assert dancer.confidence == dancer.estimate.confidence > 0.9
