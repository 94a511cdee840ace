import numpy as np
import pytest

from benchmarks.performance.programs import (
    Measurement,
    Received,
    merge,
    percentiles,
    pose_rate,
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
        has_window=True,
    )


def measurement(cpu: float, frames: float, *, memory: int = 1) -> Measurement:
    return Measurement(
        cpu=cpu, wall=2.0, frames=frames, predictions=(received(1, 0.0),), memory=memory
    )


def test_pose_rate_is_from_the_first_to_the_last_prediction_of_each_source() -> None:
    predictions = [
        received(100, 10.0, source="a"),
        received(7, 10.1, source="b"),
        received(160, 12.0, source="a"),
        received(22, 11.1, source="b"),
        received(5, 10.5, source="one prediction only"),
    ]
    assert pose_rate(predictions) == pytest.approx(30 + 15)
    assert pose_rate([]) == 0


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
