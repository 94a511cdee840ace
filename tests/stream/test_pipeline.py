import logging
import math
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from threading import Event as ThreadEvent
from threading import Lock
from typing import Self

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.errors import ExpectedError, Fault, SourceError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.rolling import Status
from dancetype.stream.pipeline import Predicted
from dancetype.stream.pose_schedule import PoseRate, PoseTurns
from dancetype.stream.sources.base import Frame, Source, SourceState, StateChanged
from tests.stream.pipelines import FailingEstimator, FakeEstimator, FakeFile, Harness, predictions


def test_statuses_of_a_file_go_from_warming_up_to_genre() -> None:
    statuses = [
        event.prediction.estimate.status for event in predictions(Harness(FakeFile).run_to_end())
    ]
    assert statuses[0] is Status.WARMING_UP
    assert statuses[-1] is Status.GENRE
    assert len(statuses) == 8


def test_observer_receives_every_frame_with_the_people_in_it() -> None:
    harness = Harness(FakeFile)
    first = predictions(harness.run_to_end())[0]
    assert [frame.index for frame, _ in harness.observer.observed] == list(range(40))
    assert {people for _, people in harness.observer.observed} == {1}
    assert first.image_size == (2, 2)


def test_pipeline_without_a_recognizer_makes_no_predictions() -> None:
    harness = Harness(FakeFile, with_recognizer=False)
    assert predictions(harness.run_to_end()) == []
    assert len(harness.observer.observed) == 40


def test_every_frame_of_a_file_is_counted_and_none_is_dropped() -> None:
    last = predictions(Harness(FakeFile).run_to_end())[-1]
    captured, posed, dropped = last.frame_counts
    assert posed == 36
    assert captured - posed in (0, 1)
    assert dropped == 0
    assert last.capture == last.prediction.window_end == pytest.approx(3.6)


class SlowEstimator(FakeEstimator):
    """Estimator that takes for its first frame until `continued` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.continued = ThreadEvent()
        self.now = 0.0

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        assert self.continued.wait(timeout=10)
        return super().people(image, time)


class FileReadDuringFirstPose(FakeFile):
    """File that is read up to its last frame while the first one is in pose estimation.

    It is read as fast as possible, and the estimator's clock shows the time of its newest frame.
    """

    def __init__(self, epoch: int, estimator: SlowEstimator) -> None:
        super().__init__(epoch)
        self._estimator = estimator

    def read(self) -> Frame | None:
        self._estimator.now += 0.1
        if self._index == 40:
            self._estimator.continued.set()
        return super().read()


def test_file_keeps_only_its_newest_frame_and_counts_the_dropped_ones() -> None:
    estimator = SlowEstimator()
    harness = Harness(
        lambda epoch: FileReadDuringFirstPose(epoch, estimator),
        estimator=estimator,
        every_frame=False,
        clock=lambda: estimator.now,
    )
    last = predictions(harness.run_to_end())[-1]
    indices = [frame.index for frame, _ in harness.observer.observed]
    assert indices[-1] == 39
    assert len(indices) <= 2
    assert last.frame_counts == (40, len(indices), 40 - len(indices))


def test_source_returns_additional_frames_while_one_waits_for_pose_estimation() -> None:
    estimator, rates = SlowEstimator(), []

    def open_source(epoch: int, *, fps: Callable[[float], float]) -> Source:
        source = FileReadDuringFirstPose(epoch, estimator)
        read = source.read

        def read_with_rate() -> Frame | None:
            rates.append(fps(0.0))
            return read()

        source.read = read_with_rate  # type: ignore[method-assign]
        return source

    harness = Harness(
        open_source,
        estimator=estimator,
        pose_fps=12.0,
        every_frame=False,
        clock=lambda: estimator.now,
    )
    last = predictions(harness.run_to_end())[-1]
    assert rates[0] == last.pose_fps == 12
    assert rates[-1] == math.inf


@pytest.mark.parametrize(("every_frame", "waited"), [(False, [2.5, 0.0]), (True, [])])
def test_frame_of_a_file_is_selected_when_it_is_due(
    monkeypatch: pytest.MonkeyPatch, *, every_frame: bool, waited: list[float]
) -> None:
    waits: list[float] = []

    def open_source(epoch: int, *, fps: Callable[[float], float]) -> Source:
        monkeypatch.setattr(harness.pipeline._stop, "wait", waits.append)
        assert [fps(1e6 + 2.5), fps(1e6 - 2.5)] == [12, 12]
        monkeypatch.undo()
        raise SourceError("no such file")

    harness = Harness(open_source, pose_fps=12.0, every_frame=every_frame)
    harness.run_to_end()
    assert waits == waited


def test_sources_that_share_turns_never_estimate_poses_at_the_same_time() -> None:
    busy = Lock()

    class ExclusiveEstimator(FakeEstimator):
        def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
            assert busy.acquire(blocking=False)
            try:
                return super().people(image, time)
            finally:
                busy.release()

    turns = PoseTurns(1, clock=lambda: 1e6)
    harnesses = [Harness(FakeFile, estimator=ExclusiveEstimator(), turns=turns) for _ in range(3)]
    for harness in harnesses:
        harness.pipeline.start(harness.events.put)
    for harness in harnesses:
        events = iter(partial(harness.events.get, timeout=10), None)
        last = next(event for event in events if isinstance(event, StateChanged) and event.final)
        assert last.state is SourceState.ENDED
        assert harness.pipeline.join(timeout=10)


def test_load_reduces_the_rate_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0

    class BusyEstimator(FakeEstimator):
        def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
            nonlocal now
            now += 0.1
            return super().people(image, time)

    harness = Harness(
        lambda epoch, *, fps: FakeFile(epoch),
        estimator=BusyEstimator(),
        pose_fps=PoseRate(1),
        clock=lambda: 1e6 + now,
    )
    with caplog.at_level(logging.INFO):
        rates = [event.pose_fps for event in predictions(harness.run_to_end())]
    assert (rates[0], rates[-1]) == (15, 12)
    assert "pose_rate_changed pose_fps=12.0" in caplog.text


class UnconvertedFile(FakeFile):
    """File whose frames in `bright` raise an error when they are converted to images."""

    def __init__(self, epoch: int, *, error: Exception, bright: Collection[int]) -> None:
        super().__init__(epoch, bright=bright)
        self._error = error

    def read(self) -> Frame | None:
        frame = super().read()
        return frame and replace(frame, picture=partial(self._convert, frame.image))

    def _convert(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if image.max() > 9:
            raise self._error
        return image


def test_overtaken_frames_are_not_converted_to_images() -> None:
    estimator, converted = SlowEstimator(), []

    class CountedFile(FileReadDuringFirstPose):
        def read(self) -> Frame | None:
            frame = super().read()
            return frame and replace(frame, picture=partial(self._count, frame))

        def _count(self, frame: Frame) -> NDArray[np.uint8]:
            converted.append(frame.index)
            return frame.image

    harness = Harness(
        lambda epoch: CountedFile(epoch, estimator),
        estimator=estimator,
        every_frame=False,
        clock=lambda: estimator.now,
    )
    harness.run_to_end()
    assert converted == [frame.index for frame, _ in harness.observer.observed]
    assert len(converted) <= 2


def test_image_that_is_refused_fails_the_source_with_the_reason() -> None:
    error = SourceError("crop=9,9,9,9 lies outside of the image")
    events = Harness(lambda epoch: UnconvertedFile(epoch, error=error, bright=[1])).run_to_end()
    assert isinstance(events[-1], StateChanged)
    assert (events[-1].state, events[-1].reason) == (SourceState.FAILED, str(error))


def test_frame_that_cannot_be_converted_does_not_end_the_run() -> None:
    harness = Harness(lambda epoch: UnconvertedFile(epoch, error=OSError("a bug"), bright=[9]))
    events = harness.run_to_end()
    assert [people for _, people in harness.observer.observed].count(0) == 1
    assert isinstance(events[-1], StateChanged)
    assert events[-1].state is SourceState.ENDED


def test_frames_skipped_by_the_source_count_as_captured_but_not_as_dropped() -> None:
    class SkippingFile(FakeFile):
        def read(self) -> Frame | None:
            super().read()
            return super().read()

    last = predictions(Harness(SkippingFile).run_to_end())[-1]
    captured, posed, dropped = last.frame_counts
    assert posed == 19
    assert captured - 2 * posed in (0, 2)
    assert dropped == 0


def test_predictions_come_between_the_first_and_the_last_state_of_the_source() -> None:
    events = Harness(FakeFile).run_to_end()
    states = [event.state for event in events if isinstance(event, StateChanged)]
    assert states == [SourceState.CONNECTING, SourceState.RUNNING, SourceState.ENDED]
    assert isinstance(events[2], Predicted)
    assert isinstance(events[-1], StateChanged)


def test_new_epoch_starts_with_an_empty_buffer() -> None:
    harness = Harness(FakeFile, loop=True)
    events = harness.run_until(lambda event: isinstance(event, Predicted) and event.epoch == 1)
    assert predictions(events)[-1].prediction.estimate.status is Status.WARMING_UP
    assert predictions(events)[-1].frame_counts[1] == 1
    assert harness.estimator.resets == ["a new epoch"]


def test_source_without_a_person_has_status_no_person() -> None:
    events = Harness(lambda epoch: FakeFile(epoch, brightness=0)).run_to_end()
    statuses = {event.prediction.estimate.status for event in predictions(events)}
    assert statuses == {Status.NO_PERSON}


def test_source_that_cannot_be_opened_fails_with_the_reason() -> None:
    def fail(epoch: int) -> Source:
        raise SourceError("no such file")

    last = Harness(fail).run_to_end()[-1]
    assert last == StateChanged(SourceState.FAILED, 0, "no such file", Fault.OTHER, final=True)


def test_occasional_failure_of_pose_estimation_is_logged_and_the_run_continues(
    caplog: pytest.LogCaptureFixture,
) -> None:
    harness = Harness(
        lambda epoch: FakeFile(epoch, bright={7, 8, 20}), estimator=FailingEstimator()
    )
    with caplog.at_level(logging.ERROR):
        events = harness.run_to_end()
    assert predictions(events)[-1].prediction.estimate.status is Status.GENRE
    assert harness.estimator.resets == ["pose estimation failed"] * 3
    assert "a bug" in caplog.text


def test_constant_failure_of_pose_estimation_is_logged_and_fails_the_source(
    caplog: pytest.LogCaptureFixture,
) -> None:
    harness = Harness(lambda epoch: FakeFile(epoch, brightness=200), estimator=FailingEstimator())
    with caplog.at_level(logging.ERROR):
        last = harness.run_to_end()[-1]
    assert last == StateChanged(
        SourceState.FAILED, 0, "pose thread crashed: RuntimeError('a bug')", Fault.OTHER, final=True
    )
    assert "a bug" in caplog.text
    assert harness.estimator.closed


def test_crash_of_a_source_is_logged_and_fails_the_source(caplog: pytest.LogCaptureFixture) -> None:
    def crash(epoch: int) -> Source:
        raise RuntimeError("a bug")

    harness = Harness(crash)
    with caplog.at_level(logging.ERROR):
        last = harness.run_to_end()[-1]
    assert last == StateChanged(
        SourceState.FAILED, 0, "reading crashed: RuntimeError('a bug')", Fault.OTHER, final=True
    )
    assert "a bug" in caplog.text


def test_unusable_pose_model_fails_the_source_with_the_reason() -> None:
    class MissingModelEstimator(FakeEstimator):
        def __enter__(self) -> Self:
            raise ExpectedError("no such model")

    last = Harness(FakeFile, estimator=MissingModelEstimator()).run_to_end()[-1]
    assert last == StateChanged(SourceState.FAILED, 0, "no such model", Fault.OTHER, final=True)


def test_stop_ends_both_threads_and_closes_the_estimator() -> None:
    harness = Harness(FakeFile, loop=True)
    harness.run_until(lambda event: isinstance(event, Predicted))
    assert harness.estimator.closed
