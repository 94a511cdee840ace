import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, Array, mirrored
from dancetype.engine.window import WindowSpec, cut_window

SPEC = WindowSpec(seconds=4.0, min_seconds=1.0, length=60)

# Root mean square over a window: positions within 1 % of the body's size, velocities within 12 % of
# their own. That is what is lost of swings of 2 Hz between the frames of the slowest camera.
POSITION_TOLERANCE = 0.01
VELOCITY_TOLERANCE = 0.12


def dance(times: NDArray[np.float64]) -> Array:
    """A body of human size whose limbs swing at up to 2 Hz: (T, 17, 3) metres."""
    rng = np.random.default_rng(7)
    rest = rng.uniform(-0.4, 0.4, (len(JOINTS), 3)) * [1, 2, 0.5]
    joints = np.repeat(rest[None], len(times), axis=0)
    for frequency in (0.5, 1.0, 2.0):
        swing = rng.uniform(-0.12, 0.12, (len(JOINTS), 3))
        phase = rng.uniform(0, 2 * np.pi, (len(JOINTS), 3))
        angle = 2 * np.pi * frequency * times[:, None, None] + phase
        joints += swing / frequency * np.sin(angle)
    return joints.astype(np.float32)


def camera_times(rate: float, jitter: float, dropped: float, seed: int) -> NDArray[np.float64]:
    """Capture times of five seconds of an unsteady camera."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, 5 + 0.5 / rate, 1 / rate)
    times[1:-1] += rng.uniform(-jitter, jitter, len(times) - 2) / rate
    kept = rng.random(len(times)) >= dropped
    # No two in a row: a longer gap is a different matter, and has a test of its own.
    kept[1:] |= ~kept[:-1]
    kept[[0, -1]] = True
    return times[kept]


def cut(times: NDArray[np.float64], joints: Array, spec: WindowSpec = SPEC) -> Array:
    features = cut_window(times, joints, spec, end=5.0).features
    assert features is not None
    return features.reshape(spec.length, len(JOINTS), spec.channels)


def rms(values: Array) -> float:
    return float(np.sqrt((values**2).mean()))


@settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from([15.0, 24.0, 30.0, 60.0]),
    jitter=st.floats(0, 0.3),
    dropped=st.floats(0, 0.1),
    seed=st.integers(0, 10_000),
)
def test_the_same_motion_gives_the_same_window_at_any_frame_rate(
    rate: float, jitter: float, dropped: float, seed: int
) -> None:
    fine = np.linspace(0, 5, 2001)
    truth = cut(fine, dance(fine))
    times = camera_times(rate, jitter, dropped, seed)
    seen = cut(times, dance(times))
    assert rms(seen[..., :2] - truth[..., :2]) < POSITION_TOLERANCE
    assert rms(seen[..., 2:] - truth[..., 2:]) < VELOCITY_TOLERANCE * rms(truth[..., 2:])


def test_where_the_dancer_stands_does_not_matter() -> None:
    times = np.linspace(0, 5, 151)
    walking = dance(times) + np.linspace(0, 3, 151)[:, None, None].astype(np.float32)
    np.testing.assert_allclose(cut(times, walking), cut(times, dance(times)), atol=1e-4)


def test_the_size_of_the_dancer_does_not_matter() -> None:
    times = np.linspace(0, 5, 151)
    np.testing.assert_allclose(
        cut(times, dance(times) * np.float32(1.4)), cut(times, dance(times)), atol=1e-4
    )


def test_one_bad_frame_does_not_set_the_scale() -> None:
    times = np.linspace(0, 5, 151)
    joints = dance(times)
    joints[75, 9] = 100
    far = np.abs(times[np.linspace(31, 150, 60).round().astype(int)] - times[75]) > 0.2
    bad, good = cut(times, joints), cut(times, dance(times))
    np.testing.assert_allclose(bad[far], good[far], atol=0.01)


def test_frames_with_nobody_are_bridged_when_they_are_few() -> None:
    times = np.linspace(0, 5, 151)
    joints = dance(times)
    joints[70:76] = np.nan
    assert np.abs(cut(times, joints) - cut(times, dance(times)))[..., :2].max() < 0.25


def test_a_window_starts_anew_after_a_long_gap() -> None:
    times = np.linspace(0, 5, 151)
    joints = dance(times)
    joints[60:90] = np.nan
    window = cut_window(times, joints, SPEC, end=5.0)
    assert window.features is not None
    assert window.seconds == pytest.approx(2.0, abs=0.04)


def test_nobody_of_late_is_an_empty_window() -> None:
    times = np.linspace(0, 5, 151)
    joints = dance(times)
    joints[120:] = np.nan
    window = cut_window(times, joints, SPEC, end=5.0)
    assert window.features is None
    assert window.empty


def test_too_short_a_stretch_is_no_window_yet() -> None:
    times = np.linspace(0, 0.8, 25)
    window = cut_window(times, dance(times), SPEC, end=0.8)
    assert window.features is None
    assert not window.empty
    assert window.seconds == pytest.approx(0.8)


def test_an_empty_track_is_an_empty_window() -> None:
    window = cut_window(np.empty(0), np.empty((0, 17, 3), np.float32), SPEC, end=1.0)
    assert window.features is None
    assert window.empty


def test_poses_after_the_end_are_not_looked_at() -> None:
    times = np.linspace(0, 8, 241)
    later = times <= 5
    np.testing.assert_array_equal(cut(times, dance(times)), cut(times[later], dance(times)[later]))


def test_a_mirrored_dance_gives_a_mirrored_window() -> None:
    times = np.linspace(0, 5, 151)
    window = cut(times, dance(times))
    swapped = cut(times, mirrored(dance(times)))
    np.testing.assert_allclose(swapped[..., 1], mirrored(window)[..., 1], atol=1e-5)
    np.testing.assert_allclose(swapped[..., 2], -mirrored(window)[..., 2], atol=1e-3)


def test_without_smoothing_or_velocity_the_frames_themselves_come_back() -> None:
    spec = WindowSpec(4.0, 4.0, 121, axes="xyz", velocity=False, smooth=False)
    times = np.linspace(1, 5, 121)
    window = cut(times, dance(times), spec)
    middle = (dance(times)[:, 11] + dance(times)[:, 12]) / 2
    centred = dance(times) - middle[:, None]
    scale = np.median(np.linalg.norm(centred, axis=-1).max(axis=-1))
    np.testing.assert_allclose(window, centred / scale, atol=1e-4)


@pytest.mark.parametrize(
    ("seconds", "min_seconds", "length"), [(0, 0, 60), (4, 5, 60), (4, 0, 60), (4, 1, 1)]
)
def test_a_window_that_makes_no_sense_is_refused(
    seconds: float, min_seconds: float, length: int
) -> None:
    with pytest.raises(ValueError, match=r"need|two steps"):
        WindowSpec(seconds, min_seconds, length)


@pytest.mark.parametrize("metres", [2e9, 3e38, np.inf, np.nan])
def test_somebody_too_far_away_to_reckon_with_is_not_seen(metres: float) -> None:
    times = np.linspace(0, 5, 151)
    joints = dance(times)
    joints[70, 9] = metres
    window = cut(times, joints)
    assert np.isfinite(window).all()
    np.testing.assert_allclose(window, cut(np.delete(times, 70), np.delete(dance(times), 70, 0)))
