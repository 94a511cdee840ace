from itertools import pairwise

import numpy as np
import pytest

from dancetype.engine.media.sampler import FrameSampler


def taken(fps: float, times: list[float]) -> list[float]:
    sampler = FrameSampler(fps)
    return [time for time in times if sampler.wants(time)]


def at(fps: float, *, seconds: float = 10.0, start: float = 100.0) -> list[float]:
    return [start + index / fps for index in range(round(seconds * fps))]


def jittered(times: list[float], most: float) -> list[float]:
    rng = np.random.default_rng(5)
    return [time + float(rng.uniform(-most, most)) for time in times]


def test_of_thirty_frames_a_second_every_other_is_taken_for_fifteen() -> None:
    times = at(30)
    assert taken(15, times) == times[::2]


def test_frames_that_come_a_little_early_or_late_change_nothing_about_which_are_taken() -> None:
    times = jittered(at(30), 0.008)
    assert taken(15, times) == times[::2]
    assert taken(10, times) == times[::3]


@pytest.mark.parametrize("source", [15, 24, 25, 29.97, 30, 50, 59.94, 60, 120])
@pytest.mark.parametrize("fps", [10, 12, 15])
def test_frames_are_taken_evenly_and_at_the_rate_asked_for(source: float, fps: float) -> None:
    times = taken(fps, at(source))
    assert len(times) == pytest.approx(10 * fps, abs=1)
    steps = [later - earlier for earlier, later in pairwise(times)]
    assert max(steps) - min(steps) <= 1 / source + 1e-6


@pytest.mark.parametrize("source", [5, 14.99, 15])
def test_a_source_that_gives_no_more_than_asked_for_keeps_every_frame(source: float) -> None:
    times = at(source)
    assert taken(15, times) == times


def test_no_more_are_taken_than_asked_for_however_they_come() -> None:
    rng = np.random.default_rng(6)
    times = np.cumsum(rng.exponential(1 / 40, size=4000)).tolist()
    times = taken(15, times)
    assert len(times) <= 15 * (times[-1] - times[0]) + 1
    assert len(times) >= 12 * (times[-1] - times[0])


def test_after_a_gap_the_frame_that_ends_it_is_taken_and_none_to_make_up_for_it() -> None:
    after = at(30, start=120.01)
    assert taken(15, at(30) + after)[150:] == after[::2]


def test_frames_that_come_in_bursts_are_taken_once_a_burst() -> None:
    bursts = [start + part for start in at(10) for part in (0.0, 0.001, 0.002)]
    assert taken(15, bursts) == bursts[::3]


def test_without_a_rate_every_frame_is_taken() -> None:
    assert all(map(FrameSampler(None).wants, [1.0, 1.0, 0.5]))
    assert [FrameSampler(1).wants(1.0), FrameSampler(1).wants(1.0)] == [True, True]


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_a_rate_of_nothing_is_refused(fps: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        FrameSampler(fps)
