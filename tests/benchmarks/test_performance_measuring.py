import numpy as np
import pytest

from benchmarks.performance.programs import (
    Received,
    Span,
    frames_a_second,
    percentiles,
    together,
)


def received(
    frames: int, received: float, *, source: str = "", captured: float | None = None
) -> Received:
    return Received(
        source=source,
        received=received,
        captured=received - 0.05 if captured is None else captured,
        pose=0.03,
        frames=frames,
        whole=True,
    )


def span(cpu: float, frames: float, *, memory: int = 1) -> Span:
    return Span(cpu=cpu, wall=2.0, frames=frames, predictions=(received(1, 0.0),), memory=memory)


def test_frames_are_counted_from_the_first_to_the_last_prediction_of_each_source() -> None:
    predictions = [
        received(100, 10.0, source="a"),
        received(7, 10.1, source="b"),
        received(160, 12.0, source="a"),
        received(22, 11.1, source="b"),
        received(5, 10.5, source="one prediction only"),
    ]
    assert frames_a_second(predictions) == pytest.approx(30 + 15)
    assert frames_a_second([]) == 0


def test_spans_of_one_program_count_as_one() -> None:
    both = together([span(1.0, 20, memory=5), span(2.0, 40, memory=9)])
    assert both.figures()["cpu_ms"] == pytest.approx(3.0 / 60 * 1e3)
    assert (both.wall, both.memory, len(both.predictions)) == (4.0, 9, 2)


def test_latency_is_from_capture_to_the_reader() -> None:
    predictions = (received(1, 5.0, captured=4.96),)
    one = Span(cpu=1, wall=1, frames=1, predictions=predictions, memory=1)
    assert one.figures()["received_ms"] == pytest.approx((40, 40, 40))
    assert one.figures()["pose_ms"] == pytest.approx((30, 30, 30))


def test_percentiles_are_the_middle_and_the_slow_ends() -> None:
    assert percentiles(np.arange(101.0)) == (50, 95, 99)
