import numpy as np
import pytest

from benchmarks.baselines.steadiness import (
    LabelledClip,
    Steadiness,
    grid_search,
    measure_steadiness,
)
from dancetype.engine.media.track import NOT_DANCING
from tests.training.answers import HOP, LABELS, immediate, scripted_windows


def figures(*clips: LabelledClip) -> Steadiness:
    return measure_steadiness(clips, immediate())


def labelled(letters: str, *, genre: str = "BR", changed_at: float | None = None) -> LabelledClip:
    return LabelledClip(genre, scripted_windows(letters), changed_at)


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
    late_start = LabelledClip("BR", scripted_windows("--BB", start=100))
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


def test_leave_delay_is_from_the_change_until_the_old_genre_is_no_longer_named() -> None:
    # The change is at the ninth prediction; the old genre is named for two more.
    slow = labelled("PPPPPPPPPP.BB", changed_at=2.0)
    at_once = labelled("PPPPPPPPBB", changed_at=2.0)
    not_named_before = labelled("PPP.....BB", changed_at=2.0)
    assert figures(slow).leave_delay == pytest.approx(2 * HOP)
    assert figures(slow, at_once, at_once, not_named_before).leave_delay == 0
    assert figures(labelled("P" * 20, changed_at=2.0)).leave_delay == float("inf")
    assert np.isnan(figures(not_named_before).leave_delay)


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
