"""Turns the frames of a source into a track."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import ExpectedError, Fault
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.track import Track, stacked
from dancetype.stream.capture.frame_slot import FrameSlot
from dancetype.stream.capture.watchdog import STALL, SourceWatchdog
from dancetype.stream.sources.base import Frame, Source, SourceState, StateChanged
from dancetype.stream.sources.file import FileSource

_log = logging.getLogger(__name__)


class LandmarkEstimator(Protocol):
    """What a recording asks of a pose estimator; `PoseEstimator` is one."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def landmarks(self, image: NDArray[np.uint8], time: float) -> Landmarks | None:
        """Who is in a frame (H, W, 3) BGR of `time` seconds, or None."""
        ...

    def reset(self, reason: str) -> None:
        """Starts anew."""
        ...


class Recording:
    """What was seen in a source's frames so far. One thread adds to it, others may look on.

    Args:
        delay: seconds from the first frame on of which nothing is kept.
        seconds: how long to record after that.
    """

    def __init__(self, *, delay: float = 0.0, seconds: float = math.inf) -> None:
        self._delay = delay
        self._seconds = seconds
        self._first: float | None = None
        self._seen: list[tuple[float, Landmarks | None]] = []
        self._poses = 0
        self._lead = 0.0

    @property
    def lead(self) -> float:
        """Seconds until frames are kept."""
        return self._lead

    @property
    def frames(self) -> int:
        """Frames kept."""
        return len(self._seen)

    @property
    def poses(self) -> int:
        """Frames kept that show somebody."""
        return self._poses

    @property
    def seconds(self) -> float:
        """Time from the first frame kept to the last."""
        return self._seen[-1][0] - self._seen[0][0] if self._seen else 0.0

    def record(self, frames: Iterable[Frame], estimator: LandmarkEstimator) -> None:
        """Takes frames until there are no more, or the time is over.

        Args:
            frames: in their order; a new epoch makes the estimator start anew.
            estimator: that has seen nothing yet.
        """
        epoch: int | None = None
        for frame in frames:
            if epoch not in (None, frame.epoch):
                estimator.reset("a new epoch")
            epoch = frame.epoch
            if self._first is None:
                self._first = frame.time
            age = frame.time - self._first - self._delay
            self._lead = max(-age, 0.0)
            if age >= self._seconds:
                return
            # Like the ring buffer, a track has no place for a frame that is not after the last.
            if age < 0 or (self._seen and frame.time <= self._seen[-1][0]):
                continue
            found = estimator.landmarks(frame.image, frame.time)
            self._seen.append((frame.time, found))
            self._poses += found is not None

    def track(self, name: str, *, genre: str = "", dancer: str = "") -> Track:
        """All that was kept; times count from the first frame that was."""
        seen = list(self._seen)
        times = np.array([time for time, _ in seen], np.float64)
        world, image, visibility = stacked([found for _, found in seen])
        return Track(name, genre, times - times[:1], world, image, visibility, dancer)


def record_file(
    file: Path,
    recording: Recording,
    estimator: LandmarkEstimator,
    *,
    on_frame: Callable[[int, int | None], None],
    fps: float | None = None,
) -> None:
    """Records a video file as fast as it can be read.

    Args:
        file: a video.
        recording: takes what is seen.
        estimator: that has seen nothing yet.
        on_frame: told how many frames are done, and of how many, where the file says that.
        fps: frames a second to look at; every one where None.

    Raises:
        SourceError: the file cannot be read.
    """
    with closing(FileSource(file, fps=fps)) as source:
        recording.record(_told(source, on_frame), estimator)


def _told(source: FileSource, on_frame: Callable[[int, int | None], None]) -> Iterator[Frame]:
    while frame := source.read():
        yield frame
        on_frame(frame.index + 1, source.frames)


class SourceWorker:
    """Captures a source on one thread and processes its frames on another.

    The threads are daemons: one that waits for a camera cannot be interrupted, and must not keep
    the program alive.

    Args:
        name: Name of the source, for logs.
        process: Processes the frames, on its own thread; both threads end when it returns.
        open_source: Opens the source for the given epoch.
        clock: Monotonic clock in seconds.
        loop: Whether a source that has ended starts over.
        stall: Seconds without a frame after which a live source counts as stalled.
    """

    def __init__(
        self,
        name: str,
        process: Callable[[Iterator[Frame]], None],
        *,
        open_source: Callable[[int], Source],
        clock: Callable[[], float],
        loop: bool = False,
        stall: float = STALL,
    ) -> None:
        self._name = name
        self._on_event: Callable[[StateChanged], None]
        self._stop = Flag()
        self._slot = FrameSlot()
        self._watchdog = SourceWatchdog(
            open_source,
            self._slot,
            on_event=lambda event: self._on_event(event),
            wait=self._stop.wait,
            clock=clock,
            loop=loop,
            stall=stall,
            name=name,
        )
        self._pose_thread = self._thread("pose", lambda: process(self._frames()))
        self._capture_thread = self._thread("capture", self._watchdog.run)

    @property
    def over(self) -> bool:
        """Whether no more frames are processed."""
        return not self._pose_thread.is_alive()

    def start(self, on_event: Callable[[StateChanged], None]) -> None:
        """Start the threads.

        Args:
            on_event: Receives state changes, in order, on either thread; must not block.
        """
        self._on_event = on_event
        self._pose_thread.start()

    def stop(self) -> None:
        """Request all threads to end; return at once."""
        self._stop.set()
        self._slot.close()

    def join(self, timeout: float) -> bool:
        """Wait for all threads up to `timeout` seconds; return False if one still runs."""
        # In this order: once a thread has ended, it is known whether it started the next one.
        for thread in (self._pose_thread, self._capture_thread):
            if thread.ident is not None:
                thread.join(timeout / 3)
        read = self._watchdog.join(timeout / 3)
        return read and not (self._pose_thread.is_alive() or self._capture_thread.is_alive())

    def _frames(self) -> Iterator[Frame]:
        # Not before the frames are wanted, or a file would start with a delay.
        if not self._stop.is_set():
            self._capture_thread.start()
        while frame := self._slot.take():
            yield frame

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
        self._on_event(
            StateChanged(SourceState.FAILED, self._watchdog.epoch, reason, Fault.OTHER, final=True)
        )


class Recorder(SourceWorker):
    """Records a live source on threads of its own.

    Args:
        name: of the source, for logs.
        recording: takes what is seen.
        open_source: opens the source for the epoch given.
        make_estimator: makes the pose estimator; called on the thread that uses and closes it.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        name: str,
        recording: Recording,
        *,
        open_source: Callable[[int], Source],
        make_estimator: Callable[[], LandmarkEstimator],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(name, self._work, open_source=open_source, clock=clock)
        self.recording = recording
        self._make_estimator = make_estimator

    def _work(self, frames: Iterator[Frame]) -> None:
        with self._make_estimator() as estimator:
            self.recording.record(frames, estimator)
