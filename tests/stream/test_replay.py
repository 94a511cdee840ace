import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Queue

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.media.recording import Header, Recording, encode_full
from dancetype.engine.recognizer import MultiDancerRecognizer
from dancetype.engine.rolling import Status
from dancetype.engine.skeleton import Array
from dancetype.stream.pipeline import Event, Predicted
from dancetype.stream.replay import (
    Agreement,
    Replay,
    ReplayClock,
    ScheduledRecording,
    open_recording,
    schedule,
)
from dancetype.stream.sources.base import SourceState, StateChanged
from tests.engine.recordings import CLOCK, STARTED, header, make_recording, record_walk
from tests.engine.walkers import Walker
from tests.stream.pipelines import FakeClassifier

SaveRecordings = Callable[..., list[ScheduledRecording]]


class FeatureClassifier(FakeClassifier):
    """Classifier whose probability of house depends on the features of the window."""

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        probabilities = np.full((len(windows), len(CODES)), 0.01, np.float32)
        for row, window in zip(probabilities, windows, strict=True):
            row[CODES.index("HO")] += 0.9 * np.float32(abs(window.sum()) % 1)
        return probabilities


def make_recognizer(header: Header) -> MultiDancerRecognizer:
    return MultiDancerRecognizer(FeatureClassifier(), people=header.people_followed, hop=header.hop)


class Harness:
    """Replay of one source on a virtual clock that only waiting advances.

    Args:
        recordings: Recordings of the source.
        speed: Speed factor.
        loop: Whether to start over at the end.
        until: Seconds after which to stop.
        loop_seconds: Duration of one loop.
    """

    def __init__(
        self,
        recordings: Sequence[ScheduledRecording],
        *,
        speed: float = 1.0,
        loop: bool = False,
        until: float = 1e6,
        loop_seconds: float = 100.0,
    ) -> None:
        self.time = 1000.0
        self.events: list[Event] = []
        self.recognizer_headers: list[Header] = []
        self.agreement = Agreement()
        self._until = 1000.0 + until
        clock = ReplayClock(lambda: self.time, speed=speed, loop_seconds=loop_seconds)
        clock.begin()
        self.replay = Replay(
            "stage",
            recordings,
            make_recognizer=self._make_recognizer,
            clock=clock,
            agreement=self.agreement,
            loop=loop,
            wait=self._wait,
        )

    def play(self) -> "Harness":
        self.replay.start(self.events.append)
        assert self.replay.join(10)
        return self

    @property
    def predictions(self) -> list[Predicted]:
        return [event for event in self.events if isinstance(event, Predicted)]

    @property
    def states(self) -> list[tuple[str, int]]:
        states = [event for event in self.events if isinstance(event, StateChanged)]
        return [(event.state.value, event.epoch) for event in states]

    def _make_recognizer(self, header: Header) -> MultiDancerRecognizer:
        self.recognizer_headers.append(header)
        return make_recognizer(header)

    def _wait(self, seconds: float) -> bool:
        self.time += seconds
        return self.time >= self._until


@pytest.fixture
def save(tmp_path: Path) -> SaveRecordings:
    """Return a function that saves recordings, and schedules those of the first one's source."""

    def save(*recordings: Recording) -> list[ScheduledRecording]:
        saved = []
        for number, recording in enumerate(recordings):
            path = tmp_path / f"{number}.npz"
            recording.save(path)
            saved.append(ScheduledRecording(path, recording.header, recording.seconds))
        return schedule(saved)[recordings[0].header.source]

    return save


def probabilities(harness: Harness) -> list[list[float]]:
    return [event.prediction.estimate.probabilities.tolist() for event in harness.predictions]


@pytest.mark.parametrize("speed", [1.0, 4.0, 0.5])
def test_frames_are_replayed_at_the_requested_speed(save: SaveRecordings, speed: float) -> None:
    harness = Harness(save(record_walk(header())), speed=speed).play()
    captures = [event.capture - 1000 for event in harness.predictions]
    tenths = np.array([0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25, 28, 30])
    np.testing.assert_allclose(captures, tenths / 10 / speed, atol=1e-6)
    for event in harness.predictions:
        assert event.capture == event.pose_started == event.pose_ended == event.predicted
        assert event.capture == event.prediction.window_end
    assert harness.predictions[-1].fps == pytest.approx(10 * speed)
    assert harness.predictions[-1].frame_counts == (31, 31, 0)
    assert harness.predictions[-1].image_size == (640, 360)


def test_replay_with_unlimited_speed_does_not_wait(save: SaveRecordings) -> None:
    harness = Harness(save(record_walk(header(), seconds=60)), speed=0).play()
    assert harness.time == 1000
    assert len(harness.predictions) > 200


def test_predictions_do_not_depend_on_the_speed(save: SaveRecordings) -> None:
    recordings = save(record_walk(header(), seconds=20, fps=30))
    slow, fast = (Harness(recordings, speed=speed).play() for speed in (1.0, 0.0))
    assert probabilities(slow) == probabilities(fast)
    assert len({tuple(row) for row in probabilities(slow)}) > 10


def test_replay_reports_its_states_and_ends(save: SaveRecordings) -> None:
    harness = Harness(save(record_walk(header()))).play()
    assert harness.states == [("connecting", 0), ("running", 0), ("ended", 0)]
    assert isinstance(harness.events[2], Predicted)
    last = harness.events[-1]
    assert isinstance(last, StateChanged)
    assert last.final


def test_each_recording_is_a_new_epoch_with_an_empty_window(
    save: SaveRecordings,
) -> None:
    recordings = save(record_walk(header()), record_walk(header(started=STARTED + 60, epoch=4)))
    harness = Harness(recordings).play()
    assert [state for state, _ in harness.states] == ["connecting", "running", "ended"] * 2
    assert [epoch for _, epoch in harness.states] == [0, 0, 0, 1, 1, 1]
    first = next(event for event in harness.predictions if event.epoch == 1)
    assert first.prediction.estimate.status is Status.WARMING_UP
    assert first.frame_counts == (1, 1, 0)
    assert first.capture - 1000 == pytest.approx(5)


def test_continued_recording_is_replayed_like_a_single_one(
    save: SaveRecordings,
) -> None:
    frames = [(n / 10, [Walker().at(n / 10)]) for n in range(80)]
    later = [(time - 4, people) for time, people in frames[40:]]
    whole = Harness(save(make_recording(frames, header()))).play()
    split = Harness(
        save(
            make_recording(frames[:40], header()),
            make_recording(later, header(started=STARTED + 4)),
        )
    ).play()
    assert split.states == whole.states
    assert len(probabilities(split)) == len(probabilities(whole))
    np.testing.assert_allclose(probabilities(split), probabilities(whole), atol=1e-5)
    assert split.predictions[-1].frame_counts == whole.predictions[-1].frame_counts


def test_loop_starts_over_in_a_new_epoch_until_stopped(
    save: SaveRecordings,
) -> None:
    harness = Harness(save(record_walk(header())), loop=True, loop_seconds=10.0, until=22.0).play()
    assert harness.states[3:5] == [("connecting", 1), ("running", 1)]
    assert harness.states[-1] == ("running", 2)
    first_captures = {event.epoch: event.capture for event in reversed(harness.predictions)}
    assert first_captures == {0: 1000, 1: 1010, 2: 1020}


def test_dancers_in_a_new_recording_have_new_ids(save: SaveRecordings) -> None:
    pair = (Walker(x=-2), Walker(x=2))
    recordings = [
        record_walk(header(started=STARTED + n * 60, people=2), walkers=pair) for n in range(2)
    ]
    last = Harness(save(*recordings)).play().predictions[-1]
    assert [dancer.id for dancer in last.prediction.dancers] == [3, 4]
    assert last.prediction.window_end == last.capture


def test_recording_is_replayed_with_its_settings(
    save: SaveRecordings,
) -> None:
    recordings = [
        record_walk(header(started=STARTED + n * 60, hop=hop)) for n, hop in enumerate((0.25, 1.0))
    ]
    harness = Harness(save(*recordings)).play()
    assert [used.hop for used in harness.recognizer_headers] == [0.25, 1.0]
    assert len([event for event in harness.predictions if event.epoch == 1]) == 4


def test_recorded_predictions_are_read_despite_unknown_fields(tmp_path: Path) -> None:
    messages = [
        '{"type":"source","state":"running","times":{"sent":1.0}}',
        '{"type":"prediction","status":"genre","genre":"HO","times":{"capture":2.5},"new":[]}',
    ]
    record_walk(header(), messages=messages).save(tmp_path / "a.npz")
    _, predictions = open_recording(tmp_path / "a.npz")
    assert predictions == [(2.5, "genre", "HO")]


def test_invalid_messages_are_rejected_with_the_file_and_the_reason(tmp_path: Path) -> None:
    record_walk(header(), messages=["{"]).save(tmp_path / "stage.npz")
    reason = "EOF|Invalid JSON|validation error"
    with pytest.raises(FileError, match=f"stage.npz: not a recording: .*{reason}") as caught:
        open_recording(tmp_path / "stage.npz")
    assert str(caught.value).isprintable()


def test_labelled_recording_is_classified_like_a_live_one(
    save: SaveRecordings,
) -> None:
    labelled = record_walk(header(genre="HO", dancer="Ann"), seconds=20, encode=encode_full)
    harness = Harness(save(labelled)).play()
    assert len({tuple(row) for row in probabilities(harness)}) > 10
    assert harness.predictions[-1].prediction.window_seconds > 1.9
    assert harness.agreement.compared == 0


def recorded_message(seconds: float, status: str, genre: str) -> str:
    return (
        f'{{"type":"prediction","status":"{status}","genre":{genre},'
        f'"times":{{"capture":{STARTED + seconds:.6f}}}}}'
    )


def test_predictions_are_compared_with_the_recorded_ones_for_the_same_frames(
    save: SaveRecordings,
) -> None:
    messages = [
        recorded_message(0, "warming_up", "null"),
        recorded_message(0.3, "genre", '"BR"'),
        recorded_message(0.5, "warming_up", '"BR"'),
        recorded_message(0.6, "warming_up", "null"),
        recorded_message(7, "warming_up", "null"),
    ]
    harness = Harness(save(record_walk(header(), messages=messages))).play()
    assert (harness.agreement.same, harness.agreement.compared) == (1, 3)


def test_recording_that_is_deleted_before_it_is_due_fails_the_source(
    save: SaveRecordings,
) -> None:
    recordings = save(record_walk(header()))
    recordings[0].path.unlink()
    events: Queue[Event] = Queue()
    replay = make_replay(recordings)
    replay.start(events.put)
    assert isinstance(events.get(timeout=10), StateChanged)
    last = events.get(timeout=10)
    assert isinstance(last, StateChanged)
    assert (last.state, last.final) == (SourceState.FAILED, True)
    assert "0.npz: cannot be read: No such file" in str(last.reason)
    assert replay.join(10)


def test_crash_is_logged_and_fails_the_source(
    save: SaveRecordings, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(header: Header) -> MultiDancerRecognizer:
        if header.hop == 1:
            raise RuntimeError("a bug")
        return make_recognizer(header)

    events: Queue[Event] = Queue()
    recordings = save(record_walk(header()), record_walk(header(started=STARTED + 60, hop=1.0)))
    replay = make_replay(recordings, make_recognizer=crash)
    with caplog.at_level(logging.ERROR):
        replay.start(events.put)
        assert replay.join(10)
    last = list(events.queue)[-1]
    assert last.reason == "the replay crashed: RuntimeError('a bug')"
    assert "a bug" in caplog.text


def test_stop_ends_the_thread_during_a_recording(
    save: SaveRecordings,
) -> None:
    events: Queue[Event] = Queue()
    replay = make_replay(save(record_walk(header(), seconds=600, fps=1)), speed=1.0)
    replay.start(events.put)
    while not isinstance(events.get(timeout=10), Predicted):
        pass
    assert not replay.join(0)
    replay.stop()
    assert replay.join(10)
    assert events.empty()


def test_replay_that_was_never_started_can_be_joined(save: SaveRecordings) -> None:
    replay = make_replay(save(record_walk(header())))
    replay.stop()
    assert replay.join(0)


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf")])
def test_invalid_speed_is_rejected(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be 0 or more"):
        ReplayClock(lambda: CLOCK, speed=speed, loop_seconds=1.0)


def make_replay(
    recordings: Sequence[ScheduledRecording],
    *,
    speed: float = 0.0,
    make_recognizer: Callable[[Header], MultiDancerRecognizer] = make_recognizer,
) -> Replay:
    """Return a replay that waits in real time."""
    return Replay(
        "stage",
        recordings,
        make_recognizer=make_recognizer,
        clock=ReplayClock(lambda: 1000.0, speed=speed, loop_seconds=1.0),
        agreement=Agreement(),
    )
