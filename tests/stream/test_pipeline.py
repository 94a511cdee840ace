import logging
from collections.abc import Callable, Collection, Sequence
from queue import Queue
from typing import Self

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.contract import Contract
from dancetype.engine.errors import ExpectedError, Fault, SourceError
from dancetype.engine.genres import CODES
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.base import PoseEstimator
from dancetype.engine.recognizer import MultiDancerRecognizer
from dancetype.engine.rolling import Status
from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec
from dancetype.stream.pipeline import Event, Pipeline, Predicted
from dancetype.stream.sources.base import Frame, Source, SourceState, StateChanged

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


class FakeEstimator(PoseEstimator):
    """Sees somebody in every frame that is not black."""

    def __init__(self) -> None:
        self.resets: list[str] = []
        self.closed = False

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        chance = np.random.default_rng(round(time * 1000))
        world, marks = chance.normal(size=(2, 33, 3)).astype(np.float32)
        return [Landmarks(world, marks, np.ones(33, np.float32))] if image.any() else []

    def reset(self, reason: str) -> None:
        self.resets.append(reason)

    def close(self) -> None:
        self.closed = True


class BrokenEstimator(FakeEstimator):
    """Fails at a bright frame."""

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        if image.max() > 9:
            raise RuntimeError("a bug")
        return super().people(image, time)


class FakeFile:
    """Four seconds of ten frames each; some of them may be brighter."""

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


class Spectator:
    """Counts what passes."""

    def __init__(self) -> None:
        self.seen: list[tuple[Frame, int]] = []

    def on_frame(self, frame: Frame, people: Sequence[Landmarks]) -> None:
        self.seen.append((frame, len(people)))


class Run:
    """A pipeline on a clock at which every frame is due at once."""

    def __init__(
        self,
        open_source: Callable[[int], Source],
        *,
        estimator: FakeEstimator | None = None,
        loop: bool = False,
        recognizes: bool = True,
    ) -> None:
        self.estimator = estimator or FakeEstimator()
        self.events: Queue[Event] = Queue()
        self.spectator = Spectator()
        self.pipeline = Pipeline(
            "cam",
            open_source=open_source,
            make_estimator=lambda: self.estimator,
            recognizer=MultiDancerRecognizer(FakeClassifier(), hop=0.5) if recognizes else None,
            clock=lambda: 1e6,
            loop=loop,
            observers=[self.spectator],
        )

    def until(self, last: Callable[[Event], bool]) -> list[Event]:
        """Runs until an event is the last wanted."""
        self.pipeline.start(self.events.put)
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


def test_an_observer_sees_every_frame_and_who_is_in_it() -> None:
    run = Run(FakeFile)
    told = predictions(run.to_the_end())
    assert [frame.index for frame, _ in run.spectator.seen] == list(range(40))
    assert {people for _, people in run.spectator.seen} == {1}
    assert told[0].image_size == (2, 2)


def test_without_a_recognizer_frames_are_only_observed() -> None:
    run = Run(FakeFile, recognizes=False)
    assert predictions(run.to_the_end()) == []
    assert len(run.spectator.seen) == 40


def test_every_frame_of_a_file_is_counted_and_none_is_dropped() -> None:
    last = predictions(Run(FakeFile).to_the_end())[-1]
    captured, posed, dropped = last.frame_counts
    assert posed == 36
    assert captured - posed in (0, 1)
    assert dropped == 0
    assert last.capture == last.prediction.window_end == pytest.approx(3.6)


def test_frames_that_the_source_leaves_out_count_as_captured_and_not_as_dropped() -> None:
    class Thinned(FakeFile):
        def read(self) -> Frame | None:
            super().read()
            return super().read()

    last = predictions(Run(Thinned).to_the_end())[-1]
    captured, posed, dropped = last.frame_counts
    assert posed == 19
    assert captured - 2 * posed in (0, 2)
    assert dropped == 0


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
    assert last == StateChanged(SourceState.FAILED, 0, "no such file", Fault.OTHER, final=True)


def test_pose_estimation_that_fails_at_a_frame_is_logged_and_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = Run(lambda epoch: FakeFile(epoch, bright={7, 8, 20}), estimator=BrokenEstimator())
    with caplog.at_level(logging.ERROR):
        events = run.to_the_end()
    assert predictions(events)[-1].prediction.estimate.status is Status.GENRE
    assert run.estimator.resets == ["it failed"] * 3
    assert "a bug" in caplog.text


def test_pose_estimation_that_always_fails_is_logged_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = Run(lambda epoch: FakeFile(epoch, brightness=200), estimator=BrokenEstimator())
    with caplog.at_level(logging.ERROR):
        last = run.to_the_end()[-1]
    assert last == StateChanged(
        SourceState.FAILED, 0, "pose crashed: RuntimeError('a bug')", Fault.OTHER, final=True
    )
    assert "a bug" in caplog.text
    assert run.estimator.closed


def test_a_crash_of_a_source_is_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    def crash(epoch: int) -> Source:
        raise RuntimeError("a bug")

    run = Run(crash)
    with caplog.at_level(logging.ERROR):
        last = run.to_the_end()[-1]
    assert last == StateChanged(
        SourceState.FAILED, 0, "reading crashed: RuntimeError('a bug')", Fault.OTHER, final=True
    )
    assert "a bug" in caplog.text


def test_a_pose_model_that_cannot_be_used_fails_the_source_with_the_reason() -> None:
    class NoModel(FakeEstimator):
        def __enter__(self) -> Self:
            raise ExpectedError("no such model")

    last = Run(FakeFile, estimator=NoModel()).to_the_end()[-1]
    assert last == StateChanged(SourceState.FAILED, 0, "no such model", Fault.OTHER, final=True)


def test_stopping_ends_both_threads_and_closes_the_estimator() -> None:
    run = Run(FakeFile, loop=True)
    run.until(lambda event: isinstance(event, Predicted))
    assert run.estimator.closed
