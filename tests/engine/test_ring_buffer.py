import numpy as np
import pytest

from dancetype.engine.ring_buffer import RingBuffer
from dancetype.engine.skeleton import JOINTS, Pose


def pose(value: float) -> Pose:
    joints = np.full((len(JOINTS), 3), value, np.float32)
    return Pose(joints, np.ones(len(JOINTS), np.float32))


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_buffer_is_limited_by_time_and_not_by_frames(rate: int) -> None:
    buffer = RingBuffer(2.0)
    for frame in range(10 * rate):
        assert buffer.append(frame / rate, pose(frame))
    times, _ = buffer.track()
    assert len(times) == len(buffer)
    assert 2.0 - 1e-9 <= times[-1] - times[0] <= 2.0 + 1 / rate + 1e-9


def test_track_has_times_and_poses_oldest_first() -> None:
    buffer = RingBuffer(2.0)
    for time in (0.0, 0.5, 1.5):
        buffer.append(time, pose(10 * time))
    times, joints = buffer.track()
    assert times.tolist() == [0.0, 0.5, 1.5]
    assert joints[:, 3, 2].tolist() == [0.0, 5.0, 15.0]


def test_one_frame_older_than_the_span_is_kept() -> None:
    buffer = RingBuffer(1.0)
    for time in (0.0, 0.9, 1.2, 2.0):
        buffer.append(time, pose(0))
    assert buffer.track()[0].tolist() == [0.9, 1.2, 2.0]


def test_frame_without_person_is_kept_as_nan() -> None:
    buffer = RingBuffer(1.0)
    buffer.append(0.0, pose(1))
    buffer.append(0.1, None)
    _, joints = buffer.track()
    assert np.isfinite(joints[0]).all()
    assert np.isnan(joints[1]).all()


@pytest.mark.parametrize("time", [1.0, 0.5, -3.0])
def test_frame_that_is_not_newer_is_dropped(time: float) -> None:
    buffer = RingBuffer(1.0)
    buffer.append(1.0, pose(1))
    assert not buffer.append(time, pose(2))
    times, joints = buffer.track()
    assert times.tolist() == [1.0]
    assert joints[0, 0, 0] == 1


def test_reset_empties_buffer_and_allows_earlier_times() -> None:
    buffer = RingBuffer(1.0)
    buffer.append(5.0, pose(1))
    buffer.reset("a new epoch")
    assert len(buffer) == 0
    assert buffer.append(0.0, pose(2))


def test_empty_buffer_gives_empty_track() -> None:
    times, joints = RingBuffer(1.0).track()
    assert times.shape == (0,)
    assert joints.shape == (0, len(JOINTS), 3)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_span_that_is_not_positive_is_rejected(seconds: float) -> None:
    with pytest.raises(ValueError, match="more than 0 seconds"):
        RingBuffer(seconds)


@pytest.mark.parametrize("time", [float("nan"), float("inf"), float("-inf")])
def test_frame_with_infinite_or_nan_time_is_dropped_without_side_effect(time: float) -> None:
    buffer = RingBuffer(1.0)
    assert not buffer.append(time, pose(0))
    for second in (0.0, 1.0, 2.0, 3.0):
        assert buffer.append(second, pose(0))
        assert not buffer.append(time, pose(0))
    assert buffer.track()[0].tolist() == [2.0, 3.0]
