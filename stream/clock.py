"""The clock of a run: monotonic time that can be shown as Unix time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic time and the offset that turns it into Unix time.

    The offset is taken once, so a wall clock that jumps later cannot reorder messages.

    Attributes:
        monotonic: Returns seconds on a clock that never goes back.
        offset: Seconds to add for the time since 1970.
    """

    monotonic: Callable[[], float]
    offset: float

    @classmethod
    def start(
        cls,
        monotonic: Callable[[], float] = time.monotonic,
        unix: Callable[[], float] = time.time,
    ) -> Self:
        """Return a clock with the offset as it is now."""
        return cls(monotonic, unix() - monotonic())

    def unix(self, monotonic: float) -> float:
        """Return seconds since 1970 for `monotonic` seconds."""
        return monotonic + self.offset
