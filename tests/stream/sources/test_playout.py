import random
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from dancetype.stream.sources.playout import PlayoutClock

Stamp = Callable[[int, float], float | None]
START = 1000.0


class Simulation:
    """Frames of a camera, whose network delivers them at the end of each period.

    Args:
        period: Seconds between bursts; 0 for no bursts.
        fps: Frames per second.
        seconds: Duration.
        jitter: Maximum random delay of each frame in seconds.
        stamp: Timestamp of a frame by its index and its true capture time.
    """

    def __init__(
        self,
        period: float,
        *,
        fps: float = 30,
        seconds: float = 20.0,
        jitter: float = 0.0,
        stamp: Stamp = lambda index, time: time,
        clock: PlayoutClock | None = None,
    ) -> None:
        self.clock = clock or PlayoutClock()
        rng = random.Random(0)
        size = max(round(period * fps), 1)  # frames per burst
        arrived, rows = 0.0, []
        for index in range(round(fps * seconds)):
            time = START + index / fps
            arrival = START + (index // size + 1) * size / fps if period else time
            arrived = max(arrival + rng.uniform(0, jitter), arrived)
            playout = self.clock.next(stamp(index, time), arrived)
            rows.append((time, arrived, playout.capture, playout.due))
        self.times, self.arrivals, self.captures, self.due = np.array(rows).T
        # After the first seconds, in which bursts are found.
        self.settled = slice(len(rows) // 2, None)

    def due_gap(self) -> float:
        """Return the longest time between two frames that are passed on."""
        return float(np.diff(self.due[self.settled]).max())


@pytest.mark.parametrize("fps", [5, 15, 30, 60])
@pytest.mark.parametrize("period", [0.4, 0.6, 0.8, 1.0])
def test_bursts_are_played_at_the_pace_of_the_camera(period: float, fps: float) -> None:
    run = Simulation(period, fps=fps)
    assert run.clock.bursty
    assert run.due_gap() == pytest.approx(1 / fps, abs=0.005)
    assert np.diff(run.captures[run.settled]) == pytest.approx(1 / fps, abs=1e-3)
    delays = run.due - run.arrivals
    assert delays.min() >= 0
    assert delays.max() <= 1.0
    # Captured late by the constant time that the network needs at least.
    errors = run.captures[run.settled] - run.times[run.settled]
    assert np.ptp(errors) < 1e-3
    assert 0 <= errors.min() <= 1 / fps + 1e-3


@pytest.mark.parametrize("period", [1.2, 1.6, 2.0])
def test_bursts_longer_than_the_maximum_delay_begin_at_double_speed(period: float) -> None:
    run = Simulation(period)
    assert run.clock.delay == 1.0
    assert (run.due - run.arrivals).max() <= 1.0
    assert np.diff(run.due)[run.settled].min() >= 1 / 60 - 1e-6
    assert np.diff(run.captures[run.settled]) == pytest.approx(1 / 30, abs=1e-3)
    # The next burst arrives later than the end of this one is due.
    assert run.due_gap() == pytest.approx(period - 1, abs=0.05)


def test_end_of_very_long_bursts_is_overtaken() -> None:
    run = Simulation(2.4, seconds=40)
    assert run.clock.bursty
    assert (run.due - run.arrivals).max() <= 1.0
    together = np.diff(run.due)[run.settled] < 1e-6
    assert together.mean() == pytest.approx(0.4 / 2.4, abs=0.05)


def test_irregular_bursts_leave_no_gap_that_ends_a_window() -> None:
    run = Simulation(0.6, fps=25, jitter=0.1)
    assert run.clock.bursty
    assert run.due_gap() < 0.15


@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("fps", [1, 2, 15, 30, 120])
def test_ordinary_streams_are_not_delayed(fps: float, jitter: float) -> None:
    run = Simulation(0, fps=fps, jitter=jitter)
    assert not run.clock.bursty
    assert run.due - run.arrivals == pytest.approx(0, abs=0.01)


def test_one_hiccup_delays_nothing() -> None:
    clock = PlayoutClock()
    for index in range(300):
        time = index / 30
        arrival = 4.0 if 3 < time < 4 else time
        playout = clock.next(time, arrival)
        assert playout.due - arrival < 0.05
    assert not clock.bursty


def test_delay_ends_after_the_last_burst() -> None:
    clock = PlayoutClock()
    Simulation(0.6, clock=clock, seconds=10)
    assert clock.bursty
    for index in range(300, 600):
        time = START + index / 30
        playout = clock.next(time, time)
    assert not clock.bursty
    assert playout.due == time


def random_stamps() -> Stamp:
    rng = random.Random(0)
    return lambda index, time: rng.uniform(0, 1e5)


@pytest.mark.parametrize("fps", [4, 30])
@pytest.mark.parametrize(
    "stamp",
    [
        lambda index, time: 5.0,
        lambda index, time: None,
        lambda index, time: time / 2,
        lambda index, time: 2 * time,
        lambda index, time: -time,
        # A fixed rate, whatever the true one.
        lambda index, time: index / 25,
        # The clock of the camera is set every two seconds.
        lambda index, time: time + 3600 * (int(time) % 4 < 2),
        random_stamps(),
    ],
    ids=["same", "missing", "slow", "fast", "backwards", "fixed", "set", "random"],
)
def test_wrong_timestamps_cause_no_delay(stamp: Stamp, fps: float) -> None:
    run = Simulation(0, fps=fps, stamp=stamp)
    assert not run.clock.bursty
    assert run.captures.tolist() == run.arrivals.tolist()
    assert run.due.tolist() == run.arrivals.tolist()


@pytest.mark.parametrize("period", [0, 0.6, 1.0])
def test_capture_times_rise_whatever_the_timestamps(period: float) -> None:
    rng = random.Random(1)
    jumps = [rng.choice([0, 0, 0, 5, -5, 3600]) for _ in range(600)]
    run = Simulation(period, stamp=lambda index, time: time + jumps[index // 20])
    assert all(earlier < later for earlier, later in pairwise(run.captures))
    assert (run.due >= run.arrivals).all()
    assert (run.due - run.arrivals).max() <= 1.001


def test_wrong_rate_of_the_cameras_clock_is_followed() -> None:
    # 100 ppm, far more than real clocks are off by.
    run = Simulation(0.6, seconds=200, stamp=lambda index, time: time * 1.0001)
    assert run.due_gap() < 0.1
    assert run.captures[-1] == pytest.approx(run.times[-1], abs=0.1)


def test_longer_bursts_are_spread_with_a_longer_maximum_delay() -> None:
    run = Simulation(6.0, seconds=60, clock=PlayoutClock(max_delay=8.0))
    assert run.clock.bursty
    assert run.due_gap() == pytest.approx(1 / 30, abs=0.005)
