import pytest

from dancetype.stream.capture.backoff import Backoff


class Away:
    """Something that is away, on a virtual clock; every wait is as long as it can be."""

    def __init__(self, draw: float = 1.0) -> None:
        self.now = 7.0
        self.backoff = Backoff(lambda: self.now, draw=lambda: draw)

    def wait(self) -> float:
        delay = self.backoff.wait()
        self.now += delay
        return delay


def test_waits_grow_with_the_time_away_up_to_half_a_minute() -> None:
    away = Away()
    waits = [away.wait() for _ in range(40)]
    assert waits[0] == 0.5
    assert waits == sorted(waits)
    assert waits[-1] == 30


def test_what_was_away_for_a_short_time_is_found_again_within_a_short_time() -> None:
    away = Away()
    while away.now < 17:
        assert away.wait() <= max(0.5, (away.now - 7) / 4)


def test_a_wait_is_drawn_from_nothing_on() -> None:
    assert Away(draw=0.0).wait() == 0
    assert Away(draw=0.5).wait() == 0.25


def test_what_was_back_is_waited_for_a_short_time_again() -> None:
    away = Away()
    for _ in range(20):
        away.wait()
    away.backoff.reset()
    assert away.wait() == pytest.approx(0.5)
