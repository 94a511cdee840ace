"""Whether a camera's process is still the one that its supervisor wants."""

import asyncio
from collections.abc import Callable
from typing import Final

LEASE: Final = 12.0
"""Seconds after which a process that nobody has asked for is to end."""
# One may have been on its way since before the process stood still, or was replaced.
_BEATS: Final = 2


class Office:
    """Counts how often the supervisor, who asks for one process of a camera only, has asked.

    Two processes of one camera share a client id, so that the broker puts out the earlier when the
    later comes. The earlier must not come back, and the later, put out by an earlier that had been
    cut off, must: whoever is asked for is in office.

    Args:
        clock: monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard = clock()
        self._beats = 0
        self._first = True
        self._asked = asyncio.Condition()

    @property
    def left(self) -> float:
        """Seconds until this process is to end, if it is not asked for before; 0 from then on."""
        return max(self._heard + LEASE - self._clock(), 0.0)

    async def ask(self) -> None:
        """The supervisor asks."""
        self._heard = self._clock()
        async with self._asked:
            self._beats += 1
            self._asked.notify_all()

    async def confirmed(self) -> None:
        """Waits until the supervisor has asked twice: since the start, and then since each call."""
        async with self._asked:
            wanted = (0 if self._first else self._beats) + _BEATS
            self._first = False
            await self._asked.wait_for(lambda: self._beats >= wanted)
