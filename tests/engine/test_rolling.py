import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.rolling import RollingEstimate, Status

LABELS = ("BR", "PO", "LO")


def shares(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def forgetful() -> RollingEstimate:
    """Holds on to what it named, but averages over no time at all."""
    return RollingEstimate(LABELS, memory=1e-6, enter=0.5, leave=0.4, margin=0.1)


def test_a_confident_window_names_its_genre() -> None:
    estimate = RollingEstimate(LABELS).update(0.0, shares(0.1, 0.8, 0.1))
    assert estimate.status is Status.GENRE
    assert estimate.genre == "PO"
    assert estimate.confidence == pytest.approx(0.8)
    np.testing.assert_allclose(estimate.probabilities, [0.1, 0.8, 0.1], atol=1e-6)


def test_below_the_threshold_it_is_not_sure_and_names_none() -> None:
    estimate = RollingEstimate(LABELS).update(0.0, shares(0.45, 0.35, 0.2))
    assert estimate.status is Status.NOT_SURE
    assert estimate.genre is None
    assert estimate.confidence == pytest.approx(0.45)


@pytest.mark.parametrize(("genres", "least"), [(10, 0.65), (2, 0.806)])
def test_the_fewer_genres_there_are_the_surer_it_has_to_be(genres: int, least: float) -> None:
    labels = tuple(f"G{number}" for number in range(genres))
    for confidence, status in ((least - 0.01, Status.NOT_SURE), (least + 0.01, Status.GENRE)):
        window = np.full(genres, (1 - confidence) / (genres - 1), np.float32)
        window[1] = confidence
        assert RollingEstimate(labels).update(0.0, window).status is status


def test_of_two_genres_one_that_was_named_is_dropped_when_it_is_a_guess() -> None:
    rolling = RollingEstimate(("HO", "SALSA"), memory=1e-6)
    assert rolling.update(0.0, shares(0.05, 0.95)).genre == "SALSA"
    assert rolling.update(1.0, shares(0.5, 0.5)).genre is None


def test_two_close_genres_do_not_take_turns() -> None:
    rolling = forgetful()
    turns = [shares(0.53, 0.47, 0), shares(0.47, 0.53, 0)] * 10
    named = {rolling.update(0.25 * step, window).genre for step, window in enumerate(turns)}
    assert named == {"BR"}


def test_the_confidence_is_that_of_the_genre_that_is_kept() -> None:
    rolling = forgetful()
    rolling.update(0.0, shares(0.53, 0.47, 0))
    estimate = rolling.update(1.0, shares(0.47, 0.53, 0))
    assert estimate.genre == "BR"
    assert estimate.confidence == pytest.approx(0.47)


def test_another_genre_takes_over_once_it_leads_by_the_margin() -> None:
    rolling = forgetful()
    rolling.update(0.0, shares(0.6, 0.4, 0))
    assert rolling.update(1.0, shares(0.42, 0.5, 0.08)).genre == "BR"
    assert rolling.update(2.0, shares(0.41, 0.55, 0.04)).genre == "PO"


def test_a_genre_stays_named_between_the_two_thresholds_and_not_below() -> None:
    rolling = forgetful()
    rolling.update(0.0, shares(0.6, 0.2, 0.2))
    assert rolling.update(1.0, shares(0.42, 0.3, 0.28)).genre == "BR"
    assert rolling.update(2.0, shares(0.38, 0.32, 0.3)).status is Status.NOT_SURE
    assert rolling.update(3.0, shares(0.42, 0.3, 0.28)).status is Status.NOT_SURE


@pytest.mark.parametrize("hop", [0.05, 0.1, 0.25, 0.5])
def test_memory_is_a_time_whatever_the_hop(hop: float) -> None:
    rolling = RollingEstimate(LABELS, memory=1.5)
    estimate = rolling.update(0.0, shares(1, 0, 0))
    for step in range(1, round(3 / hop) + 1):
        estimate = rolling.update(step * hop, shares(0, 1, 0))
    left = np.exp(-3 / 1.5)
    np.testing.assert_allclose(estimate.probabilities, [left, 1 - left, 0], atol=1e-5)


def test_a_genre_that_changes_slowly_is_followed_alike_at_either_hop() -> None:
    ends = []
    for hop in (0.1, 0.5):
        rolling = RollingEstimate(LABELS, memory=1.5)
        for time in np.arange(0, 20 + hop / 2, hop):
            estimate = rolling.update(time, shares(time / 20, 1 - time / 20, 0))
        ends.append(estimate.probabilities)
    np.testing.assert_allclose(ends[0], ends[1], atol=0.015)


@pytest.mark.parametrize("status", [Status.NO_PERSON, Status.WARMING_UP])
def test_silence_ends_what_was_said(status: Status) -> None:
    rolling = RollingEstimate(LABELS)
    rolling.update(0.0, shares(0.9, 0.1, 0))
    silence = rolling.update_without_window(status)
    assert (silence.status, silence.genre, silence.confidence) == (status, None, 0.0)
    assert not silence.probabilities.any()
    after = rolling.update(0.25, shares(0.05, 0.15, 0.8))
    np.testing.assert_allclose(after.probabilities, [0.05, 0.15, 0.8], atol=1e-6)
    assert after.genre == "LO"


def test_a_reset_forgets_the_windows_and_the_genre() -> None:
    rolling = RollingEstimate(LABELS)
    rolling.update(0.0, shares(0.9, 0.1, 0))
    rolling.reset("a new epoch")
    assert rolling.update(0.1, shares(0.45, 0.3, 0.25)).status is Status.NOT_SURE


def test_what_was_said_before_does_not_change_afterwards() -> None:
    rolling = RollingEstimate(LABELS)
    first = rolling.update(0.0, shares(1, 0, 0))
    silence = rolling.update_without_window(Status.NO_PERSON)
    rolling.update(1.0, shares(0, 1, 0))
    assert first.probabilities.tolist() == [1, 0, 0]
    assert silence.probabilities.tolist() == [0, 0, 0]


@pytest.mark.parametrize("memory", [0.0, -1.0, float("nan")])
def test_a_memory_that_is_no_time_is_refused(memory: float) -> None:
    with pytest.raises(ValueError, match="memory"):
        RollingEstimate(LABELS, memory=memory)


@pytest.mark.parametrize(("enter", "leave"), [(0.4, 0.5), (1.2, 0.5), (0.5, -0.1)])
def test_thresholds_that_contradict_each_other_are_refused(enter: float, leave: float) -> None:
    with pytest.raises(ValueError, match="leave <= enter"):
        RollingEstimate(LABELS, enter=enter, leave=leave)
