"""Playout times of frames that a network delivers in bursts."""

from collections import deque
from dataclasses import dataclass
from typing import Final

_WINDOW: Final = 5.0  # seconds of arrivals that are compared; more for long delays
_MIN_BURST: Final = 0.2  # seconds of frames that arrive at once; less is ordinary jitter
_MIN_BURSTS: Final = 2  # within the window; a single one is a hiccup
_MARGIN: Final = 0.05  # seconds of delay added for bursts that vary
_MAX_STEP: Final = 10.0  # seconds between two frames; the clock of a camera may be set meanwhile
_CATCH_UP_SPEED: Final = 2  # pace of frames that are too late for the maximum delay
_MIN_STEP: Final = 1e-6  # seconds between capture times


@dataclass(frozen=True, slots=True)
class Playout:
    """Times of a frame in seconds on the monotonic clock.

    Attributes:
        capture: Capture time; rises from frame to frame.
        due: Time at which the frame is passed on: at the earliest its arrival.
    """

    capture: float
    due: float


class PlayoutClock:
    """Clock that spreads bursts of frames by the timestamps of their stream.

    Busy wireless and mobile networks hold packets back and then deliver them at once. All frames
    but the newest would be overtaken. As in a playout buffer for speech (Ramjee et al., "Adaptive
    playout mechanisms for packetized audio applications in wide-area networks", 1994), the frames
    of bursts are delayed until the latest ones of the last seconds would have arrived. A stream
    without bursts is not delayed, and its frames are captured when they arrive, since timestamps of
    many cameras are wrong.

    Args:
        max_delay: Maximum delay in seconds. Longer bursts begin at double speed; of those that are
            more than twice as long, the end is overtaken.
    """

    def __init__(self, *, max_delay: float = 1.0) -> None:
        self._max_delay = max_delay
        self._window = max(_WINDOW, 4 * max_delay)
        self._stamp: float | None = None
        self._last: Playout | None = None
        # Differences between arrival and timestamp, each smaller than all later ones.
        self._offsets: deque[tuple[float, float]] = deque()
        self._bursts: deque[tuple[float, float]] = deque()
        self._peak = 0.0

    @property
    def bursty(self) -> bool:
        """Whether the stream currently arrives in bursts."""
        return len(self._bursts) >= _MIN_BURSTS

    @property
    def delay(self) -> float:
        """Seconds for which frames are delayed at present; 0 without bursts."""
        if not self.bursty:
            return 0.0
        longest = max(lateness for _, lateness in self._bursts)
        return min(longest + _MARGIN, self._max_delay)

    def next(self, stamp: float | None, arrival: float) -> Playout:
        """Return the times of the next frame.

        Args:
            stamp: Timestamp in the stream, in seconds on any clock; None if it has none.
            arrival: Time at which the frame has arrived.
        """
        lateness = self._lateness(stamp, arrival)
        self._detect_burst(lateness, arrival)
        capture = arrival - (lateness if self.bursty else 0.0)
        due = max(capture + self.delay, arrival)
        if self._last:
            capture = max(capture, self._last.capture + _MIN_STEP)
            if self.bursty:
                due = max(due, self._last.due + (capture - self._last.capture) / _CATCH_UP_SPEED)
        self._last = Playout(capture, min(due, arrival + self._max_delay))
        return self._last

    def _lateness(self, stamp: float | None, arrival: float) -> float:
        """Return by how much the frame is later than the fastest of the last seconds."""
        previous, self._stamp = self._stamp, stamp
        if stamp is None or previous is None or not 0 < stamp - previous <= _MAX_STEP:
            # The timestamps are missing, or have started over.
            self._offsets.clear()
            self._peak = 0.0
        if stamp is None:
            return 0.0
        offset = arrival - stamp
        while self._offsets and self._offsets[-1][1] >= offset:
            self._offsets.pop()
        self._offsets.append((arrival, offset))
        while arrival - self._offsets[0][0] > self._window:
            self._offsets.popleft()
        return offset - self._offsets[0][1]

    def _detect_burst(self, lateness: float, arrival: float) -> None:
        self._peak = max(self._peak, lateness)
        # A burst ends when it has caught up. With timestamps that are too slow, no frame does.
        if self._peak >= _MIN_BURST and lateness < _MIN_BURST / 2:
            self._bursts.append((arrival, self._peak))
            self._peak = 0.0
        while self._bursts and arrival - self._bursts[0][0] > self._window:
            self._bursts.popleft()
