"""Reads a source into a slot, start after start."""

from collections.abc import Callable
from contextlib import closing
from typing import Final

from stream.events import StateChanged
from stream.handover import FrameSlot
from stream.messages import SourceState
from stream.sources.base import Source, SourceError, SourceUnavailableError

_FIRST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 15.0


class Capture:
    """What a capture thread does.

    A file ends, or starts over where it loops. A live source that breaks off, or is not there
    yet, is tried again with growing delays.

    Args:
        open_source: opens the source for the epoch given.
        slot: takes the frames.
        on_event: told each change of state, once the frames before it are done with.
        wait: passes seconds; True where it is time to stop.
        clock: monotonic, in seconds; a file's frames come when it reaches their times.
        loop: whether a source that has ended starts over.
    """

    def __init__(
        self,
        open_source: Callable[[int], Source],
        slot: FrameSlot,
        *,
        on_event: Callable[[StateChanged], None],
        wait: Callable[[float], bool],
        clock: Callable[[], float],
        loop: bool = False,
    ) -> None:
        self._open_source = open_source
        self._slot = slot
        self._on_event = on_event
        self._wait = wait
        self._clock = clock
        self._loop = loop
        self._epoch = 0
        self._delay = _FIRST_DELAY

    @property
    def epoch(self) -> int:
        """Which start of the source this is, from 0."""
        return self._epoch

    def run(self) -> None:
        """Reads until there is nothing more to read or it is time to stop."""
        while self._start():
            self._epoch += 1

    def _start(self) -> bool:
        """One epoch of the source; False where it was the last."""
        self._on_event(StateChanged(SourceState.CONNECTING, self._epoch))
        try:
            ended = self._read_epoch()
        except SourceUnavailableError as error:
            self._tell(SourceState.FAILED, f"{error}; trying again in {self._delay:.0f} s")
            delay, self._delay = self._delay, min(2 * self._delay, _LONGEST_DELAY)
            return not self._wait(delay)
        except SourceError as error:
            self._tell(SourceState.FAILED, str(error), final=True)
            return False
        if ended:
            self._tell(SourceState.ENDED, "the source is at its end", final=not self._loop)
        return ended and self._loop

    def _read_epoch(self) -> bool:
        """Reads the source to its end; False where it is time to stop."""
        with closing(self._open_source(self._epoch)) as source:
            while frame := source.read():
                # A file has every frame at once; each waits for its time.
                if not source.live and self._wait(max(frame.time - self._clock(), 0.0)):
                    return False
                if frame.index == 0:
                    self._on_event(StateChanged(SourceState.RUNNING, self._epoch))
                    self._delay = _FIRST_DELAY
                if not self._slot.put(frame, overtake=source.live):
                    return False
        return True

    def _tell(self, state: SourceState, reason: str, *, final: bool = False) -> None:
        # What is said of the frames before comes first.
        self._slot.drain()
        self._on_event(StateChanged(state, self._epoch, reason, final))
