"""Pipeline of one source: frames in, predictions out."""

import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event as ThreadEvent
from threading import Thread
from typing import Final, Protocol

from dancetype.engine.errors import ExpectedError, Fault
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.log_event import LogEvent
from dancetype.engine.pose.base import PoseEstimator
from dancetype.engine.recognizer import MultiDancerRecognizer, Prediction
from dancetype.stream.capture.frame_slot import FrameSlot
from dancetype.stream.capture.watchdog import STALL, SourceWatchdog
from dancetype.stream.pose_schedule import PoseRate, PoseTurns, Turn
from dancetype.stream.sources.base import Frame, Source, SourceState, StateChanged

_log = logging.getLogger(__name__)

_RATE_SPAN: Final = 2.0
# Consecutive failures: one bad frame must not end a run, but constant failures must.
_MAX_FAILURES: Final = 5


@dataclass(frozen=True, slots=True)
class Predicted:
    """Event: a prediction was made. Times are in seconds on the monotonic clock.

    Attributes:
        prediction: The prediction.
        epoch: Epoch of the source.
        capture: Capture time of the newest frame in the window.
        pose_started: Time when pose estimation of that frame started.
        pose_ended: Time when pose estimation of that frame ended.
        predicted: Time when the prediction was made.
        frame_counts: Frames captured, processed by pose estimation and dropped in this epoch.
        fps: Recent number of poses per second.
        image_size: Width and height of the newest frame in pixels.
        pose_fps: Current maximum number of poses per second; all frames if None.
    """

    prediction: Prediction
    epoch: int
    capture: float
    pose_started: float
    pose_ended: float
    predicted: float
    frame_counts: tuple[int, int, int]
    fps: float
    image_size: tuple[int, int]
    pose_fps: float | None = None


Event = StateChanged | Predicted


class FrameObserver(Protocol):
    """Observer of all frames of a pipeline."""

    def on_frame(self, frame: Frame, people: Sequence[Landmarks]) -> None:
        """Process a frame and the people in it, who are in no particular order.

        The pose thread calls this, so it must not block.
        """


class Pipeline:
    """Capture, pose estimation and recognition for one source, on threads.

    The threads are daemons: a camera can block a thread, which cannot be interrupted and must not
    keep the process alive.

    Args:
        name: Name of the source.
        open_source: Function that opens the source for an epoch. If `pose_fps` is not None, it also
            receives `fps`, a `FrameRate`.
        make_estimator: Factory of the pose estimator; called on the thread that uses it.
        recognizer: Recognizer for this source only; if None, no predictions are made.
        clock: Monotonic clock in seconds.
        loop: Whether to restart the source at its end.
        stall: Seconds without a frame after which a live source counts as stalled.
        observers: Observers that receive all frames.
        pose_fps: Maximum number of poses per second, a control loop for it, or None for all frames.
        every_frame: Whether a file waits for pose estimation; if False, its newest frame counts,
            like that of a live source.
        turns: Turns of all sources in which the newest frame is taken and processed; if None, the
            source does not wait for others.
    """

    def __init__(
        self,
        name: str,
        *,
        open_source: Callable[..., Source],
        make_estimator: Callable[[], PoseEstimator],
        recognizer: MultiDancerRecognizer | None,
        clock: Callable[[], float],
        loop: bool = False,
        stall: float = STALL,
        observers: Sequence[FrameObserver] = (),
        pose_fps: float | PoseRate | None = None,
        every_frame: bool = False,
        turns: PoseTurns | None = None,
    ) -> None:
        self._name = name
        self._make_estimator = make_estimator
        self._recognizer = recognizer
        self._clock = clock
        self._observers = tuple(observers)
        self._failures = 0
        self._on_event: Callable[[Event], None]
        self._stop = ThreadEvent()
        self._pose_fps = pose_fps
        self._every_frame = every_frame
        self._slot = FrameSlot(newest_only=not every_frame)
        self._turn = Turn(turns or PoseTurns(1, clock=clock), lambda: self._slot.newest)
        self._watchdog = SourceWatchdog(
            open_source if pose_fps is None else partial(open_source, fps=self._frame_rate),
            self._slot,
            on_event=lambda event: self._on_event(event),
            wait=self._stop.wait,
            clock=clock,
            loop=loop,
            stall=stall,
            name=name,
        )
        self._pose_thread = self._make_thread("pose", self._process)
        self._capture_thread = self._make_thread("capture", self._watchdog.run)

    def start(self, on_event: Callable[[Event], None]) -> None:
        """Start the threads; they call `on_event`, which must not block, with each event."""
        self._on_event = on_event
        self._pose_thread.start()

    def stop(self) -> None:
        """Tell all threads to end; return without waiting for them."""
        self._stop.set()
        self._slot.close()

    def join(self, timeout: float) -> bool:
        """Wait for all threads up to `timeout` seconds; return False if one is still running."""
        # Each thread starts the next one, so join them in this order.
        for thread in (self._pose_thread, self._capture_thread):
            if thread.ident is not None:
                thread.join(timeout / 3)
        readers_ended = self._watchdog.join(timeout / 3)
        return readers_ended and not (
            self._pose_thread.is_alive() or self._capture_thread.is_alive()
        )

    def _make_thread(self, part: str, work: Callable[[], None]) -> Thread:
        name = f"{part} {self._name}"
        return Thread(target=self._run_guarded, args=(part, work), name=name, daemon=True)

    def _run_guarded(self, part: str, work: Callable[[], None]) -> None:
        """Run the work of a thread; an error in it fails the source."""
        try:
            work()
        except ExpectedError as error:
            self._fail(str(error))
        except Exception as error:
            _log.exception(LogEvent("source_crashed", source=self._name, part=part))
            self._fail(f"{part} thread crashed: {error!r}")
        finally:
            # Neither thread can work without the other.
            self.stop()

    def _fail(self, reason: str) -> None:
        self._on_event(
            StateChanged(SourceState.FAILED, self._watchdog.epoch, reason, Fault.OTHER, final=True)
        )

    def _process(self) -> None:
        """Process frames until the slot is closed; runs on the pose thread."""
        with self._make_estimator() as estimator:
            # Not earlier: the clock of a file starts with this thread, and loading takes seconds.
            if not self._stop.is_set():
                self._capture_thread.start()
            epoch: int | None = None
            while self._slot.wait():
                with self._turn:
                    frame = self._slot.take(block=False)
                    if frame is None:
                        continue
                    if frame.epoch != epoch:
                        if epoch is not None:
                            self._reset(estimator, "a new epoch")
                        epoch, posed, rate = frame.epoch, 0, _Rate()
                    pose_started = self._clock()
                    people = self._estimate(estimator, frame)
                    pose_ended = self._clock()
                    posed += 1
                    rate.add(pose_ended)
                    for observer in self._observers:
                        observer.on_frame(frame, people)
                    prediction = (
                        self._recognizer.push(frame.time, people) if self._recognizer else None
                    )
                self._adapt_rate(pose_started)
                if prediction is None:
                    continue
                captured, dropped = self._slot.counts
                self._on_event(
                    Predicted(
                        prediction,
                        frame.epoch,
                        capture=frame.time,
                        pose_started=pose_started,
                        pose_ended=pose_ended,
                        predicted=self._clock(),
                        frame_counts=(captured, posed, dropped),
                        fps=rate.value,
                        image_size=(frame.image.shape[1], frame.image.shape[0]),
                        pose_fps=self._max_rate,
                    )
                )

    def _reset(self, estimator: PoseEstimator, reason: str) -> None:
        estimator.reset(reason)
        if self._recognizer:
            self._recognizer.reset(reason)

    @property
    def _max_rate(self) -> float | None:
        """Current maximum number of poses per second; None if there is none."""
        return self._pose_fps.value if isinstance(self._pose_fps, PoseRate) else self._pose_fps

    def _frame_rate(self, time: float) -> float:
        """Return how many frames per second the source returns, at the capture time of a frame.

        This is called on the source's thread.
        """
        limit = self._max_rate or math.inf
        if self._every_frame:
            return limit
        # A file is decoded ahead, but whether a frame waits is only known when the next one is due.
        self._stop.wait(max(time - self._clock(), 0.0))
        # A frame that still waits is replaced by the next one, even if that one is left out at the
        # limit.
        return limit if self._slot.newest == -math.inf else math.inf

    def _adapt_rate(self, pose_started: float) -> None:
        """Report a frame whose processing has just ended to the control loop."""
        rate = self._pose_fps
        if isinstance(rate, PoseRate) and rate.add(self._name, pose_started, self._clock()):
            _log.info(LogEvent("pose_rate_changed", pose_fps=rate.value))

    def _estimate(self, estimator: PoseEstimator, frame: Frame) -> Sequence[Landmarks]:
        """Return the people in a frame; none if this fails, up to a number of times."""
        try:
            people = estimator.people(frame.image, frame.time)
        except ExpectedError:
            raise
        except Exception:
            self._failures += 1
            if self._failures > _MAX_FAILURES:
                raise
            _log.exception(LogEvent("pose_estimation_failed", source=self._name))
            estimator.reset("pose estimation failed")
            return ()
        self._failures = 0
        return people


class _Rate:
    """Number of events per second over the last two seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    @property
    def value(self) -> float:
        span = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / span if span else 0.0

    def add(self, time: float) -> None:
        self._times.append(time)
        while time - self._times[0] > _RATE_SPAN:
            self._times.popleft()
