import pytest

from dancetype.stream.capture.backoff import Backoff


class Outage:
    """Backoff during an outage, on a virtual clock; by default every delay is the maximum."""

    def __init__(self, draw: float = 1.0) -> None:
        self.now = 7.0
        self.backoff = Backoff(lambda: self.now, draw=lambda: draw)

    def wait(self) -> float:
        delay = self.backoff.next_delay()
        self.now += delay
        return delay


def test_delays_grow_with_the_outage_up_to_half_a_minute() -> None:
    outage = Outage()
    delays = [outage.wait() for _ in range(40)]
    assert delays[0] == 0.5
    assert delays == sorted(delays)
    assert delays[-1] == 30


def test_delay_is_at_most_a_quarter_of_the_outage() -> None:
    outage = Outage()
    while outage.now < 17:
        assert outage.wait() <= max(0.5, (outage.now - 7) / 4)


def test_delay_is_a_random_fraction_of_the_maximum() -> None:
    assert Outage(draw=0.0).wait() == 0
    assert Outage(draw=0.5).wait() == 0.25


def test_delays_are_short_again_after_a_reset() -> None:
    outage = Outage()
    for _ in range(20):
        outage.wait()
    outage.backoff.reset()
    assert outage.wait() == pytest.approx(0.5)
