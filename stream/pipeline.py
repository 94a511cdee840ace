"""One source's way from frames to predictions, on two threads of its own."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Event as Flag
from threading import Thread
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import ExpectedError
from engine.recognizer import Recognizer
from engine.skeleton import Pose
from stream.capture import Capture
from stream.events import Event, Predicted, StateChanged
from stream.handover import FrameSlot
from stream.messages import SourceState
from stream.sources.base import Source

_log = logging.getLogger(__name__)

_RATE_SPAN: Final = 2.0


class Estimator(Protocol):
    """What a pipeline asks of a pose estimator; `engine.pose.PoseEstimator` is one."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def estimate(self, image: NDArray[np.uint8], time: float) -> Pose | None:
        """The pose in a frame (H, W, 3) BGR of `time` seconds, or None."""
        ...

    def reset(self, reason: str) -> None:
        """Starts anew."""
        ...


class Pipeline:
    """Captures, finds poses and recognizes the dance of one source.

    The threads are daemons: one that waits for a camera cannot be interrupted, and must not keep
    the program alive.

    Args:
        name: of the source, for logs.
        open_source: opens it for the epoch given.
        make_estimator: makes the pose estimator; called on the thread that uses and closes it.
        recognizer: of this source alone.
        clock: monotonic, in seconds.
        on_event: takes what happens, in order; called on either thread, and must return at once.
        loop: whether a source that has ended starts over.
    """

    def __init__(
        self,
        name: str,
        *,
        open_source: Callable[[int], Source],
        make_estimator: Callable[[], Estimator],
        recognizer: Recognizer,
        clock: Callable[[], float],
        on_event: Callable[[Event], None],
        loop: bool = False,
    ) -> None:
        self._name = name
        self._make_estimator = make_estimator
        self._recognizer = recognizer
        self._clock = clock
        self._on_event = on_event
        self._stop = Flag()
        self._slot = FrameSlot()
        self._capture = Capture(
            open_source, self._slot, on_event=on_event, wait=self._stop.wait, clock=clock, loop=loop
        )
        self._pose_thread = self._thread("pose", self._find_poses)
        self._capture_thread = self._thread("capture", self._capture.run)

    def start(self) -> None:
        """Starts the pose thread, which starts the other."""
        self._pose_thread.start()

    def stop(self) -> None:
        """Tells both threads to end; returns at once."""
        self._stop.set()
        self._slot.close()

    def join(self, timeout: float) -> bool:
        """Waits for both threads up to `timeout` seconds; False where one still runs."""
        # In this order: when the first has ended it is settled whether there is a second.
        self._pose_thread.join(timeout / 2)
        if self._capture_thread.ident is not None:
            self._capture_thread.join(timeout / 2)
        return not (self._pose_thread.is_alive() or self._capture_thread.is_alive())

    def _thread(self, what: str, work: Callable[[], None]) -> Thread:
        name = f"{what} {self._name}"
        return Thread(target=self._guarded, args=(what, work), name=name, daemon=True)

    def _guarded(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except ExpectedError as error:
            self._fail(str(error))
        except Exception as error:
            _log.exception("source %s: %s crashed", self._name, what)
            self._fail(f"{what} crashed: {error!r}")
        finally:
            # Neither thread is of use without the other.
            self.stop()

    def _fail(self, reason: str) -> None:
        self._on_event(StateChanged(SourceState.FAILED, self._capture.epoch, reason, final=True))

    def _find_poses(self) -> None:
        with self._make_estimator() as estimator:
            # Not before there is somebody to take the frames, or a file would start with a delay.
            if not self._stop.is_set():
                self._capture_thread.start()
            epoch: int | None = None
            while frame := self._slot.take():
                if frame.epoch != epoch:
                    if epoch is not None:
                        estimator.reset("a new epoch")
                        self._recognizer.reset("a new epoch")
                    epoch, posed, rate = frame.epoch, 0, _Rate()
                taken = self._clock()
                pose = estimator.estimate(frame.image, frame.time)
                done = self._clock()
                posed += 1
                rate.count(done)
                prediction = self._recognizer.push(frame.time, pose)
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
                    )
                )


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
