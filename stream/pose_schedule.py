"""Schedule of pose estimation: how often for a source, and how many at the same time."""

from collections.abc import Callable
from threading import Event, Lock
from typing import Final

MAX_POSE_FPS: Final = 15.0
"""Poses per second if the machine has enough time."""
MIN_POSE_FPS: Final = 8.0
"""Poses per second below which the rate is never reduced: fast steps would be missed."""

_STEPS: Final = (MIN_POSE_FPS, 10.0, 12.0, MAX_POSE_FPS)
_SPAN: Final = 2.0  # seconds over which the load is measured
_MAX_LOAD: Final = 0.8  # load above which the rate is reduced
_MAX_RAISED_LOAD: Final = 0.7  # load that is allowed to result from an increase
_MIN_PAUSE: Final = 10.0  # seconds from a change to an increase
_MAX_PAUSE: Final = 160.0
_TRIAL: Final = 20.0  # seconds after an increase in which a reduction shows that it was too early

# Seconds until a source no longer waits for its turn, so that one that hangs does not block others.
_MAX_WAIT: Final = 1.0

# Waiting for a second counts as much as a frame that is newer by this number of seconds. More makes
# frames older, and less gives some sources more turns than others.
_IMPATIENCE: Final = 0.25
_MAX_AGE: Final = 1 / 30


class PoseRate:
    """Control loop for the poses per second of all sources; several threads may use it.

    The load is the share of time in which poses are estimated, relative to the number that can be
    estimated at the same time. A high load reduces the rate of all sources by a step within two
    seconds. A low one increases it, after a pause that doubles whenever an increase has to be
    reversed (exponential back-off), so that the rate does not oscillate.

    Args:
        limit: Maximum number of poses at the same time.

    Attributes:
        value: Current number of poses per second of each source.
    """

    def __init__(self, limit: int) -> None:
        self.value = MAX_POSE_FPS
        self._lock = Lock()
        self._limit = limit
        self._busy = 0.0
        self._sources: set[str] = set()
        self._measured_from: float | None = None
        self._changed_at = 0.0
        self._increased = False
        self._pause = _MIN_PAUSE

    def add(self, source: str, start: float, end: float) -> bool:
        """Add the processing of a frame; return whether this changed the rate.

        Args:
            source: Name of the source.
            start: Time in seconds when its processing began.
            end: Time in seconds when it ended, on the same clock.
        """
        with self._lock:
            if self._measured_from is None:
                self._measured_from = self._changed_at = start
            self._busy += end - start
            self._sources.add(source)
            span = end - self._measured_from
            if span < _SPAN:
                return False
            # A source has one turn at a time, so few sources cannot use all cores.
            load = self._busy / (span * min(self._limit, len(self._sources)))
            self._measured_from, self._busy, self._sources = end, 0.0, set()
            return self._adapt(load, end)

    def _adapt(self, load: float, now: float) -> bool:
        unchanged, step = now - self._changed_at, _STEPS.index(self.value)
        if load > _MAX_LOAD and step > 0:
            if self._increased:
                too_early = unchanged < _TRIAL
                self._pause = min(2 * self._pause, _MAX_PAUSE) if too_early else _MIN_PAUSE
            self._change(_STEPS[step - 1], now)
            return True
        if step + 1 < len(_STEPS) and unchanged >= self._pause:
            higher = _STEPS[step + 1]
            if load * higher / self.value < _MAX_RAISED_LOAD:
                self._change(higher, now)
                return True
        return False

    def _change(self, value: float, now: float) -> None:
        self._increased = value > self.value
        self.value, self._changed_at = value, now


class PoseTurns:
    """Limit on the poses that are estimated at the same time, by sources in turn.

    With more than one per core, each would take longer and be older when it is ready. The next
    source is one whose frame is new, since frames of the others are replaced by newer ones while
    they wait, or one that has been waiting for long.

    Args:
        limit: Maximum number of poses at the same time.
        clock: Clock of the capture times, in seconds.
    """

    def __init__(self, limit: int, *, clock: Callable[[], float]) -> None:
        self._lock = Lock()
        self._clock = clock
        self._free = limit
        self._queue: list[Turn] = []

    def request(self, turn: "Turn") -> None:
        """Grant a turn, or add it to the queue."""
        with self._lock:
            if self._free:
                self._free -= 1
                turn.granted.set()
            else:
                turn.since = self._clock()
                self._queue.append(turn)

    def release(self, turn: "Turn") -> None:
        """Pass a turn on to the next source in the queue."""
        with self._lock:
            if not turn.granted.is_set():
                self._queue.remove(turn)
            elif self._queue:
                self._pop().granted.set()
            else:
                self._free += 1
            turn.granted.clear()

    def _pop(self) -> "Turn":
        """Remove the next source from the queue and return its turn."""
        now = self._clock()

        def priority(turn: Turn) -> float:
            # Limited, since frames of a slow camera or of one with a long delay are never new.
            age = min(now - turn.newest(), _MAX_AGE)
            return _IMPATIENCE * (now - turn.since) - age

        chosen = max(self._queue, key=priority)
        self._queue.remove(chosen)
        return chosen


class Turn:
    """Turn of one source, as a context in which its pose thread may estimate a pose.

    Entering waits for the turn, up to a second.

    Args:
        turns: Turns of all sources.
        newest: Function that returns the capture time of the source's newest frame, in seconds.

    Attributes:
        granted: Whether it is the source's turn.
        newest: The same as the argument.
        since: Time when the source requested its turn.
    """

    # `Semaphore` would let a thread that has just had its turn overtake those that wait.

    def __init__(self, turns: PoseTurns, newest: Callable[[], float]) -> None:
        self.granted = Event()
        self.newest = newest
        self.since = 0.0
        self._turns = turns

    def __enter__(self) -> None:
        self._turns.request(self)
        self.granted.wait(_MAX_WAIT)

    def __exit__(self, *exception: object) -> None:
        self._turns.release(self)
