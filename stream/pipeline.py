"""One source's way from frames to predictions."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.floor import Floor
from dancetype.engine.landmarks import Landmarks
from dancetype.stream.capture.threads import SourceThreads
from dancetype.stream.capture.watchdog import STALL
from dancetype.stream.events import Event, Predicted
from dancetype.stream.frames import Frame, Onlooker
from dancetype.stream.sources.base import Source

_log = logging.getLogger(__name__)

_RATE_SPAN: Final = 2.0
# In a row; a show is not to end over one odd frame, nor to go on without any pose.
_MOST_CRASHES: Final = 5


class Estimator(Protocol):
    """What a pipeline asks of a pose estimator; `PoseEstimator` is one."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def people(self, image: NDArray[np.uint8], time: float) -> Sequence[Landmarks]:
        """Who is in a frame (H, W, 3) BGR of `time` seconds."""
        ...

    def reset(self, reason: str) -> None:
        """Starts anew."""
        ...


class Pipeline(SourceThreads):
    """Captures, finds poses and recognizes the dance of one source.

    Args:
        name: of the source, for logs.
        open_source: opens it for the epoch given.
        make_estimator: makes the pose estimator; called on the thread that uses and closes it.
        floor: of this source alone; None if nothing is to be classified.
        clock: monotonic, in seconds.
        on_event: takes what happens, in order; called on either thread, and must return at once.
        loop: whether a source that has ended starts over.
        stall: seconds without a frame after which a live source counts as stalled.
        onlookers: see each frame.
    """

    def __init__(
        self,
        name: str,
        *,
        open_source: Callable[[int], Source],
        make_estimator: Callable[[], Estimator],
        floor: Floor | None,
        clock: Callable[[], float],
        on_event: Callable[[Event], None],
        loop: bool = False,
        stall: float = STALL,
        onlookers: Sequence[Onlooker] = (),
    ) -> None:
        super().__init__(
            name, open_source=open_source, clock=clock, on_event=on_event, loop=loop, stall=stall
        )
        self._make_estimator = make_estimator
        self._floor = floor
        self._clock = clock
        self._on_event = on_event
        self._onlookers = tuple(onlookers)
        self._crashes = 0

    def _work(self, frames: Iterator[Frame]) -> None:
        with self._make_estimator() as estimator:
            epoch: int | None = None
            for frame in frames:
                if frame.epoch != epoch:
                    if epoch is not None:
                        estimator.reset("a new epoch")
                        if self._floor:
                            self._floor.reset("a new epoch")
                    epoch, posed, rate = frame.epoch, 0, _Rate()
                taken = self._clock()
                seen = self._people(estimator, frame)
                done = self._clock()
                posed += 1
                rate.count(done)
                for onlooker in self._onlookers:
                    onlooker.see(frame, seen)
                prediction = self._floor.push(frame.time, seen) if self._floor else None
                if prediction is None:
                    continue
                captured, dropped = self._slot.counts
                self._on_event(
                    Predicted(
                        prediction,
                        frame.epoch,
                        capture=frame.time,
                        taken=taken,
                        posed=done,
                        predicted=self._clock(),
                        frame_counts=(captured, posed, dropped),
                        fps=rate.value,
                        image_size=(frame.image.shape[1], frame.image.shape[0]),
                    )
                )

    def _people(self, estimator: Estimator, frame: Frame) -> Sequence[Landmarks]:
        """Who is in a frame; nobody where pose estimation fails, unless it does so on and on."""
        try:
            seen = estimator.people(frame.image, frame.time)
        except Exception:
            self._crashes += 1
            if self._crashes > _MOST_CRASHES:
                raise
            _log.exception("source %s: pose estimation failed; it starts anew", self._name)
            estimator.reset("it failed")
            return ()
        self._crashes = 0
        return seen


class _Rate:
    """Events a second over the last two seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    @property
    def value(self) -> float:
        span = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / span if span else 0.0

    def count(self, time: float) -> None:
        self._times.append(time)
        while time - self._times[0] > _RATE_SPAN:
            self._times.popleft()
