"""How long to wait before the next try of something that has gone away."""

import random
from collections.abc import Callable
from typing import Final

_LEAST: Final = 0.5
_MOST: Final = 30.0
# Of the time it has been away.
_SHARE: Final = 0.25


class Backoff:
    """Waits that grow with the time something has been away, up to half a minute, for ever.

    Each wait is drawn evenly from nothing to a quarter of that time (full jitter: Brooker,
    "Exponential Backoff And Jitter", 2015), so that many clients of one server do not come back
    all at once, and what was away for a short time is found again within a short time.

    Args:
        clock: monotonic, in seconds.
        draw: gives numbers from 0 to 1.
    """

    def __init__(
        self, clock: Callable[[], float], *, draw: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._draw = draw
        self._since: float | None = None

    def reset(self) -> None:
        """It is back."""
        self._since = None

    def wait(self) -> float:
        """Seconds to wait before the next try; the first call says that it has gone away."""
        now = self._clock()
        if self._since is None:
            self._since = now
        return self._draw() * min(max(_SHARE * (now - self._since), _LEAST), _MOST)
