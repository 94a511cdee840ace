"""Clock of a run: monotonic time that can be converted to Unix time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic time with the offset that converts it to Unix time.

    The offset is measured once, so a wall clock that jumps later cannot reorder messages.

    Attributes:
        monotonic: Function that returns seconds on a clock that never goes back.
        offset: Seconds to add to get the time since 1970.
    """

    monotonic: Callable[[], float]
    offset: float

    @classmethod
    def start(
        cls,
        # On Windows, `time.monotonic` advances in steps of 16 ms before Python 3.13.
        monotonic: Callable[[], float] = time.perf_counter,
        unix: Callable[[], float] = time.time,
    ) -> Self:
        """Return a clock with the current offset."""
        return cls(monotonic, unix() - monotonic())

    def unix(self, monotonic: float) -> float:
        """Convert `monotonic` seconds to seconds since 1970."""
        return monotonic + self.offset
