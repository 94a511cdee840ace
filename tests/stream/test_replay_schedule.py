"""Times at which recordings are replayed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dancetype.stream.replay import (
    ScheduledRecording,
    loop_duration,
    schedule,
)
from tests.engine.recordings import STARTED, header


def recording(
    seconds: float, *, started: float = 0.0, source: str = "stage", epoch: int = 0
) -> ScheduledRecording:
    """Return a recording that started `started` seconds after the first one."""
    recording_header = header(source, started=STARTED + started, epoch=epoch)
    return ScheduledRecording(Path("a.npz"), recording_header, seconds)


def begin_times(recordings: Sequence[ScheduledRecording]) -> dict[str, list[float]]:
    return {
        source: [round(recording.begin, 3) for recording in scheduled]
        for source, scheduled in schedule(recordings).items()
    }


def test_schedule_keeps_intervals_between_sources_in_any_order_of_files() -> None:
    recordings = [
        recording(60, started=20, source="left"),
        recording(60),
        recording(60, started=21, source="left"),
    ]
    assert begin_times(recordings) == {"stage": [0], "left": [20, 80]}


def test_long_pause_without_a_recording_is_shortened() -> None:
    recordings = [
        recording(60),
        recording(10, started=86400),
        recording(10, started=86401, source="left"),
    ]
    assert begin_times(recordings) == {"stage": [0, 62], "left": [63]}


def test_short_pause_is_not_shortened() -> None:
    assert begin_times([recording(60), recording(60, started=61)]) == {"stage": [0, 61]}


def test_loop_lasts_until_the_end_of_the_last_source() -> None:
    recordings = [recording(60), recording(10, source="left")]
    assert 60 < loop_duration(schedule(recordings)) < 65


@pytest.mark.parametrize(
    ("first", "second", "continues"),
    [
        (recording(300), recording(60, started=300.03), True),
        (recording(300), recording(60, started=303), False),
        (recording(300), recording(60, started=300.03, epoch=1), False),
        (recording(300), recording(60, started=299), False),
        (
            recording(300),
            replace(recording(60), header=header(started=STARTED + 300.03, clock=7.0)),
            False,
        ),
    ],
    ids=["next", "after a gap", "epoch", "overlap", "another machine"],
)
def test_recording_continues_one_that_it_directly_follows_in_run_and_epoch(
    first: ScheduledRecording, second: ScheduledRecording, continues: bool
) -> None:
    _, later = schedule([first, second])["stage"]
    assert later.continues is continues
