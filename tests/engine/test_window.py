from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, Array, mirrored, pelvis, pelvis_centred
from dancetype.engine.window import WindowSpec, cut_window

SPEC = WindowSpec(seconds=4.0, min_seconds=1.0, length=60)
TRAJECTORY = replace(SPEC, trajectory=True)

# Root mean square of the errors in a window: 1 % of the body's size, and 12 % of the velocities.
# This much of a swing at 2 Hz is lost between the frames of the slowest camera.
POSITION_TOLERANCE = 0.01
VELOCITY_TOLERANCE = 0.12


def dance(times: NDArray[np.float64]) -> Array:
    """Return joints (T, 17, 3) in metres of a person whose limbs swing at up to 2 Hz."""
    rng = np.random.default_rng(7)
    rest_pose = rng.uniform(-0.4, 0.4, (len(JOINTS), 3)) * [1, 2, 0.5]
    joints = np.repeat(rest_pose[None], len(times), axis=0)
    for frequency in (0.5, 1.0, 2.0):
        swing = rng.uniform(-0.12, 0.12, (len(JOINTS), 3))
        phase = rng.uniform(0, 2 * np.pi, (len(JOINTS), 3))
        angle = 2 * np.pi * frequency * times[:, None, None] + phase
        joints += swing / frequency * np.sin(angle)
    return joints.astype(np.float32)


def camera_times(rate: float, jitter: float, dropped: float, seed: int) -> NDArray[np.float64]:
    """Return the capture times of five seconds of a camera with jitter and dropped frames."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, 5 + 0.5 / rate, 1 / rate)
    times[1:-1] += rng.uniform(-jitter, jitter, len(times) - 2) / rate
    delivered = rng.random(len(times)) >= dropped
    # Never drop two frames in a row; there is a separate test for longer gaps.
    delivered[1:] |= ~delivered[:-1]
    delivered[[0, -1]] = True
    return times[delivered]


def cut(times: NDArray[np.float64], joints: Array, spec: WindowSpec = SPEC) -> Array:
    features = cut_window(times, joints, spec, end=5.0).features
    assert features is not None
    return features.reshape(spec.length, spec.points, spec.channels)


def walk(times: NDArray[np.float64]) -> Array:
    """Return joints (T, 17, 3) of a person who dances, walks to the side and jumps."""
    path = np.stack([0.4 * times, 0.1 * np.abs(np.sin(3 * times)), 0 * times], axis=-1)
    return dance(times) + path[:, None].astype(np.float32)


def rms(values: Array) -> float:
    return float(np.sqrt((values**2).mean()))


@settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from([15.0, 24.0, 30.0, 60.0]),
    jitter=st.floats(0, 0.3),
    dropped=st.floats(0, 0.1),
    seed=st.integers(0, 10_000),
)
def test_window_is_independent_of_frame_rate(
    rate: float, jitter: float, dropped: float, seed: int
) -> None:
    fine = np.linspace(0, 5, 2001)
    truth = cut(fine, dance(fine))
    times = camera_times(rate, jitter, dropped, seed)
    window = cut(times, dance(times))
    assert rms(window[..., :2] - truth[..., :2]) < POSITION_TOLERANCE
    assert rms(window[..., 2:] - truth[..., 2:]) < VELOCITY_TOLERANCE * rms(truth[..., 2:])


def test_window_is_independent_of_position() -> None:
    times = np.linspace(0, 5, 151)
    walking = dance(times) + np.linspace(0, 3, 151)[:, None, None].astype(np.float32)
    np.testing.assert_allclose(cut(times, walking), cut(times, dance(times)), atol=1e-4)


def test_window_is_independent_of_body_size() -> None:
    times = np.linspace(0, 5, 151)
    np.testing.assert_allclose(
        cut(times, dance(times) * np.float32(1.4)), cut(times, dance(times)), atol=1e-4
    )


def test_one_bad_frame_does_not_change_scale() -> None:
    times = np.linspace(0, 5, 151)
    joints = dance(times)
    joints[75, 9] = 100
    distant = np.abs(times[np.linspace(31, 150, 60).round().astype(int)] - times[75]) > 0.2
    bad, good = cut(times, joints), cut(times, dance(times))
    np.testing.assert_allclose(bad[distant], good[distant], atol=0.01)


def test_short_gap_is_bridged() -> None:
    times = np.linspace(0, 5, 151)
    joints = dance(times)
    joints[70:76] = np.nan
    assert np.abs(cut(times, joints) - cut(times, dance(times)))[..., :2].max() < 0.25


def test_window_starts_after_long_gap() -> None:
    times = np.linspace(0, 5, 151)
    joints = dance(times)
    joints[60:90] = np.nan
    window = cut_window(times, joints, SPEC, end=5.0)
    assert window.features is not None
    assert window.seconds == pytest.approx(2.0, abs=0.04)


def test_window_is_empty_without_recent_poses() -> None:
    times = np.linspace(0, 5, 151)
    joints = dance(times)
    joints[120:] = np.nan
    window = cut_window(times, joints, SPEC, end=5.0)
    assert window.features is None
    assert window.empty


def test_short_segment_gives_no_features() -> None:
    times = np.linspace(0, 0.8, 25)
    window = cut_window(times, dance(times), SPEC, end=0.8)
    assert window.features is None
    assert not window.empty
    assert window.seconds == pytest.approx(0.8)


def test_window_of_empty_track_is_empty() -> None:
    window = cut_window(np.empty(0), np.empty((0, 17, 3), np.float32), SPEC, end=1.0)
    assert window.features is None
    assert window.empty


def test_poses_after_the_end_are_ignored() -> None:
    times = np.linspace(0, 8, 241)
    past = times <= 5
    np.testing.assert_array_equal(cut(times, dance(times)), cut(times[past], dance(times)[past]))


def test_mirrored_dance_gives_mirrored_window() -> None:
    times = np.linspace(0, 5, 151)
    window = cut(times, dance(times))
    reflected = cut(times, mirrored(dance(times)))
    np.testing.assert_allclose(reflected[..., 1], mirrored(window)[..., 1], atol=1e-5)
    np.testing.assert_allclose(reflected[..., 2], -mirrored(window)[..., 2], atol=1e-3)


def test_window_without_smoothing_and_velocity_has_normalised_frames() -> None:
    spec = WindowSpec(4.0, 4.0, 121, axes="xyz", velocity=False, smooth=False)
    times = np.linspace(1, 5, 121)
    window = cut(times, dance(times), spec)
    centred = pelvis_centred(dance(times))
    scale = np.median(np.linalg.norm(centred, axis=-1).max(axis=-1))
    np.testing.assert_allclose(window, centred / scale, atol=1e-4)


@pytest.mark.parametrize(
    ("seconds", "min_seconds", "length"), [(0, 0, 60), (4, 5, 60), (4, 0, 60), (4, 1, 1)]
)
def test_contradictory_window_spec_is_rejected(
    seconds: float, min_seconds: float, length: int
) -> None:
    with pytest.raises(ValueError, match=r"need|two steps"):
        WindowSpec(seconds, min_seconds, length)


@pytest.mark.parametrize("metres", [2e9, 3e38, np.inf, np.nan])
def test_frames_with_implausible_coordinates_are_ignored(metres: float) -> None:
    times = np.linspace(0, 5, 151)
    joints = dance(times)
    joints[70, 9] = metres
    window = cut(times, joints)
    assert np.isfinite(window).all()
    np.testing.assert_allclose(window, cut(np.delete(times, 70), np.delete(dance(times), 70, 0)))


def test_trajectory_is_the_path_of_the_pelvis_about_its_mean_scaled_as_the_joints() -> None:
    spec = WindowSpec(4.0, 4.0, 121, smooth=False, trajectory=True)
    times = np.linspace(1, 5, 121)
    window = cut(times, walk(times), spec)
    extents = np.linalg.norm(pelvis_centred(walk(times))[..., :2], axis=-1).max(axis=-1)
    path = pelvis(walk(times))[:, :2]
    expected = (path - path.mean(axis=0)) / np.median(extents)
    assert np.ptp(expected, axis=0).min() > 0.1
    np.testing.assert_allclose(window[:, -1, :2], expected, atol=1e-4)
    np.testing.assert_allclose(window[:, -1, 2:], np.gradient(expected, 4 / 120, axis=0), atol=5e-3)


def test_trajectory_depends_neither_on_the_place_nor_on_the_size_of_the_body() -> None:
    times = np.linspace(0, 5, 151)
    window = cut(times, walk(times), TRAJECTORY)
    assert np.abs(window[:, -1, :2].mean(axis=0)).max() < 1e-5
    elsewhere = (1.4 * walk(times) + np.array([3, -1, 0])).astype(np.float32)
    np.testing.assert_allclose(cut(times, elsewhere, TRAJECTORY), window, atol=1e-3)


def test_joints_of_a_window_are_the_same_with_and_without_a_trajectory() -> None:
    times = np.linspace(0, 5, 151)
    window = cut(times, walk(times), TRAJECTORY)
    assert window.shape == (60, len(JOINTS) + 1, 4)
    np.testing.assert_allclose(window[:, : len(JOINTS)], cut(times, walk(times)), atol=1e-6)


def test_trajectory_with_depth_is_rejected() -> None:
    with pytest.raises(ValueError, match='a trajectory needs the axes "xy"'):
        WindowSpec(4, 1, 60, axes="xyz", trajectory=True)
