"""Delays between attempts to reach something that is unavailable."""

import random
from collections.abc import Callable
from typing import Final

_MIN_DELAY: Final = 0.5
_MAX_DELAY: Final = 30.0
_DELAY_FRACTION: Final = 0.25  # maximum delay relative to the time since the failure


class Backoff:
    """Random delays whose maximum grows with the time since the failure, up to half a minute.

    Each delay is drawn uniformly between 0 and a quarter of that time (full jitter: Brooker,
    "Exponential Backoff And Jitter", 2015), so that many clients of one server do not all
    reconnect at once.

    Args:
        clock: Monotonic clock in seconds.
        draw: Function that returns random numbers from 0 to 1.
    """

    def __init__(
        self, clock: Callable[[], float], *, draw: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._draw = draw
        self._failed_at: float | None = None

    def reset(self) -> None:
        """Reset after a successful reconnect."""
        self._failed_at = None

    def next_delay(self) -> float:
        """Return the delay before the next attempt, in seconds.

        The first call after a reset marks the time of the failure.
        """
        now = self._clock()
        if self._failed_at is None:
            self._failed_at = now
        limit = min(max(_DELAY_FRACTION * (now - self._failed_at), _MIN_DELAY), _MAX_DELAY)
        return self._draw() * limit
