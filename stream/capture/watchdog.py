"""The watchdog of a source: watches its frames and restarts it when they stop."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from threading import Lock
from typing import Final

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.stream.capture.backoff import Backoff
from dancetype.stream.capture.frame_slot import FrameSlot
from dancetype.stream.capture.reader import Reader
from dancetype.stream.sources.base import Source, SourceState, StateChanged

STALL: Final = 2.0
"""Default seconds without a frame after which a live source counts as stalled."""

# The first picture of a camera may be a key frame away.
_LONGEST_OPENING: Final = 12.0
# Seconds in which a stalled source may continue without a restart.
_GRACE: Final = 1.0
_TICK: Final = 0.1
# Seconds after which a source counts as recovered; one that fails at once does not.
_STEADY: Final = 5.0
# Reader threads that a driver may block; more would not help.
_MAX_BLOCKED: Final = 3


def patience(stall: float) -> float:
    """Return for how many seconds a source may wait for its camera before it is abandoned."""
    return stall + 1.5 * _GRACE


@dataclass(eq=False)
class SourceWatchdog:
    """The work of a capture thread: starts readers and watches them.

    A file ends, or starts over if it loops. A live source that breaks off, stalls or is not
    available yet is retried forever, each time in a new epoch, unless its fault is permanent, such
    as a wrong password.

    Attributes:
        open_source: Opens the source for the given epoch.
        slot: Slot that receives the frames.
        on_event: Receives each change of state, after the frames before it have been processed.
        wait: Waits for seconds; returns True if it is time to stop.
        clock: Monotonic clock in seconds; each frame of a file is due at its time.
        backoff: Delays between retries; one on `clock` if None.
        loop: Whether a source that has ended starts over.
        stall: Seconds without a frame after which a live source counts as stalled.
        name: Name of the source, for its threads.
        epoch: Number of the current start of the source, from 0.
    """

    open_source: Callable[[int], Source]
    slot: FrameSlot
    _: KW_ONLY
    on_event: Callable[[StateChanged], None]
    wait: Callable[[float], bool]
    clock: Callable[[], float]
    backoff: Backoff | None = None
    loop: bool = False
    stall: float = STALL
    name: str = ""

    def __post_init__(self) -> None:
        self._backoff = self.backoff or Backoff(self.clock)
        self.epoch = 0
        self._readers: list[Reader] = []
        self._reporting = Lock()
        self._state = SourceState.CONNECTING
        self._watched: int | None = None
        self._begun: float | None = None

    def run(self) -> None:
        """Keep the source running until its end or until it is time to stop."""
        while self._start():
            self.epoch += 1

    def join(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for all readers; return False if a thread still runs."""
        for reader in self._readers:
            reader.join(timeout / len(self._readers))
        return not any(reader.is_alive() for reader in self._readers)

    def _start(self) -> bool:
        """Run one epoch of the source; return False if it was the last."""
        # During a reconnect, another try is not a change of state.
        if self._state is not SourceState.RECONNECTING:
            self._report(SourceState.CONNECTING)
        try:
            ended = self._watch(self._reader())
        except SourceUnavailableError as error:
            delay = self._backoff.wait()
            again = f"{error}; trying again in {delay:.1f} s"
            self._leave(SourceState.RECONNECTING, again, error.fault)
            return not self.wait(delay)
        except SourceError as error:
            self._leave(SourceState.FAILED, str(error), error.fault, final=True)
            return False
        if ended:
            reason = "the source is at its end"
            self._leave(SourceState.ENDED, reason, Fault.ENDED, final=not self.loop)
        return ended and self.loop

    def _reader(self) -> Reader:
        self._readers = [reader for reader in self._readers if reader.is_alive()]
        if len(self._readers) >= _MAX_BLOCKED:
            raise SourceUnavailableError(
                "it holds on to every try and answers none; unplug it or restart it",
                Fault.TIMED_OUT,
            )
        self._watched, self._begun = self.epoch, None
        reader = Reader(
            self.epoch,
            self.open_source,
            self.slot,
            on_first=partial(self._begin, self.epoch),
            wait=self.wait,
            clock=self.clock,
            name=f"read {self.name}",
        )
        self._readers.append(reader)
        reader.start()
        return reader

    def _begin(self, epoch: int) -> None:
        """Report the first frame of an epoch, unless its reader has been abandoned."""
        with self._reporting:
            if epoch == self._watched:
                self._begun = self.clock()
                self._report(SourceState.RUNNING)

    def _watch(self, reader: Reader) -> bool:
        """Watch a reader until it ends; return True if it reached the end of the source."""
        reader.join(_TICK)
        while reader.is_alive():
            if self.wait(0):
                return False
            if self._begun is not None:
                self._watch_frames(reader, self._begun)
            elif reader.silence > _LONGEST_OPENING:
                raise SourceUnavailableError(
                    f"no picture within {_LONGEST_OPENING:g} s", Fault.TIMED_OUT
                )
            reader.join(_TICK)
        if reader.error:
            raise reader.error
        return reader.ended

    def _watch_frames(self, reader: Reader, begun: float) -> None:
        silence = reader.silence if reader.live else 0.0
        if silence > self.stall + _GRACE:
            raise SourceUnavailableError(f"no frame for {silence:.0f} s", Fault.TIMED_OUT)
        if silence > self.stall:
            if self._state is SourceState.RUNNING:
                reason = f"no frame for {self.stall:g} s"
                self._report(SourceState.STALLED, reason, Fault.TIMED_OUT)
        elif self._state is SourceState.STALLED:
            self._report(SourceState.RUNNING)
        if self.clock() - begun > _STEADY:
            self._backoff.reset()

    def _leave(self, state: SourceState, reason: str, fault: Fault, *, final: bool = False) -> None:
        """Report how the epoch ended, after all its frames have been processed."""
        self.slot.drain()
        with self._reporting:
            # A reader that was abandoned and returns only now is ignored.
            self._watched = None
            self.slot.begin(self.epoch + 1)
            self._report(state, reason, fault, final=final)

    def _report(
        self,
        state: SourceState,
        reason: str | None = None,
        fault: Fault | None = None,
        *,
        final: bool = False,
    ) -> None:
        self._state = state
        self.on_event(StateChanged(state, self.epoch, reason, fault, final))
