import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.errors import SinkError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.recording import Recording, encode_compact, encode_full, read_recording
from dancetype.engine.media.track import Track
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message, SourceState
from dancetype.stream.replay import recorded_predictions
from dancetype.stream.sinks.recording import PART_SECONDS, RecordingSink, SourceRecorder
from dancetype.stream.sources.base import Frame
from tests.engine.recordings import header
from tests.engine.walkers import Walker
from tests.messages import make_prediction, make_source_message

OFFSET = 1_764_000_000.0
CLOCK = Clock(lambda: 0.0, OFFSET)
IMAGE = np.zeros((4, 6, 3), np.uint8)


def frame(time: float, epoch: int = 0) -> Frame:
    return Frame(IMAGE, time, 0, epoch)


def prediction(time: float, epoch: int = 0) -> Message:
    """Return the prediction for the frame captured at `time`."""
    return make_prediction(capture=round(OFFSET + time, 6), epoch=epoch, latency=0.2)


def source_message(state: SourceState, time: float, epoch: int = 0) -> Message:
    return make_source_message(state, epoch=epoch, sent=OFFSET + time)


@pytest.fixture
def recorder() -> SourceRecorder:
    return SourceRecorder(header(), CLOCK)


def make_sink(folder: Path) -> RecordingSink:
    return RecordingSink(folder, recipe="fake", people=3, hop=0.5, clock=CLOCK)


def finished_recording(recorder: SourceRecorder) -> Recording:
    """Return the only recording of a recorder."""
    (draft,) = recorder.finish()
    return draft.recording()


def capture_times(recording: Recording) -> list[float]:
    """Return the capture times of the recorded predictions, on the clock of the frames."""
    return [round(capture - OFFSET, 3) for capture, _, _ in recorded_predictions(recording)]


def test_all_people_in_each_frame_are_recorded_with_its_time(recorder: SourceRecorder) -> None:
    frames: list[list[Landmarks]] = [[Walker().at(0)], [], [Walker().at(1), Walker(x=3).at(1)]]
    for time, people in zip((50.0, 50.04, 50.1), frames, strict=True):
        recorder.on_frame(frame(time), people)
    recording = finished_recording(recorder)
    np.testing.assert_allclose(recording.times, [0, 0.04, 0.1])
    assert recording.people.tolist() == [1, 0, 2]
    last = encode_compact(frames[2][1])
    assert last is not None
    np.testing.assert_array_equal(recording.world[-1], last[0])
    assert (recording.header.clock, recording.header.started) == (50.0, OFFSET + 50)
    assert recording.header.image_size == (6, 4)


@pytest.mark.parametrize("time", [50.0, 49.0, float("nan"), float("inf")])
def test_frame_with_an_invalid_time_is_not_recorded(recorder: SourceRecorder, time: float) -> None:
    for frame_time in (50.0, time, 50.1):
        recorder.on_frame(frame(frame_time), [Walker().at(0)])
    recording = finished_recording(recorder)
    np.testing.assert_allclose(recording.times, [0, 0.1])
    assert len(recording.world) == 2


def test_messages_are_recorded_without_joints(recorder: SourceRecorder) -> None:
    recorder.on_frame(frame(50.0), [])
    recorder.add_message(make_prediction(capture=OFFSET + 50, dancers=2))
    (message,) = finished_recording(recorder).messages
    assert '"dancers":[{' in message
    assert "joints" not in message


def test_messages_before_the_first_frame_are_recorded(recorder: SourceRecorder) -> None:
    recorder.add_message(source_message(SourceState.CONNECTING, 48))
    recorder.add_message(source_message(SourceState.RUNNING, 50))
    recorder.on_frame(frame(50.0), [])
    assert len(finished_recording(recorder).messages) == 2


def test_number_of_messages_before_the_first_frame_is_limited(recorder: SourceRecorder) -> None:
    for time in range(5000):
        recorder.add_message(source_message(SourceState.RECONNECTING, time))
    recorder.on_frame(frame(6000.0), [])
    assert len(finished_recording(recorder).messages) == 100


def test_new_recording_starts_after_five_minutes_and_has_the_predictions_of_its_frames(
    recorder: SourceRecorder,
) -> None:
    drafts = []
    for time in np.arange(50, 50 + 2 * PART_SECONDS, 0.5).tolist():
        recorder.on_frame(frame(time), [])
        # The message about a frame arrives after the next frame.
        drafts += recorder.add_message(prediction(time - 0.5)) if time > 50 else []
    drafts += recorder.finish()
    first, second = (draft.recording() for draft in drafts)
    assert [first.seconds, second.seconds] == [PART_SECONDS - 0.5, PART_SECONDS - 0.5]
    assert second.header.clock == 50 + PART_SECONDS
    assert capture_times(first) == np.arange(50, 50 + PART_SECONDS, 0.5).tolist()
    assert capture_times(second)[0] == 50 + PART_SECONDS


def test_recording_is_complete_with_the_first_message_of_the_next(
    recorder: SourceRecorder,
) -> None:
    recorder.on_frame(frame(50.0), [])
    recorder.on_frame(frame(50.0 + PART_SECONDS), [])
    assert recorder.add_message(prediction(50.0)) == []
    (draft,) = recorder.add_message(prediction(50.0 + PART_SECONDS))
    assert capture_times(draft.recording()) == [50.0]
    assert capture_times(finished_recording(recorder)) == [50.0 + PART_SECONDS]


@pytest.mark.parametrize(
    "state", [SourceState.RECONNECTING, SourceState.ENDED, SourceState.FAILED], ids=str
)
def test_recording_is_complete_when_the_source_is_lost(
    recorder: SourceRecorder, state: SourceState
) -> None:
    recorder.on_frame(frame(50.0), [])
    (draft,) = recorder.add_message(source_message(state, 51))
    assert state.value in draft.recording().messages[-1]
    assert recorder.finish() == []


def test_recording_continues_after_a_stall(recorder: SourceRecorder) -> None:
    recorder.on_frame(frame(50.0), [])
    assert recorder.add_message(source_message(SourceState.STALLED, 53)) == []
    recorder.on_frame(frame(54.0), [])
    assert finished_recording(recorder).seconds == 4


def test_each_epoch_is_a_separate_recording(recorder: SourceRecorder) -> None:
    recorder.on_frame(frame(50.0), [])
    recorder.on_frame(frame(50.1, epoch=1), [])
    drafts = [*recorder.add_message(prediction(50.1, epoch=1)), *recorder.finish()]
    assert [draft.recording().header.epoch for draft in drafts] == [0, 1]


async def test_recordings_are_written_at_the_end_with_the_settings_of_the_run(
    tmp_path: Path,
) -> None:
    sink = make_sink(tmp_path / "new" / "recordings")
    left, right = (sink.observers(name)[0] for name in ("left", "right"))
    async with sink:
        left.on_frame(frame(50.0), [])
        right.on_frame(frame(60.0), [Walker().at(0)])
        await sink.send(make_prediction("right", capture=OFFSET + 60), "")
    first, second = sorted((tmp_path / "new" / "recordings").iterdir())
    assert (first.name, second.name) == (
        "20251124-160050-left-001.npz",
        "20251124-160100-right-001.npz",
    )
    settings = read_recording(second).header
    assert (settings.source, settings.model, settings.people_followed, settings.hop) == (
        *("right", "fake", 3, 0.5),
    )
    assert settings.program
    assert capture_times(read_recording(second)) == [60]
    assert capture_times(read_recording(first)) == []


async def test_folder_that_cannot_be_created_is_reported_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("")
    with pytest.raises(SinkError, match=r"cannot record into .*recordings: .* --record"):
        await make_sink(tmp_path / "recordings").__aenter__()


async def test_run_without_frames_writes_no_recording(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = make_sink(tmp_path)
    sink.observers("stage")
    with caplog.at_level(logging.INFO):
        async with sink:
            await sink.send(source_message(SourceState.FAILED, 1), "")
            await sink.send(make_source_message(SourceState.FAILED, "unknown"), "")
    assert list(tmp_path.iterdir()) == []
    assert caplog.records == []


def labelled_recorder(**options: float) -> SourceRecorder:
    """Return a recorder with the options of `dancetype record`."""
    return SourceRecorder(header(), CLOCK, encode=encode_full, in_parts=False, **options)


def record(recorder: SourceRecorder, frames: Iterable[tuple[float, bool]]) -> None:
    """Record frames, given by their times and whether they show a person."""
    for time, has_person in frames:
        recorder.on_frame(frame(time), [Walker().at(time)] if has_person else [])


def test_labelled_recording_has_a_row_per_frame_and_nan_without_a_person() -> None:
    recorder = labelled_recorder()
    record(recorder, [(7.0, True), (7.1, False), (7.25, True)])
    track = Track.from_recording("clip", finished_recording(recorder))
    np.testing.assert_allclose(track.times, [0, 0.1, 0.25])
    assert np.isfinite(track.world).all(axis=(1, 2)).tolist() == [True, False, True]
    assert (track.image.shape, track.visibility.shape) == ((3, 33, 3), (3, 33))
    np.testing.assert_array_equal(track.world[2], Walker().at(7.25).world)


def test_delay_and_duration_are_measured_by_capture_time() -> None:
    recorder = labelled_recorder(delay=1.0, seconds=2.0)
    record(recorder, [(100 + n / 10, True) for n in range(40)])
    assert recorder.is_over
    recording = finished_recording(recorder)
    assert len(recording.times) == 20
    assert recording.header.clock == 101
    assert Track.from_recording("clip", recording).seconds == pytest.approx(2.0)


def test_recorder_is_over_at_the_first_frame_after_its_duration() -> None:
    recorder, is_over = labelled_recorder(seconds=1.0), []
    for n in range(12):
        record(recorder, [(n / 10, True)])
        is_over.append(recorder.is_over)
    assert is_over == [False] * 10 + [True] * 2


def test_recorder_reports_its_progress() -> None:
    recorder, progress = labelled_recorder(delay=0.2), []
    for time in (5.0, 5.2, 5.3, 5.4):
        record(recorder, [(time, time != 5.3)])
        draft = recorder.draft
        counts = draft and (draft.frames, draft.poses, draft.seconds)
        progress.append((round(recorder.remaining_delay, 3), counts))
    assert progress == [
        (0.2, None),
        (0, (1, 1, 0)),
        (0, (2, 1, pytest.approx(0.1))),
        (0, (3, 2, pytest.approx(0.2))),
    ]


def test_labelled_recording_continues_in_a_new_epoch_and_after_five_minutes() -> None:
    recorder = labelled_recorder()
    recorder.on_frame(frame(1.0), [])
    recorder.on_frame(frame(3.0, epoch=1), [])
    recorder.on_frame(frame(3.1 + PART_SECONDS, epoch=1), [])
    np.testing.assert_allclose(finished_recording(recorder).times, [0, 2, 2.1 + PART_SECONDS])
