from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, LEFT_HIP, RIGHT_HIP, Array, mirrored, pelvis_centred
from dancetype.training.augment.camera import augment_track, face_camera, simulate_camera
from dancetype.training.recipe import CameraSettings

FAULTLESS = CameraSettings(
    heading=0,
    pitch=0,
    roll=0,
    frame_rate=(60, 60),
    dropped=0,
    noise=(0, 0),
    thrown_share=0,
    thrown=0,
    limbs=0,
    mirror=0,
)
TIMES = 3 + np.arange(241) / 60


def studio(heading: float = 2.0) -> Array:
    """Four seconds of a dancer who walks about and looks along `heading` radians: (241, 17, 3)."""
    rest = np.random.default_rng(1).uniform(-0.5, 0.5, (len(JOINTS), 3))
    rest[:, 1] += 1
    rest[LEFT_HIP], rest[RIGHT_HIP] = (0.1, 1, 0), (-0.1, 1, 0)
    joints = rest + 0.05 * np.sin(4 * TIMES[:, None, None] + 9 * rest)
    joints[:, :, 0] += TIMES[:, None] / 4
    cos, sin = np.cos(heading), np.sin(heading)
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    result: Array = (joints @ turn.T).astype(np.float32)
    return result


def shoot(seed: int = 0, **faults: Any) -> tuple[NDArray[np.float64], Array]:
    settings = FAULTLESS.model_copy(update=faults)
    return simulate_camera(TIMES, studio(), settings, np.random.default_rng(seed))


def clean(times: NDArray[np.float64]) -> Array:
    """What a faultless camera sees at those frames."""
    return pelvis_centred(face_camera(studio()[np.searchsorted(TIMES, times)]))


@pytest.mark.parametrize("heading", [0.0, 1.0, 2.5, -3.0])
def test_facing_puts_the_hip_line_along_x_with_the_left_to_the_right(heading: float) -> None:
    joints = face_camera(studio(heading))
    hips = (joints[:, LEFT_HIP] - joints[:, RIGHT_HIP])[:, [0, 2]]
    line = (hips / np.linalg.norm(hips, axis=1, keepdims=True)).mean(axis=0)
    assert line[0] > 0.9
    assert line[1] == pytest.approx(0, abs=1e-5)


def test_facing_turns_about_the_vertical_and_nothing_else() -> None:
    joints = studio()
    turned = face_camera(joints)
    np.testing.assert_allclose(turned[..., 1], joints[..., 1], atol=1e-6)
    np.testing.assert_allclose(
        np.linalg.norm(turned[:, 0] - turned[:, 16], axis=1),
        np.linalg.norm(joints[:, 0] - joints[:, 16], axis=1),
        atol=1e-5,
    )
    # A turn, and no reflection.
    assert np.linalg.det(turned[0, :3]) == pytest.approx(np.linalg.det(joints[0, :3]), abs=1e-5)


def test_where_somebody_faced_in_the_studio_does_not_matter() -> None:
    np.testing.assert_allclose(face_camera(studio(0.5)), face_camera(studio(-2.0)), atol=1e-4)


def test_a_camera_without_faults_changes_nothing_but_the_view() -> None:
    times, joints = shoot()
    assert np.isin(times, TIMES).all()
    np.testing.assert_allclose(joints, clean(times), atol=1e-5)


@pytest.mark.parametrize("rate", [10, 15, 30, 60])
def test_a_camera_takes_frames_at_its_rate_and_keeps_the_ends(rate: int) -> None:
    times, joints = shoot(frame_rate=(rate, rate))
    assert (times[0], times[-1]) == (TIMES[0], TIMES[-1])
    assert (np.diff(times) > 0).all()
    assert len(times) == len(joints)
    # At 60 an unsteady beat takes some of the recorded frames twice and others not at all.
    assert 0.8 * 4 * rate <= len(times) <= 4 * rate + 2


def test_dropped_frames_are_missing() -> None:
    counts = [len(shoot(seed, dropped=0.5)[0]) for seed in range(20)]
    whole = len(shoot()[0])
    assert 0.6 * whole < np.mean(counts) < 0.9 * whole


def test_a_mirrored_camera_sees_the_mirror_image() -> None:
    times, joints = shoot(mirror=1)
    np.testing.assert_allclose(joints, mirrored(clean(times)), atol=1e-5)


def test_half_of_the_windows_are_mirrored_where_that_is_asked_for() -> None:
    seen = [shoot(seed, mirror=0.5) for seed in range(60)]
    flipped = [not np.allclose(joints, clean(times), atol=1e-4) for times, joints in seen]
    assert 15 < sum(flipped) < 45


@pytest.mark.parametrize("fault", ["heading", "pitch", "roll"])
def test_a_turned_camera_keeps_the_dancers_form(fault: str) -> None:
    turned: dict[str, Any] = {fault: 20.0}
    times, joints = shoot(**turned)
    assert np.abs(joints - clean(times)).max() > 0.01
    np.testing.assert_allclose(
        np.linalg.norm(joints, axis=-1), np.linalg.norm(clean(times), axis=-1), atol=1e-5
    )


def test_the_heading_moves_no_joint_up_or_down() -> None:
    times, joints = shoot(heading=40.0)
    np.testing.assert_allclose(joints[..., 1], clean(times)[..., 1], atol=1e-5)


def test_other_limbs_keep_their_directions_and_both_sides_alike() -> None:
    times, joints = shoot(limbs=0.3)
    before = clean(times)
    scales = {}
    for end, start in (("left_wrist", "left_elbow"), ("right_wrist", "right_elbow")):
        arm, truth = (
            array[:, JOINTS.index(end)] - array[:, JOINTS.index(start)]
            for array in (joints, before)
        )
        ratios = arm / truth
        assert np.ptp(ratios) < 0.01
        scales[end] = ratios.mean()
    assert scales["left_wrist"] == pytest.approx(scales["right_wrist"], abs=1e-3)
    assert scales["left_wrist"] != pytest.approx(1, abs=1e-3)
    assert np.abs(joints[:, [LEFT_HIP, RIGHT_HIP]].mean(axis=1)).max() < 1e-5


def test_the_noise_is_as_strong_as_was_asked_for() -> None:
    def error(strength: float) -> float:
        shots = [shoot(seed, noise=(strength, strength)) for seed in range(20)]
        return float(np.concatenate([joints - clean(times) for times, joints in shots]).std())

    assert error(0.0) < 1e-6
    assert error(1.0) == pytest.approx(2 * error(0.5), rel=0.01)
    assert 0.03 < error(1.0) < 0.1


def test_what_a_pose_estimator_saw_keeps_its_heading_its_gaps_and_its_noise() -> None:
    seen = clean(TIMES) + np.float32(0.1)
    seen[60:80] = np.nan
    rng = np.random.default_rng(0)
    times, joints = augment_track(TIMES, seen, FAULTLESS, rng)
    expected = pelvis_centred(seen[np.searchsorted(TIMES, times)])
    np.testing.assert_allclose(joints, expected, atol=1e-5)
    assert np.isnan(joints).any()


def test_a_share_of_the_joints_is_thrown_about() -> None:
    thrown = []
    for seed in range(20):
        times, joints = shoot(seed, thrown_share=0.1, thrown=0.08)
        thrown.append(np.abs(joints - clean(times)).max(axis=(0, 2)) > 0.05)
    assert 0.03 < np.mean(thrown) < 0.2


def test_the_same_seed_films_the_same() -> None:
    faults = {"heading": 26.0, "noise": (0.5, 1.0), "limbs": 0.1, "dropped": 0.2, "mirror": 0.5}
    for one, other in zip(shoot(3, **faults), shoot(3, **faults), strict=True):
        np.testing.assert_array_equal(one, other)
