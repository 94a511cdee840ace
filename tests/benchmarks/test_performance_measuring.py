import numpy as np
import pytest

from benchmarks.performance.programs import (
    Measurement,
    Received,
    count_rate,
    merge,
    percentiles,
)


def received(
    frames: int,
    received: float,
    *,
    source: str = "",
    captured: float | None = None,
    dropped: int = 0,
) -> Received:
    return Received(
        source=source,
        received=received,
        captured=received - 0.05 if captured is None else captured,
        pose=0.03,
        frames=frames,
        has_window=True,
        dropped=dropped,
    )


def measurement(cpu: float, frames: float, *, memory: int = 1) -> Measurement:
    return Measurement(
        cpu=cpu, wall=2.0, frames=frames, predictions=(received(1, 0.0),), memory=memory
    )


def test_rate_of_a_count_is_from_the_first_to_the_last_prediction_of_each_source() -> None:
    predictions = [
        received(100, 10.0, source="a"),
        received(7, 10.1, source="b"),
        received(160, 12.0, source="a"),
        received(22, 11.1, source="b"),
        received(5, 10.5, source="one prediction only"),
    ]
    assert count_rate(predictions, lambda prediction: prediction.frames) == pytest.approx(30 + 15)
    assert count_rate([], lambda prediction: prediction.frames) == 0


def test_dropped_frames_are_counted_per_second() -> None:
    predictions = [received(1, 5.0, dropped=3), received(2, 7.0, dropped=13)]
    rate = count_rate(predictions, lambda prediction: prediction.dropped)
    assert rate == pytest.approx(5)


def test_merging_adds_times_and_keeps_the_largest_memory() -> None:
    both = merge([measurement(1.0, 20, memory=5), measurement(2.0, 40, memory=9)])
    assert both.figures()["cpu_ms"] == pytest.approx(3.0 / 60 * 1e3)
    assert (both.wall, both.memory, len(both.predictions)) == (4.0, 9, 2)


def test_latency_is_from_capture_to_receipt() -> None:
    predictions = (received(1, 5.0, captured=4.96),)
    single = Measurement(cpu=1, wall=1, frames=1, predictions=predictions, memory=1)
    assert single.figures()["received_ms"] == pytest.approx((40, 40, 40))
    assert single.figures()["pose_ms"] == pytest.approx((30, 30, 30))


def test_percentiles_are_p50_p95_and_p99() -> None:
    assert percentiles(np.arange(101.0)) == (50, 95, 99)
