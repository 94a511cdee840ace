from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.rolling import Decision, RollingEstimate, Status

LABELS = ("BR", "PO", "LO")


def probabilities(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def unsmoothed_estimate(decision: Decision | None = None) -> RollingEstimate:
    """Return an estimate that uses only the latest window, with fixed thresholds."""
    decision = decision or Decision.uniform(3, enter=0.5, leave=0.4, margin=0.1)
    return RollingEstimate(LABELS, replace(decision, time_constant=1e-6))


def test_genre_of_confident_window_is_named() -> None:
    estimate = RollingEstimate(LABELS).update(0.0, probabilities(0.1, 0.8, 0.1))
    assert estimate.status is Status.GENRE
    assert estimate.genre == "PO"
    assert estimate.confidence == pytest.approx(0.8)
    np.testing.assert_allclose(estimate.probabilities, [0.1, 0.8, 0.1], atol=1e-6)


def test_no_genre_is_named_below_threshold() -> None:
    estimate = RollingEstimate(LABELS).update(0.0, probabilities(0.45, 0.35, 0.2))
    assert estimate.status is Status.NOT_SURE
    assert estimate.genre is None
    assert estimate.confidence == pytest.approx(0.45)


@pytest.mark.parametrize(("genres", "threshold"), [(10, 0.65), (2, 0.806)])
def test_threshold_rises_with_fewer_genres(genres: int, threshold: float) -> None:
    labels = tuple(f"G{number}" for number in range(genres))
    for confidence, status in (
        (threshold - 0.01, Status.NOT_SURE),
        (threshold + 0.01, Status.GENRE),
    ):
        window = np.full(genres, (1 - confidence) / (genres - 1), np.float32)
        window[1] = confidence
        assert RollingEstimate(labels).update(0.0, window).status is status


def test_named_genre_of_two_is_dropped_at_chance_level() -> None:
    rolling = RollingEstimate(("HO", "SALSA"), Decision.uniform(2, time_constant=1e-6))
    assert rolling.update(0.0, probabilities(0.05, 0.95)).genre == "SALSA"
    assert rolling.update(1.0, probabilities(0.5, 0.5)).genre is None


def test_named_genre_does_not_alternate_between_close_genres() -> None:
    rolling = unsmoothed_estimate()
    windows = [probabilities(0.53, 0.47, 0), probabilities(0.47, 0.53, 0)] * 10
    named = {rolling.update(0.25 * step, window).genre for step, window in enumerate(windows)}
    assert named == {"BR"}


def test_confidence_is_that_of_named_genre() -> None:
    rolling = unsmoothed_estimate()
    rolling.update(0.0, probabilities(0.53, 0.47, 0))
    estimate = rolling.update(1.0, probabilities(0.47, 0.53, 0))
    assert estimate.genre == "BR"
    assert estimate.confidence == pytest.approx(0.47)


def test_another_genre_is_named_if_it_leads_by_margin() -> None:
    rolling = unsmoothed_estimate()
    rolling.update(0.0, probabilities(0.6, 0.4, 0))
    assert rolling.update(1.0, probabilities(0.42, 0.5, 0.08)).genre == "BR"
    assert rolling.update(2.0, probabilities(0.41, 0.55, 0.04)).genre == "PO"


def test_genre_stays_named_between_thresholds_but_not_below() -> None:
    rolling = unsmoothed_estimate()
    rolling.update(0.0, probabilities(0.6, 0.2, 0.2))
    assert rolling.update(1.0, probabilities(0.42, 0.3, 0.28)).genre == "BR"
    assert rolling.update(2.0, probabilities(0.38, 0.32, 0.3)).status is Status.NOT_SURE
    assert rolling.update(3.0, probabilities(0.42, 0.3, 0.28)).status is Status.NOT_SURE


@pytest.mark.parametrize("hop", [0.05, 0.1, 0.25, 0.5])
def test_time_constant_is_independent_of_hop(hop: float) -> None:
    rolling = RollingEstimate(LABELS, Decision.uniform(3, time_constant=1.5))
    estimate = rolling.update(0.0, probabilities(1, 0, 0))
    for step in range(1, round(3 / hop) + 1):
        estimate = rolling.update(step * hop, probabilities(0, 1, 0))
    weight = np.exp(-3 / 1.5)
    np.testing.assert_allclose(estimate.probabilities, [weight, 1 - weight, 0], atol=1e-5)


def test_longer_windows_have_more_weight_according_to_the_power() -> None:
    def mean_of_two(power: float) -> float:
        decision = Decision.uniform(3, time_constant=1.0, duration_power=power)
        rolling = RollingEstimate(LABELS, decision)
        rolling.update(0.0, probabilities(1, 0, 0), seconds=1.0)
        return float(rolling.update(1.0, probabilities(0, 1, 0), seconds=2.0).probabilities[1])

    kept = np.exp(-1)
    assert mean_of_two(0.0) == pytest.approx(1 - kept)
    assert mean_of_two(2.0) == pytest.approx(4 * (1 - kept) / (kept + 4 * (1 - kept)))


def test_slow_change_gives_same_result_at_any_hop() -> None:
    results = []
    for hop in (0.1, 0.5):
        rolling = RollingEstimate(LABELS, Decision.uniform(3, time_constant=1.5))
        for time in np.arange(0, 20 + hop / 2, hop):
            estimate = rolling.update(time, probabilities(time / 20, 1 - time / 20, 0))
        results.append(estimate.probabilities)
    np.testing.assert_allclose(results[0], results[1], atol=0.015)


@pytest.mark.parametrize("status", [Status.NO_PERSON, Status.WARMING_UP])
def test_update_without_window_forgets_earlier_windows(status: Status) -> None:
    rolling = RollingEstimate(LABELS)
    rolling.update(0.0, probabilities(0.9, 0.1, 0))
    empty = rolling.update_without_window(status)
    assert (empty.status, empty.genre, empty.confidence) == (status, None, 0.0)
    assert not empty.probabilities.any()
    estimate = rolling.update(0.25, probabilities(0.05, 0.15, 0.8))
    np.testing.assert_allclose(estimate.probabilities, [0.05, 0.15, 0.8], atol=1e-6)
    assert estimate.genre == "LO"


def test_reset_forgets_windows_and_named_genre() -> None:
    rolling = RollingEstimate(LABELS)
    rolling.update(0.0, probabilities(0.9, 0.1, 0))
    rolling.reset("a new epoch")
    assert rolling.update(0.1, probabilities(0.45, 0.3, 0.25)).status is Status.NOT_SURE


def test_later_updates_do_not_change_earlier_estimates() -> None:
    rolling = RollingEstimate(LABELS)
    first = rolling.update(0.0, probabilities(1, 0, 0))
    empty = rolling.update_without_window(Status.NO_PERSON)
    rolling.update(1.0, probabilities(0, 1, 0))
    assert first.probabilities.tolist() == [1, 0, 0]
    assert empty.probabilities.tolist() == [0, 0, 0]


def test_each_genre_has_its_thresholds() -> None:
    rolling = unsmoothed_estimate(Decision(1.5, (0.9, 0.5, 0.5), (0.6, 0.4, 0.2), 0.0))
    assert rolling.update(0.0, probabilities(0.8, 0.2, 0)).genre is None
    assert rolling.update(1.0, probabilities(0.2, 0.8, 0)).genre == "PO"
    # Break dance must reach its threshold to replace another genre, too.
    assert rolling.update(2.0, probabilities(0.55, 0.45, 0)).genre == "PO"
    assert rolling.update(3.0, probabilities(0.95, 0.05, 0)).genre == "BR"
    assert rolling.update(4.0, probabilities(0.59, 0.3, 0.11)).genre is None
    assert rolling.update(5.0, probabilities(0.2, 0.25, 0.55)).genre == "LO"
    assert rolling.update(6.0, probabilities(0.37, 0.38, 0.25)).genre == "LO"


def test_dancing_is_the_sum_of_the_moving_averages() -> None:
    rolling = RollingEstimate(LABELS, Decision.uniform(3, time_constant=2.0), dancing=True)
    assert rolling.update(0.0, probabilities(0.4, 0.3, 0.2)).dancing == pytest.approx(0.9)
    weight = np.exp(-1 / 2)
    estimate = rolling.update(1.0, probabilities(0.1, 0.05, 0.05))
    assert estimate.dancing == pytest.approx(0.9 * weight + 0.2 * (1 - weight))
    assert rolling.update_without_window(Status.NO_PERSON).dancing is None


def test_dancing_is_unknown_if_probabilities_sum_to_one() -> None:
    assert RollingEstimate(LABELS).update(0.0, probabilities(0.4, 0.3, 0.3)).dancing is None


@pytest.mark.parametrize("time_constant", [0.0, -1.0, float("nan"), 31.0, float("inf")])
def test_time_constant_out_of_range_is_rejected(time_constant: float) -> None:
    with pytest.raises(ValueError, match="time_constant must be"):
        Decision.uniform(3, time_constant=time_constant)


@pytest.mark.parametrize(("enter", "leave"), [(0.4, 0.5), (1.2, 0.5), (0.5, -0.1), (0.5, np.nan)])
def test_contradictory_thresholds_are_rejected(enter: float, leave: float) -> None:
    with pytest.raises(ValueError, match="leave <= enter"):
        Decision(1.5, (0.6, enter), (0.4, leave), 0.1)


@pytest.mark.parametrize("margin", [-0.1, 1.1, float("nan")])
def test_margin_out_of_range_is_rejected(margin: float) -> None:
    with pytest.raises(ValueError, match="margin must be"):
        Decision.uniform(3, margin=margin)


@pytest.mark.parametrize("duration_power", [-1.0, 5.0, float("nan")])
def test_duration_power_out_of_range_is_rejected(duration_power: float) -> None:
    with pytest.raises(ValueError, match="duration_power must be from 0 to 4"):
        Decision.uniform(3, duration_power=duration_power)


def test_different_numbers_of_thresholds_are_rejected() -> None:
    with pytest.raises(ValueError, match="enter has 2 thresholds, but leave has 1"):
        Decision(1.5, (0.6, 0.6), (0.4,), 0.1)
    with pytest.raises(ValueError, match="for 2 genres, not 3"):
        RollingEstimate(LABELS, Decision.uniform(2))
