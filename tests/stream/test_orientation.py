from collections.abc import Iterable

import pytest

from dancetype.stream.orientation import OrientationMonitor
from dancetype.stream.run_state import SourceRun
from tests.messages import make_body, make_prediction


def rotation_after(degrees: Iterable[float], *, hop: float = 0.25) -> int:
    monitor = OrientationMonitor()
    for index, value in enumerate(degrees):
        monitor.update(make_body(index * hop, value))
    return monitor.rotate


@pytest.mark.parametrize(
    ("degrees", "rotate"),
    [
        (0, 0),
        (30, 0),
        (-40, 0),
        (90, 270),
        (60, 270),
        (-90, 90),
        (-120, 90),
        (180, 180),
        (200, 180),
    ],
)
def test_body_in_one_direction_for_ten_seconds_gives_the_rotation(
    degrees: float, rotate: int
) -> None:
    assert rotation_after([degrees] * 39) == 0
    assert rotation_after([degrees] * 41) == rotate


@pytest.mark.parametrize("hop", [0.05, 0.5, 2.0])
def test_time_counts_rather_than_the_number_of_predictions(hop: float) -> None:
    assert rotation_after([90] * int(9 / hop), hop=hop) == 0
    assert rotation_after([90] * (int(10 / hop) + 1), hop=hop) == 270


def test_movement_on_the_floor_gives_no_hint() -> None:
    # A dancer who spins on the floor, and one who stands up in between.
    assert rotation_after(range(0, 20_000, 37)) == 0
    assert rotation_after(([90] * 12 + [0] * 8) * 20) == 0


def test_dancer_who_bends_now_and_then_gets_the_hint() -> None:
    assert rotation_after(([90] * 9 + [170]) * 5) == 270


def test_hint_ends_when_the_body_is_upright_again() -> None:
    monitor = OrientationMonitor()
    changes = [monitor.update(make_body(n / 4, 90 if n < 50 else 0)) for n in range(120)]
    assert changes.count(True) == 2
    assert monitor.hint is None


def test_hidden_body_and_missing_person_are_ignored() -> None:
    monitor = OrientationMonitor()
    for index in range(100):
        monitor.update(make_body(index / 4, 90, visibility=0.3))
        monitor.update(make_prediction(capture=1000 + index / 4))
    assert monitor.rotate == 0


def test_hint_starts_over_with_each_epoch() -> None:
    run = SourceRun()
    for index in range(50):
        run.update(make_body(index / 4, -90))
    assert run.orientation.hint == (
        "the body is sideways; turn the image clockwise by 90 with --rotate"
    )
    run.update(make_body(20, -90, epoch=1))
    assert run.orientation.hint is None
