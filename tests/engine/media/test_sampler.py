from itertools import pairwise

import numpy as np
import pytest

from dancetype.engine.media.sampler import FrameSampler


def accepted_times(fps: float, times: list[float]) -> list[float]:
    sampler = FrameSampler(fps)
    return [time for time in times if sampler.accept(time)]


def frame_times(fps: float, *, seconds: float = 10.0, start: float = 100.0) -> list[float]:
    return [start + index / fps for index in range(round(seconds * fps))]


def jittered(times: list[float], maximum: float) -> list[float]:
    rng = np.random.default_rng(5)
    return [time + float(rng.uniform(-maximum, maximum)) for time in times]


def test_every_other_frame_is_accepted_for_half_the_rate() -> None:
    times = frame_times(30)
    assert accepted_times(15, times) == times[::2]


def test_jitter_does_not_change_which_frames_are_accepted() -> None:
    times = jittered(frame_times(30), 0.008)
    assert accepted_times(15, times) == times[::2]
    assert accepted_times(10, times) == times[::3]


@pytest.mark.parametrize("source_fps", [15, 24, 25, 29.97, 30, 50, 59.94, 60, 120])
@pytest.mark.parametrize("fps", [10, 12, 15])
def test_frames_are_accepted_evenly_and_at_requested_rate(source_fps: float, fps: float) -> None:
    times = accepted_times(fps, frame_times(source_fps))
    assert len(times) == pytest.approx(10 * fps, abs=1)
    steps = [later - earlier for earlier, later in pairwise(times)]
    assert max(steps) - min(steps) <= 1 / source_fps + 1e-6


@pytest.mark.parametrize("source_fps", [5, 14.99, 15])
def test_every_frame_is_accepted_if_source_is_not_faster_than_requested(source_fps: float) -> None:
    times = frame_times(source_fps)
    assert accepted_times(15, times) == times


def test_requested_rate_is_not_exceeded_by_irregular_frames() -> None:
    rng = np.random.default_rng(6)
    times = np.cumsum(rng.exponential(1 / 40, size=4000)).tolist()
    times = accepted_times(15, times)
    assert len(times) <= 15 * (times[-1] - times[0]) + 1
    assert len(times) >= 12 * (times[-1] - times[0])


def test_first_frame_after_gap_is_accepted_without_catching_up() -> None:
    after = frame_times(30, start=120.01)
    assert accepted_times(15, frame_times(30) + after)[150:] == after[::2]


def test_one_frame_per_burst_is_accepted() -> None:
    bursts = [start + delay for start in frame_times(10) for delay in (0.0, 0.001, 0.002)]
    assert accepted_times(15, bursts) == bursts[::3]


def test_every_frame_is_accepted_without_rate() -> None:
    assert all(map(FrameSampler(None).accept, [1.0, 1.0, 0.5]))
    assert [FrameSampler(1).accept(1.0), FrameSampler(1).accept(1.0)] == [True, True]


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_rate_that_is_not_positive_is_rejected(fps: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        FrameSampler(fps)


def test_rate_may_change_between_frames() -> None:
    rate = 15.0
    sampler = FrameSampler(lambda time: rate)
    times = frame_times(30)
    fast = [time for time in times if sampler.accept(time)]
    rate = 10.0
    slow = [time for time in frame_times(30, start=110) if sampler.accept(time)]
    assert fast == times[::2]
    assert len(slow) == pytest.approx(100, abs=1)


def test_additional_frames_do_not_change_which_frames_are_due() -> None:
    rate = 15.0
    sampler = FrameSampler(lambda time: rate)
    times = frame_times(30)
    accepted = []
    for index, time in enumerate(times):
        rate = float("inf") if 100 <= index < 103 else 15.0
        if sampler.accept(time):
            accepted.append(index)
    assert accepted == sorted({*range(0, 300, 2), 101})
