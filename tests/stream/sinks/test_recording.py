import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.errors import SinkError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.recording import Recording, compact_body, full_body, read_recording
from dancetype.engine.media.track import Track
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message, SourceState
from dancetype.stream.replay import recorded_predictions
from dancetype.stream.sinks.recording import PART_SECONDS, RecordingSink, SourceRecorder
from dancetype.stream.sources.base import Frame
from tests.engine.recordings import header
from tests.engine.walkers import Walker
from tests.messages import changed, predicted

OFFSET = 1_764_000_000.0
CLOCK = Clock(lambda: 0.0, OFFSET)
IMAGE = np.zeros((4, 6, 3), np.uint8)


def frame(time: float, epoch: int = 0) -> Frame:
    return Frame(IMAGE, time, 0, epoch)


def spoken(time: float, epoch: int = 0) -> Message:
    """The prediction of a frame."""
    return predicted(capture=round(OFFSET + time, 6), epoch=epoch, latency=0.2)


def state(state: SourceState, time: float, epoch: int = 0) -> Message:
    return changed(state, epoch=epoch, sent=OFFSET + time)


@pytest.fixture
def recorder() -> SourceRecorder:
    return SourceRecorder(header(), CLOCK)


def outlet(folder: Path) -> RecordingSink:
    return RecordingSink(folder, recipe="fake", people=3, hop=0.5, clock=CLOCK)


def only(recorder: SourceRecorder) -> Recording:
    (draft,) = recorder.finish()
    return draft.recording()


def captures(take: Recording) -> list[float]:
    """Seconds of the clock whose predictions a take holds."""
    return [round(capture - OFFSET, 3) for capture, _, _ in recorded_predictions(take)]


def test_everybody_in_every_frame_is_kept_with_its_time(recorder: SourceRecorder) -> None:
    pair: list[list[Landmarks]] = [[Walker().at(0)], [], [Walker().at(1), Walker(x=3).at(1)]]
    for time, people in zip((50.0, 50.04, 50.1), pair, strict=True):
        recorder.on_frame(frame(time), people)
    take = only(recorder)
    np.testing.assert_allclose(take.times, [0, 0.04, 0.1])
    assert take.people.tolist() == [1, 0, 2]
    last = compact_body(pair[2][1])
    assert last is not None
    np.testing.assert_array_equal(take.world[-1], last[0])
    assert (take.header.clock, take.header.started) == (50.0, OFFSET + 50)
    assert take.header.image_size == (6, 4)


@pytest.mark.parametrize("time", [50.0, 49.0, float("nan"), float("inf")])
def test_a_frame_that_the_run_ignores_is_not_kept(recorder: SourceRecorder, time: float) -> None:
    for each in (50.0, time, 50.1):
        recorder.on_frame(frame(each), [Walker().at(0)])
    take = only(recorder)
    np.testing.assert_allclose(take.times, [0, 0.1])
    assert len(take.world) == 2


def test_messages_are_kept_without_joints(recorder: SourceRecorder) -> None:
    recorder.on_frame(frame(50.0), [])
    recorder.add_message(predicted(capture=OFFSET + 50, dancers=2))
    (message,) = only(recorder).messages
    assert '"dancers":[{' in message
    assert "joints" not in message


def test_what_is_said_before_the_first_frame_belongs_to_its_take(recorder: SourceRecorder) -> None:
    recorder.add_message(state(SourceState.CONNECTING, 48))
    recorder.add_message(state(SourceState.RUNNING, 50))
    recorder.on_frame(frame(50.0), [])
    assert len(only(recorder).messages) == 2


def test_a_source_that_stays_away_for_days_does_not_fill_the_memory(
    recorder: SourceRecorder,
) -> None:
    for time in range(5000):
        recorder.add_message(state(SourceState.RECONNECTING, time))
    recorder.on_frame(frame(6000.0), [])
    assert len(only(recorder).messages) == 100


def test_after_five_minutes_a_new_take_begins_and_each_prediction_is_with_its_frame(
    recorder: SourceRecorder,
) -> None:
    whole = []
    for time in np.arange(50, 50 + 2 * PART_SECONDS, 0.5).tolist():
        recorder.on_frame(frame(time), [])
        # The message of a frame comes after the next frame.
        whole += recorder.add_message(spoken(time - 0.5)) if time > 50 else []
    whole += recorder.finish()
    first, second = (draft.recording() for draft in whole)
    assert [first.seconds, second.seconds] == [PART_SECONDS - 0.5, PART_SECONDS - 0.5]
    assert second.header.clock == 50 + PART_SECONDS
    assert captures(first) == np.arange(50, 50 + PART_SECONDS, 0.5).tolist()
    assert captures(second)[0] == 50 + PART_SECONDS


def test_a_take_waits_for_its_last_message_and_is_whole_with_the_next(
    recorder: SourceRecorder,
) -> None:
    recorder.on_frame(frame(50.0), [])
    recorder.on_frame(frame(50.0 + PART_SECONDS), [])
    assert recorder.add_message(spoken(50.0)) == []
    (draft,) = recorder.add_message(spoken(50.0 + PART_SECONDS))
    assert captures(draft.recording()) == [50.0]
    assert captures(only(recorder)) == [50.0 + PART_SECONDS]


@pytest.mark.parametrize(
    "left", [SourceState.RECONNECTING, SourceState.ENDED, SourceState.FAILED], ids=str
)
def test_a_source_that_breaks_off_makes_its_take_whole_at_once(
    recorder: SourceRecorder, left: SourceState
) -> None:
    recorder.on_frame(frame(50.0), [])
    (draft,) = recorder.add_message(state(left, 51))
    assert left.value in draft.recording().messages[-1]
    assert recorder.finish() == []


def test_a_source_that_stalls_and_goes_on_stays_one_take(recorder: SourceRecorder) -> None:
    recorder.on_frame(frame(50.0), [])
    assert recorder.add_message(state(SourceState.STALLED, 53)) == []
    recorder.on_frame(frame(54.0), [])
    assert only(recorder).seconds == 4


def test_each_epoch_is_a_take_of_its_own(recorder: SourceRecorder) -> None:
    recorder.on_frame(frame(50.0), [])
    recorder.on_frame(frame(50.1, epoch=1), [])
    whole = [*recorder.add_message(spoken(50.1, epoch=1)), *recorder.finish()]
    assert [draft.recording().header.epoch for draft in whole] == [0, 1]


async def test_takes_say_by_what_they_were_made_and_are_there_at_the_end(tmp_path: Path) -> None:
    takes = outlet(tmp_path / "new" / "takes")
    left, right = (takes.observers(name)[0] for name in ("left", "right"))
    async with takes:
        left.on_frame(frame(50.0), [])
        right.on_frame(frame(60.0), [Walker().at(0)])
        await takes.send(predicted("right", capture=OFFSET + 60), "")
    first, second = sorted((tmp_path / "new" / "takes").iterdir())
    assert (first.name, second.name) == (
        "20251124-160050-left-001.npz",
        "20251124-160100-right-001.npz",
    )
    made = read_recording(second).header
    assert (made.source, made.model, made.people_followed, made.hop) == (
        *("right", "fake", 3, 0.5),
    )
    assert made.program
    assert captures(read_recording(second)) == [60]
    assert captures(read_recording(first)) == []


async def test_a_folder_that_cannot_be_had_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "takes").write_text("")
    with pytest.raises(SinkError, match=r"cannot record into .*takes: .* --record"):
        await outlet(tmp_path / "takes").__aenter__()


async def test_a_run_without_a_frame_keeps_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    takes = outlet(tmp_path)
    takes.observers("stage")
    with caplog.at_level(logging.INFO):
        async with takes:
            await takes.send(state(SourceState.FAILED, 1), "")
            await takes.send(changed(SourceState.FAILED, "somebody else"), "")
    assert list(tmp_path.iterdir()) == []
    assert caplog.records == []


def labelled(**options: float) -> SourceRecorder:
    """The recorder of `dancetype record`."""
    return SourceRecorder(header(), CLOCK, encode=full_body, in_parts=False, **options)


def record(recorder: SourceRecorder, frames: Iterable[tuple[float, bool]]) -> None:
    for time, somebody in frames:
        recorder.on_frame(frame(time), [Walker().at(time)] if somebody else [])


def test_a_labelled_recording_has_a_row_per_frame_and_nan_without_a_person() -> None:
    recorder = labelled()
    record(recorder, [(7.0, True), (7.1, False), (7.25, True)])
    track = Track.from_recording("clip", only(recorder))
    np.testing.assert_allclose(track.times, [0, 0.1, 0.25])
    assert np.isfinite(track.world).all(axis=(1, 2)).tolist() == [True, False, True]
    assert (track.image.shape, track.visibility.shape) == ((3, 33, 3), (3, 33))
    np.testing.assert_array_equal(track.world[2], Walker().at(7.25).world)


def test_the_start_is_left_out_and_the_end_cut_off_by_capture_time() -> None:
    recorder = labelled(delay=1.0, seconds=2.0)
    record(recorder, [(100 + n / 10, True) for n in range(40)])
    assert recorder.is_over
    recording = only(recorder)
    assert len(recording.times) == 20
    assert recording.header.clock == 101
    assert Track.from_recording("clip", recording).seconds == pytest.approx(2.0)


def test_a_recorder_is_over_with_the_first_frame_after_its_duration() -> None:
    recorder, over = labelled(seconds=1.0), []
    for n in range(12):
        record(recorder, [(n / 10, True)])
        over.append(recorder.is_over)
    assert over == [False] * 10 + [True] * 2


def test_a_recorder_says_how_far_it_is() -> None:
    recorder, said = labelled(delay=0.2), []
    for time in (5.0, 5.2, 5.3, 5.4):
        record(recorder, [(time, time != 5.3)])
        draft = recorder.draft
        said.append((round(recorder.lead, 3), draft and (draft.frames, draft.poses, draft.seconds)))
    assert said == [
        (0.2, None),
        (0, (1, 1, 0)),
        (0, (2, 1, pytest.approx(0.1))),
        (0, (3, 2, pytest.approx(0.2))),
    ]


def test_a_labelled_recording_goes_on_in_a_new_epoch_and_after_five_minutes() -> None:
    recorder = labelled()
    recorder.on_frame(frame(1.0), [])
    recorder.on_frame(frame(3.0, epoch=1), [])
    recorder.on_frame(frame(3.1 + PART_SECONDS, epoch=1), [])
    np.testing.assert_allclose(only(recorder).times, [0, 2, 2.1 + PART_SECONDS])
