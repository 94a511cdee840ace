import logging
from collections.abc import Callable
from queue import Queue
from typing import Self

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.contract import Contract
from engine.errors import ExpectedError
from engine.genres import CODES
from engine.recognizer import Recognizer
from engine.rolling import Status
from engine.skeleton import Array, Pose
from engine.window import WindowSpec
from stream.events import Event, Predicted, StateChanged
from stream.frames import Frame
from stream.messages import SourceState
from stream.pipeline import Pipeline
from stream.sources.base import Source, SourceError

SPEC = WindowSpec(seconds=2.0, min_seconds=1.0, length=8)


class FakeClassifier:
    """Sees a waack in every window."""

    contract = Contract(
        labels=CODES, window=SPEC, view="camera", recipe="fake", split="none", dancers=()
    )

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        probabilities = np.full((len(windows), len(CODES)), 0.01, np.float32)
        probabilities[:, CODES.index("WA")] = 0.91
        return probabilities


class FakeEstimator:
    """Sees somebody in every frame that is not black."""

    def __init__(self) -> None:
        self.resets: list[str] = []
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.closed = True

    def estimate(self, image: NDArray[np.uint8], time: float) -> Pose | None:
        joints = np.random.default_rng(round(time * 1000)).normal(size=(17, 3)).astype(np.float32)
        return Pose(joints, np.ones(17, np.float32)) if image.any() else None

    def reset(self, reason: str) -> None:
        self.resets.append(reason)


class BrokenEstimator(FakeEstimator):
    def estimate(self, image: NDArray[np.uint8], time: float) -> Pose | None:
        raise RuntimeError("a bug")


class FakeFile:
    """Four seconds of ten frames each."""

    live = False

    def __init__(self, epoch: int, *, brightness: int = 9) -> None:
        self._epoch = epoch
        self._image = np.full((2, 2, 3), brightness, np.uint8)
        self._index = 0

    def read(self) -> Frame | None:
        if self._index == 40:
            return None
        self._index += 1
        time = 100 * self._epoch + self._index / 10
        return Frame(self._image, time, self._index - 1, self._epoch)

    def close(self) -> None:
        pass


class Run:
    """A pipeline on a clock at which every frame is due at once."""

    def __init__(
        self,
        open_source: Callable[[int], Source],
        *,
        estimator: FakeEstimator | None = None,
        loop: bool = False,
    ) -> None:
        self.estimator = estimator or FakeEstimator()
        self.events: Queue[Event] = Queue()
        self.pipeline = Pipeline(
            "cam",
            open_source=open_source,
            make_estimator=lambda: self.estimator,
            recognizer=Recognizer(FakeClassifier(), hop=0.5),
            clock=lambda: 1e6,
            on_event=self.events.put,
            loop=loop,
        )

    def until(self, last: Callable[[Event], bool]) -> list[Event]:
        """Runs until an event is the last wanted."""
        self.pipeline.start()
        events = [self.events.get(timeout=10)]
        while not last(events[-1]):
            events.append(self.events.get(timeout=10))
        self.pipeline.stop()
        assert self.pipeline.join(timeout=10)
        return events

    def to_the_end(self) -> list[Event]:
        return self.until(lambda event: isinstance(event, StateChanged) and event.final)


def predictions(events: list[Event]) -> list[Predicted]:
    return [event for event in events if isinstance(event, Predicted)]


def test_a_file_warms_up_and_comes_to_a_genre() -> None:
    statuses = [
        event.prediction.estimate.status for event in predictions(Run(FakeFile).to_the_end())
    ]
    assert statuses[0] is Status.WARMING_UP
    assert statuses[-1] is Status.GENRE
    assert len(statuses) == 8


def test_every_frame_of_a_file_is_counted_and_none_is_dropped() -> None:
    last = predictions(Run(FakeFile).to_the_end())[-1]
    captured, posed, dropped = last.frame_counts
    assert posed == 36
    assert captured - posed in (0, 1)
    assert dropped == 0
    assert last.capture == last.prediction.window_end == pytest.approx(3.6)


def test_predictions_come_between_the_start_and_the_end_of_their_source() -> None:
    events = Run(FakeFile).to_the_end()
    states = [event.state for event in events if isinstance(event, StateChanged)]
    assert states == [SourceState.CONNECTING, SourceState.RUNNING, SourceState.ENDED]
    assert isinstance(events[2], Predicted)
    assert isinstance(events[-1], StateChanged)


def test_a_new_epoch_starts_with_an_empty_buffer() -> None:
    run = Run(FakeFile, loop=True)
    events = run.until(lambda event: isinstance(event, Predicted) and event.epoch == 1)
    assert predictions(events)[-1].prediction.estimate.status is Status.WARMING_UP
    assert predictions(events)[-1].frame_counts[1] == 1
    assert run.estimator.resets == ["a new epoch"]


def test_an_empty_room_is_told_as_such() -> None:
    events = Run(lambda epoch: FakeFile(epoch, brightness=0)).to_the_end()
    statuses = {event.prediction.estimate.status for event in predictions(events)}
    assert statuses == {Status.NO_PERSON}


def test_a_source_that_cannot_be_opened_fails_with_the_reason() -> None:
    def refuse(epoch: int) -> Source:
        raise SourceError("no such file")

    last = Run(refuse).to_the_end()[-1]
    assert last == StateChanged(SourceState.FAILED, 0, "no such file", final=True)


def test_a_crash_of_pose_estimation_is_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    run = Run(FakeFile, estimator=BrokenEstimator())
    with caplog.at_level(logging.ERROR):
        last = run.to_the_end()[-1]
    assert last == StateChanged(
        SourceState.FAILED, 0, "pose crashed: RuntimeError('a bug')", final=True
    )
    assert "a bug" in caplog.text
    assert run.estimator.closed


def test_a_crash_of_capture_is_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    def crash(epoch: int) -> Source:
        raise RuntimeError("a bug")

    run = Run(crash)
    with caplog.at_level(logging.ERROR):
        last = run.to_the_end()[-1]
    assert last == StateChanged(
        SourceState.FAILED, 0, "capture crashed: RuntimeError('a bug')", final=True
    )
    assert "a bug" in caplog.text


def test_a_pose_model_that_cannot_be_used_fails_the_source_with_the_reason() -> None:
    class NoModel(FakeEstimator):
        def __enter__(self) -> Self:
            raise ExpectedError("no such model")

    last = Run(FakeFile, estimator=NoModel()).to_the_end()[-1]
    assert last == StateChanged(SourceState.FAILED, 0, "no such model", final=True)


def test_stopping_ends_both_threads_and_closes_the_estimator() -> None:
    run = Run(FakeFile, loop=True)
    run.until(lambda event: isinstance(event, Predicted))
    assert run.estimator.closed
