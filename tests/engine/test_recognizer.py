import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.contract import Contract
from dancetype.engine.genres import CODES
from dancetype.engine.recognizer import DancerState, HopTimer, Prediction, Recognizer, predict
from dancetype.engine.rolling import Status
from dancetype.engine.skeleton import JOINTS, Array, Pose
from dancetype.engine.window import WindowSpec


class Sure:
    """Takes all for the same genre and counts the windows it is shown."""

    contract = Contract(CODES, WindowSpec(4.0, 1.0, 60), "camera", "none", "none", ())

    def __init__(self) -> None:
        self.windows: list[Array] = []

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        self.windows.extend(windows)
        return np.eye(len(CODES), dtype=np.float32)[[CODES.index("HO")] * len(windows)]


def pose(time: float) -> Pose:
    joints = np.random.default_rng(3).uniform(-1, 1, (len(JOINTS), 3)) + np.sin(4 * time)
    return Pose(joints.astype(np.float32), np.ones(len(JOINTS), np.float32))


def watch(recognizer: Recognizer, start: float, end: float, *, rate: int = 30) -> list[Prediction]:
    """What is said while somebody dances from `start` up to `end`."""
    times = np.arange(round(start * rate), round(end * rate)) / rate
    said = [recognizer.push(time, pose(time)) for time in times]
    return [prediction for prediction in said if prediction is not None]


def dancing() -> DancerState:
    dancer = DancerState(Sure.contract)
    for frame in range(151):
        dancer.poses.append(frame / 30, pose(frame / 30))
    return dancer


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_it_speaks_once_a_hop_at_any_frame_rate(rate: int) -> None:
    said = watch(Recognizer(Sure(), hop=0.25), 0, 10, rate=rate)
    assert len(said) == 40
    late = [prediction.window_end - 0.25 * hop for hop, prediction in enumerate(said)]
    assert min(late) >= 0
    assert max(late) <= 1 / rate


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_it_warms_up_until_there_is_a_window_and_then_names_the_genre(rate: int) -> None:
    said = watch(Recognizer(Sure()), 0, 6, rate=rate)
    warm = [prediction for prediction in said if prediction.window_end >= 1]
    cold = said[: -len(warm)]
    assert {prediction.estimate.status for prediction in cold} == {Status.WARMING_UP}
    assert all(prediction.window_probabilities is None for prediction in cold)
    assert {prediction.estimate.genre for prediction in warm} == {"HO"}
    assert warm[0].window_seconds == pytest.approx(1, abs=2 / rate)
    assert warm[-1].window_seconds == pytest.approx(4, abs=1e-6)


def test_the_classifier_sees_windows_of_its_contracts_form() -> None:
    classifier = Sure()
    watch(Recognizer(classifier), 0, 5)
    assert {window.shape for window in classifier.windows} == {(60, 68)}


def test_with_nobody_in_sight_it_says_so_and_asks_no_classifier() -> None:
    classifier = Sure()
    recognizer = Recognizer(classifier)
    said = [recognizer.push(frame / 30, None) for frame in range(90)]
    statuses = [prediction.estimate.status for prediction in said if prediction is not None]
    assert statuses == [Status.NO_PERSON] * 12
    assert not classifier.windows


def test_somebody_who_leaves_is_gone_after_half_a_second() -> None:
    recognizer = Recognizer(Sure())
    watch(recognizer, 0, 5)
    said = [recognizer.push(frame / 30, None) for frame in range(150, 210)]
    by_time = {p.window_end: p.estimate.status for p in said if p is not None}
    assert {status for time, status in by_time.items() if time < 5.4} == {Status.GENRE}
    assert {status for time, status in by_time.items() if time > 5.6} == {Status.NO_PERSON}


@pytest.mark.parametrize("time", [5 - 1 / 30, 4.0, 0.0])
def test_a_time_seen_before_is_not_looked_at(time: float) -> None:
    recognizer, undisturbed = Recognizer(Sure()), Recognizer(Sure())
    watch(recognizer, 0, 5)
    watch(undisturbed, 0, 5)
    assert recognizer.push(time, None) is None
    ends = [prediction.window_end for prediction in watch(recognizer, 5, 7)]
    assert ends == [prediction.window_end for prediction in watch(undisturbed, 5, 7)]


def test_after_a_reset_it_starts_anew_even_at_an_earlier_time() -> None:
    recognizer = Recognizer(Sure())
    watch(recognizer, 100, 105)
    recognizer.reset("a new epoch")
    said = watch(recognizer, 0, 2)
    assert said[0].window_end == 0
    assert said[0].estimate.status is Status.WARMING_UP
    assert said[-1].estimate.status is Status.GENRE
    assert said[-1].window_seconds < 2


def test_after_a_gap_it_warms_up_again_and_makes_up_for_no_hop() -> None:
    recognizer = Recognizer(Sure())
    watch(recognizer, 0, 5)
    said = watch(recognizer, 15, 17)
    assert [prediction.window_end for prediction in said] == pytest.approx(
        np.arange(15, 17, 0.25), abs=1 / 30
    )
    assert said[0].estimate.status is Status.WARMING_UP
    assert said[-1].estimate.status is Status.GENRE
    assert said[-1].window_seconds < 2


def test_all_dancers_are_classified_at_once_and_share_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, calls = 0.0, 0

    class Slow(Sure):
        def __call__(self, windows: Array) -> NDArray[np.float32]:
            nonlocal now, calls
            now, calls = now + 0.01, calls + 1
            return super().__call__(windows)

    monkeypatch.setattr("dancetype.engine.recognizer.perf_counter", lambda: now)
    classifier = Slow()
    there, new, gone, nobody = (DancerState(classifier.contract, n) for n in range(1, 5))
    for frame in range(90):
        there.poses.append(frame / 30, pose(frame / 30))
        new.poses.append(frame / 30, pose(frame / 30) if frame > 80 else None)
        gone.poses.append(frame / 30, pose(frame / 30) if frame < 60 else None)
    said = predict(89 / 30, [there, new, gone, nobody], classifier)
    assert [(dancer.id, dancer.estimate.status) for dancer in said.dancers] == [
        (1, Status.GENRE),
        (2, Status.WARMING_UP),
    ]
    assert said.estimate is said.dancers[0].estimate
    assert said.classify_seconds == pytest.approx(0.01)
    assert (calls, len(classifier.windows)) == (1, 1)


def test_with_nobody_there_it_says_so_and_takes_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = iter([1.0, 1.5])
    monkeypatch.setattr("dancetype.engine.recognizer.perf_counter", lambda: next(ticks))
    dancers = [DancerState(Sure.contract, 1), DancerState(Sure.contract, 2)]
    said = predict(0.0, dancers, Sure())
    assert (said.classify_seconds, said.dancers) == (0.5, ())
    assert said.estimate.status is Status.NO_PERSON


def test_a_hop_timer_makes_up_for_no_hop_after_a_gap_and_starts_anew_after_a_reset() -> None:
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


def test_a_hop_of_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="hop"):
        Recognizer(Sure(), hop=0)


def test_a_prediction_gives_its_estimate_by_short_names() -> None:
    cold, *_, warm = watch(Recognizer(Sure()), 0, 6)
    assert (cold.status, cold.genre, cold.confidence) == (Status.WARMING_UP, None, 0)
    assert (warm.status, warm.genre) == (Status.GENRE, "HO")
    assert warm.confidence == warm.estimate.confidence > 0.9
    (dancer,) = predict(5.0, [dancing()], Sure()).dancers
    assert (dancer.status, dancer.genre) == (Status.GENRE, "HO")
    assert dancer.confidence == dancer.estimate.confidence > 0.9
