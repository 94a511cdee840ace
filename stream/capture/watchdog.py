"""Keeps a source running: watches its frames, and starts it again when they stop."""

from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Final

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.stream.capture.backoff import Backoff
from dancetype.stream.capture.frame_slot import FrameSlot
from dancetype.stream.capture.reader import Reader
from dancetype.stream.events import StateChanged
from dancetype.stream.messages import SourceState
from dancetype.stream.sources.base import Source

STALL: Final = 2.0
"""Seconds without a frame after which a live source counts as stalled, unless told otherwise."""

# A camera's first picture may be a key frame away.
_LONGEST_OPENING: Final = 12.0
# How long a stalled source may take to go on as if nothing had been.
_GRACE: Final = 1.0
_TICK: Final = 0.1
# A source that runs for so long has come back; one that dies at once is still away.
_STEADY: Final = 5.0
# Threads that a driver does not let go of; more would not do better.
_MOST_LEFT_BEHIND: Final = 3


def patience(stall: float) -> float:
    """Seconds for which a source may wait for its camera: until nobody waits for it any more.

    Args:
        stall: seconds without a frame after which a live source counts as stalled.
    """
    return stall + 1.5 * _GRACE


class Capture:
    """What a capture thread does: it starts readers, and watches them.

    A file ends, or starts over where it loops. A live source that breaks off, stalls, or is not
    there yet is tried again for ever, each time in a new epoch, except where its fault would still
    be there: a wrong password is no network that may come back.

    Args:
        open_source: opens the source for the epoch given.
        slot: takes the frames.
        on_event: told each change of state, once the frames before it are done with.
        wait: passes seconds; True where it is time to stop.
        clock: monotonic, in seconds; a file's frames come when it reaches their times.
        loop: whether a source that has ended starts over.
        stall: seconds without a frame after which a live source counts as stalled.
        backoff: how long to wait between tries; one on `clock` where None.
        name: of the source, for its threads.
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
        stall: float = STALL,
        backoff: Backoff | None = None,
        name: str = "",
    ) -> None:
        self._open_source = open_source
        self._slot = slot
        self._on_event = on_event
        self._wait = wait
        self._clock = clock
        self._loop = loop
        self._stall = stall
        self._backoff = backoff or Backoff(clock)
        self._name = name
        self._epoch = 0
        self._readers: list[Reader] = []
        self._telling = Lock()
        self._state = SourceState.CONNECTING
        self._watched: int | None = None
        self._begun: float | None = None

    @property
    def epoch(self) -> int:
        """Which start of the source this is, from 0."""
        return self._epoch

    def run(self) -> None:
        """Keeps it running until there is nothing more to read or it is time to stop."""
        while self._start():
            self._epoch += 1

    def join(self, timeout: float) -> bool:
        """Waits up to `timeout` seconds for all readers; False where a thread still runs."""
        return all(reader.join(timeout / len(self._readers)) for reader in self._readers)

    def _start(self) -> bool:
        """One epoch of the source; False where it was the last."""
        # While it is being reconnected to, a new try is no news.
        if self._state is not SourceState.RECONNECTING:
            self._tell(SourceState.CONNECTING)
        try:
            ended = self._watch(self._reader())
        except SourceUnavailableError as error:
            delay = self._backoff.wait()
            again = f"{error}; trying again in {delay:.1f} s"
            self._leave(SourceState.RECONNECTING, again, error.fault)
            return not self._wait(delay)
        except SourceError as error:
            self._leave(SourceState.FAILED, str(error), error.fault, final=True)
            return False
        if ended:
            reason = "the source is at its end"
            self._leave(SourceState.ENDED, reason, Fault.ENDED, final=not self._loop)
        return ended and self._loop

    def _reader(self) -> Reader:
        self._readers = [reader for reader in self._readers if reader.alive]
        if len(self._readers) >= _MOST_LEFT_BEHIND:
            raise SourceUnavailableError(
                "it holds on to every try and answers none; unplug it or restart it",
                Fault.TIMED_OUT,
            )
        self._watched, self._begun = self._epoch, None
        reader = Reader(
            self._epoch,
            self._open_source,
            self._slot,
            on_first=partial(self._begin, self._epoch),
            wait=self._wait,
            clock=self._clock,
            name=f"read {self._name}",
        )
        self._readers.append(reader)
        reader.start()
        return reader

    def _begin(self, epoch: int) -> None:
        """The first frame is there; told by a reader, which may have been left behind."""
        with self._telling:
            if epoch == self._watched:
                self._begun = self._clock()
                self._tell(SourceState.RUNNING)

    def _watch(self, reader: Reader) -> bool:
        """Stands by while a reader reads; True where it comes to the source's end.

        Raises:
            SourceError: it can read nothing, or no more.
        """
        while not reader.join(_TICK):
            if self._wait(0):
                return False
            if self._begun is not None:
                self._watch_frames(reader, self._begun)
            elif reader.silence > _LONGEST_OPENING:
                raise SourceUnavailableError(
                    f"no picture within {_LONGEST_OPENING:g} s", Fault.TIMED_OUT
                )
        if reader.error:
            raise reader.error
        return reader.ended

    def _watch_frames(self, reader: Reader, begun: float) -> None:
        silence = reader.silence if reader.live else 0.0
        if silence > self._stall + _GRACE:
            raise SourceUnavailableError(f"no frame for {silence:.0f} s", Fault.TIMED_OUT)
        if silence > self._stall:
            if self._state is SourceState.RUNNING:
                reason = f"no frame for {self._stall:g} s"
                self._tell(SourceState.STALLED, reason, Fault.TIMED_OUT)
        elif self._state is SourceState.STALLED:
            self._tell(SourceState.RUNNING)
        if self._clock() - begun > _STEADY:
            self._backoff.reset()

    def _leave(self, state: SourceState, reason: str, fault: Fault, *, final: bool = False) -> None:
        """Tells how an epoch has ended, once what is to be said of its frames is said."""
        self._slot.drain()
        with self._telling:
            # A reader that is left behind, and let go of only now, is too late.
            self._watched = None
            self._slot.begin(self._epoch + 1)
            self._tell(state, reason, fault, final=final)

    def _tell(
        self,
        state: SourceState,
        reason: str | None = None,
        fault: Fault | None = None,
        *,
        final: bool = False,
    ) -> None:
        self._state = state
        self._on_event(StateChanged(state, self._epoch, reason, fault, final))
