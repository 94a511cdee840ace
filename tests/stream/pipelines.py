"""Pipelines with a fake source and fake pose estimation."""

from collections.abc import Callable, Collection, Sequence
from queue import Queue

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.contract import Contract
from dancetype.engine.genres import CODES
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.base import PoseEstimator
from dancetype.engine.recognizer import MultiDancerRecognizer
from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec
from dancetype.stream.pipeline import Event, Pipeline, Predicted
from dancetype.stream.pose_schedule import PoseRate, PoseTurns
from dancetype.stream.sources.base import Frame, Source, StateChanged

SPEC = WindowSpec(seconds=2.0, min_seconds=1.0, length=8)


class FakeClassifier:
    """Classifier that predicts waack for every window."""

    contract = Contract(
        labels=CODES, window=SPEC, view="camera", recipe="fake", split="none", dancers=()
    )

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        probabilities = np.full((len(windows), len(CODES)), 0.01, np.float32)
        probabilities[:, CODES.index("WA")] = 0.91
        return probabilities


class FakeEstimator(PoseEstimator):
    """Estimator that finds a person in every frame that is not black."""

    def __init__(self) -> None:
        self.resets: list[str] = []
        self.closed = False

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        rng = np.random.default_rng(round(time * 1000))
        world, positions = rng.normal(size=(2, 33, 3)).astype(np.float32)
        return [Landmarks(world, positions, np.ones(33, np.float32))] if image.any() else []

    def reset(self, reason: str) -> None:
        self.resets.append(reason)

    def close(self) -> None:
        self.closed = True


class FailingEstimator(FakeEstimator):
    """Estimator that fails on a bright frame."""

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        if image.max() > 9:
            raise RuntimeError("a bug")
        return super().people(image, time)


class FakeFile:
    """File with 10 frames per second for four seconds; the frames in `bright` are brighter."""

    live = False

    def __init__(self, epoch: int, *, brightness: int = 9, bright: Collection[int] = ()) -> None:
        self._epoch = epoch
        self._brightness = brightness
        self._bright = bright
        self._index = 0

    def read(self) -> Frame | None:
        if self._index == 40:
            return None
        self._index += 1
        time = 100 * self._epoch + self._index / 10
        brightness = 200 if self._index in self._bright else self._brightness
        image = np.full((2, 2, 3), brightness, np.uint8)
        return Frame(image, time, self._index - 1, self._epoch)

    def close(self) -> None:
        pass


class FakeObserver:
    """Observer that records frames and their number of people."""

    def __init__(self) -> None:
        self.observed: list[tuple[Frame, int]] = []

    def on_frame(self, frame: Frame, people: Sequence[Landmarks]) -> None:
        self.observed.append((frame, len(people)))


class Harness:
    """Pipeline with a fake estimator and observer, and a clock time at which every frame is due."""

    def __init__(
        self,
        open_source: Callable[..., Source],
        *,
        estimator: FakeEstimator | None = None,
        loop: bool = False,
        with_recognizer: bool = True,
        pose_fps: float | PoseRate | None = None,
        every_frame: bool = True,
        turns: PoseTurns | None = None,
        clock: Callable[[], float] = lambda: 1e6,
    ) -> None:
        self.estimator = estimator or FakeEstimator()
        self.events: Queue[Event] = Queue()
        self.observer = FakeObserver()
        recognizer = MultiDancerRecognizer(FakeClassifier(), hop=0.5)
        self.pipeline = Pipeline(
            "cam",
            open_source=open_source,
            make_estimator=lambda: self.estimator,
            recognizer=recognizer if with_recognizer else None,
            clock=clock,
            loop=loop,
            observers=[self.observer],
            pose_fps=pose_fps,
            every_frame=every_frame,
            turns=turns,
        )

    def run_until(self, is_last: Callable[[Event], bool]) -> list[Event]:
        """Run the pipeline up to the first event for which `is_last` is true; return all events."""
        self.pipeline.start(self.events.put)
        events = [self.events.get(timeout=10)]
        while not is_last(events[-1]):
            events.append(self.events.get(timeout=10))
        self.pipeline.stop()
        assert self.pipeline.join(timeout=10)
        return events

    def run_to_end(self) -> list[Event]:
        return self.run_until(lambda event: isinstance(event, StateChanged) and event.final)


def predictions(events: list[Event]) -> list[Predicted]:
    return [event for event in events if isinstance(event, Predicted)]
