"""Watchdog of a source: restarts the source when its frames stop."""

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
"""Default number of seconds without a frame after which a live source counts as stalled."""

# Long, since a camera's next key frame may be seconds away.
_FIRST_FRAME_TIMEOUT: Final = 12.0
_GRACE: Final = 1.0  # seconds in which a stalled source may recover before it is restarted
_TICK: Final = 0.1  # seconds between two checks
_RECOVERED_AFTER: Final = 5.0  # seconds of running after which the backoff starts over
_MAX_BLOCKED_READERS: Final = 3
_BURSTY_REASON: Final = (
    "frames arrive in bursts and are delayed by up to 1 s; check the network, or use a cable"
)


def source_timeout(stall: float) -> float:
    """Return the time-out for a camera's responses: slightly longer than the watchdog waits."""
    return stall + 1.5 * _GRACE


@dataclass(eq=False)
class SourceWatchdog:
    """Supervisor of a source's reader threads, one for each epoch.

    A file is read once, or repeatedly with `loop`. A live source that disconnects, stalls or is
    unavailable is retried forever, each time in a new epoch, unless its fault is permanent, such as
    a wrong password.

    Attributes:
        open_source: Function that opens the source for an epoch.
        slot: Slot that receives the frames.
        on_event: Function that receives each change of state, after the frames before it have been
            processed.
        wait: Function that waits for some seconds; it returns True if the watchdog must stop.
        clock: Monotonic clock in seconds; each frame of a file is put at its capture time.
        backoff: Delays between retries; a new `Backoff` if None.
        loop: Whether to restart the source at its end.
        stall: Seconds without a frame after which a live source counts as stalled.
        name: Name of the source, for the names of its threads.
        epoch: Current epoch, from 0.
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
        self._report_lock = Lock()
        self._state = SourceState.CONNECTING
        # Epoch of the reader that is being watched; None if it has been abandoned.
        self._watched_epoch: int | None = None
        self._first_frame_at: float | None = None

    def run(self) -> None:
        """Keep the source running until its end, or until `wait` returns True."""
        while self._run_epoch():
            self.epoch += 1

    def join(self, timeout: float) -> bool:
        """Wait for all readers up to `timeout` seconds; return False if one is still running."""
        for reader in self._readers:
            reader.join(timeout / len(self._readers))
        return not any(reader.is_alive() for reader in self._readers)

    def _run_epoch(self) -> bool:
        """Run one epoch of the source; return False if it was the last."""
        # While reconnecting, another attempt is not a change of state.
        if self._state is not SourceState.RECONNECTING:
            self._report(SourceState.CONNECTING)
        try:
            ended = self._watch(self._start_reader())
        except SourceUnavailableError as error:
            delay = self._backoff.next_delay()
            reason = f"{error}; retrying in {delay:.1f} s"
            self._end_epoch(SourceState.RECONNECTING, reason, error.fault)
            return not self.wait(delay)
        except SourceError as error:
            self._end_epoch(SourceState.FAILED, str(error), error.fault, final=True)
            return False
        if ended:
            reason = "the source has ended"
            self._end_epoch(SourceState.ENDED, reason, Fault.ENDED, final=not self.loop)
        return ended and self.loop

    def _start_reader(self) -> Reader:
        self._readers = [reader for reader in self._readers if reader.is_alive()]
        if len(self._readers) >= _MAX_BLOCKED_READERS:
            raise SourceUnavailableError(
                "earlier attempts to open it are still blocked; unplug or restart the camera",
                Fault.TIMED_OUT,
            )
        self._watched_epoch, self._first_frame_at = self.epoch, None
        reader = Reader(
            self.epoch,
            self.open_source,
            self.slot,
            on_first_frame=partial(self._report_running, self.epoch),
            wait=self.wait,
            clock=self.clock,
            name=f"read {self.name}",
        )
        self._readers.append(reader)
        reader.start()
        return reader

    def _report_running(self, epoch: int) -> None:
        """Report that an epoch has its first frame, unless its reader has been abandoned."""
        with self._report_lock:
            if epoch == self._watched_epoch:
                self._first_frame_at = self.clock()
                self._report(SourceState.RUNNING)

    def _watch(self, reader: Reader) -> bool:
        """Watch a reader until it ends; return True if it has reached the end of the source."""
        reader.join(_TICK)
        while reader.is_alive():
            if self.wait(0):
                return False
            if self._first_frame_at is not None:
                self._check_frames(reader, self._first_frame_at)
            elif reader.silence > _FIRST_FRAME_TIMEOUT:
                raise SourceUnavailableError(
                    f"no frame within {_FIRST_FRAME_TIMEOUT:g} s", Fault.TIMED_OUT
                )
            reader.join(_TICK)
        if reader.error:
            raise reader.error
        return reader.ended

    def _check_frames(self, reader: Reader, first_frame_at: float) -> None:
        silence = reader.silence if reader.live else 0.0
        if silence > self.stall + _GRACE:
            raise SourceUnavailableError(f"no frame for {silence:.0f} s", Fault.TIMED_OUT)
        if silence > self.stall:
            if self._state.delivers:
                reason = f"no frame for {self.stall:g} s"
                self._report(SourceState.STALLED, reason, Fault.TIMED_OUT)
        elif reader.bursty:
            if self._state is not SourceState.BURSTY:
                self._report(SourceState.BURSTY, _BURSTY_REASON)
        elif self._state in (SourceState.STALLED, SourceState.BURSTY):
            self._report(SourceState.RUNNING)
        if self.clock() - first_frame_at > _RECOVERED_AFTER:
            self._backoff.reset()

    def _end_epoch(
        self, state: SourceState, reason: str, fault: Fault, *, final: bool = False
    ) -> None:
        """Report how the epoch ended, after all its frames have been processed."""
        self.slot.drain()
        with self._report_lock:
            # Ignore an abandoned reader that is unblocked from now on.
            self._watched_epoch = None
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
