"""Delays between attempts to reach something that is unavailable."""

import random
from collections.abc import Callable
from typing import Final

_MIN_DELAY: Final = 0.5
_MAX_DELAY: Final = 30.0
# Delay as a fraction of the time since the failure.
_SHARE: Final = 0.25


class Backoff:
    """Delays that grow with the time since the failure, up to half a minute.

    Each delay is drawn evenly between 0 and a quarter of that time (full jitter: Brooker,
    "Exponential Backoff And Jitter", 2015), so that many clients of one server do not all
    reconnect at once.

    Args:
        clock: Monotonic clock in seconds.
        draw: Returns random numbers from 0 to 1.
    """

    def __init__(
        self, clock: Callable[[], float], *, draw: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._draw = draw
        self._since: float | None = None

    def reset(self) -> None:
        """Reset after a successful reconnect."""
        self._since = None

    def wait(self) -> float:
        """Return the seconds to wait before the next attempt; the first call marks the failure."""
        now = self._clock()
        if self._since is None:
            self._since = now
        return self._draw() * min(max(_SHARE * (now - self._since), _MIN_DELAY), _MAX_DELAY)
