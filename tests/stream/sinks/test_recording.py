import logging
from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.errors import SinkError
from dancetype.engine.landmarks import Landmarks
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message, SourceState
from dancetype.stream.sinks.recording import LONGEST, Scribe, TakeOutlet
from dancetype.stream.sinks.take import Take, packed, read_take
from dancetype.stream.sources.base import Frame
from tests.engine.walkers import Walker
from tests.messages import changed, predicted
from tests.stream.sinks.takes import about

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
def scribe() -> Scribe:
    return Scribe(about(), CLOCK)


def outlet(folder: Path) -> TakeOutlet:
    return TakeOutlet(folder, recipe="fake", people=3, hop=0.5, clock=CLOCK)


def only(scribe: Scribe) -> Take:
    (draft,) = scribe.rest()
    return draft.finished()


def captures(take: Take) -> list[float]:
    """Seconds of the clock whose predictions a take holds."""
    return [round(answer.capture - OFFSET, 3) for answer in take.answers()]


def test_everybody_in_every_frame_is_kept_with_its_time(scribe: Scribe) -> None:
    pair: list[list[Landmarks]] = [[Walker().at(0)], [], [Walker().at(1), Walker(x=3).at(1)]]
    for time, people in zip((50.0, 50.04, 50.1), pair, strict=True):
        scribe.on_frame(frame(time), people)
    take = only(scribe)
    np.testing.assert_allclose(take.times, [0, 0.04, 0.1])
    assert take.people.tolist() == [1, 0, 2]
    last = packed(pair[2][1])
    assert last is not None
    np.testing.assert_array_equal(take.world[-1], last[0])
    assert (take.about.clock, take.about.started) == (50.0, OFFSET + 50)
    assert take.about.image_size == (6, 4)


@pytest.mark.parametrize("time", [50.0, 49.0, float("nan"), float("inf")])
def test_a_frame_that_the_run_ignores_is_not_kept(scribe: Scribe, time: float) -> None:
    for each in (50.0, time, 50.1):
        scribe.on_frame(frame(each), [Walker().at(0)])
    take = only(scribe)
    np.testing.assert_allclose(take.times, [0, 0.1])
    assert len(take.world) == 2


def test_messages_are_kept_without_joints(scribe: Scribe) -> None:
    scribe.on_frame(frame(50.0), [])
    scribe.hear(predicted(capture=OFFSET + 50, dancers=2))
    (message,) = only(scribe).messages
    assert '"dancers":[{' in message
    assert "joints" not in message


def test_what_is_said_before_the_first_frame_belongs_to_its_take(scribe: Scribe) -> None:
    scribe.hear(state(SourceState.CONNECTING, 48))
    scribe.hear(state(SourceState.RUNNING, 50))
    scribe.on_frame(frame(50.0), [])
    assert len(only(scribe).messages) == 2


def test_a_source_that_stays_away_for_days_does_not_fill_the_memory(scribe: Scribe) -> None:
    for time in range(5000):
        scribe.hear(state(SourceState.RECONNECTING, time))
    scribe.on_frame(frame(6000.0), [])
    assert len(only(scribe).messages) == 100


def test_after_five_minutes_a_new_take_begins_and_each_prediction_is_with_its_frame(
    scribe: Scribe,
) -> None:
    whole = []
    for time in np.arange(50, 50 + 2 * LONGEST, 0.5).tolist():
        scribe.on_frame(frame(time), [])
        # The message of a frame comes after the next frame.
        whole += scribe.hear(spoken(time - 0.5)) if time > 50 else []
    whole += scribe.rest()
    first, second = (draft.finished() for draft in whole)
    assert [first.seconds, second.seconds] == [LONGEST - 0.5, LONGEST - 0.5]
    assert second.about.clock == 50 + LONGEST
    assert captures(first) == np.arange(50, 50 + LONGEST, 0.5).tolist()
    assert captures(second)[0] == 50 + LONGEST


def test_a_take_waits_for_its_last_message_and_is_whole_with_the_next(scribe: Scribe) -> None:
    scribe.on_frame(frame(50.0), [])
    scribe.on_frame(frame(50.0 + LONGEST), [])
    assert scribe.hear(spoken(50.0)) == []
    (draft,) = scribe.hear(spoken(50.0 + LONGEST))
    assert captures(draft.finished()) == [50.0]
    assert captures(only(scribe)) == [50.0 + LONGEST]


@pytest.mark.parametrize(
    "left", [SourceState.RECONNECTING, SourceState.ENDED, SourceState.FAILED], ids=str
)
def test_a_source_that_breaks_off_makes_its_take_whole_at_once(
    scribe: Scribe, left: SourceState
) -> None:
    scribe.on_frame(frame(50.0), [])
    (draft,) = scribe.hear(state(left, 51))
    assert left.value in draft.finished().messages[-1]
    assert scribe.rest() == []


def test_a_source_that_stalls_and_goes_on_stays_one_take(scribe: Scribe) -> None:
    scribe.on_frame(frame(50.0), [])
    assert scribe.hear(state(SourceState.STALLED, 53)) == []
    scribe.on_frame(frame(54.0), [])
    assert only(scribe).seconds == 4


def test_each_epoch_is_a_take_of_its_own(scribe: Scribe) -> None:
    scribe.on_frame(frame(50.0), [])
    scribe.on_frame(frame(50.1, epoch=1), [])
    whole = [*scribe.hear(spoken(50.1, epoch=1)), *scribe.rest()]
    assert [draft.finished().about.epoch for draft in whole] == [0, 1]


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
    about = read_take(second).about
    assert (about.source, about.model, about.people_followed, about.hop) == (
        *("right", "fake", 3, 0.5),
    )
    assert about.program
    assert captures(read_take(second)) == [60]
    assert captures(read_take(first)) == []


async def test_a_folder_that_cannot_be_had_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "takes").write_text("")
    with pytest.raises(SinkError, match=r"cannot keep takes in .*takes: .* --record"):
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
