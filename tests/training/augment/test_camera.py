from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, LEFT_HIP, RIGHT_HIP, Array, mirrored, pelvis_centred
from dancetype.training.augment.camera import augment_track, face_camera, simulate_camera
from dancetype.training.recipe import CameraSettings
from tests.training.motion import rotation_about_y

IDEAL = CameraSettings(
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


def motion_capture(heading: float = 2.0) -> Array:
    """Return four seconds (241, 17, 3) of a dancer who walks and faces `heading` (radians)."""
    rest_pose = np.random.default_rng(1).uniform(-0.5, 0.5, (len(JOINTS), 3))
    rest_pose[:, 1] += 1
    rest_pose[LEFT_HIP], rest_pose[RIGHT_HIP] = (0.1, 1, 0), (-0.1, 1, 0)
    joints = rest_pose + 0.05 * np.sin(4 * TIMES[:, None, None] + 9 * rest_pose)
    joints[:, :, 0] += TIMES[:, None] / 4
    result: Array = (joints @ rotation_about_y(heading).T).astype(np.float32)
    return result


def simulate(seed: int = 0, **settings: Any) -> tuple[NDArray[np.float64], Array]:
    camera = IDEAL.model_copy(update=settings)
    return simulate_camera(TIMES, motion_capture(), camera, np.random.default_rng(seed))


def ideal_joints(times: NDArray[np.float64]) -> Array:
    """Return the joints that an ideal camera would record at `times`."""
    return pelvis_centred(face_camera(motion_capture()[np.searchsorted(TIMES, times)]))


@pytest.mark.parametrize("heading", [0.0, 1.0, 2.5, -3.0])
def test_face_camera_aligns_hips_with_x_axis_and_left_hip_on_the_right(heading: float) -> None:
    joints = face_camera(motion_capture(heading))
    hips = (joints[:, LEFT_HIP] - joints[:, RIGHT_HIP])[:, [0, 2]]
    direction = (hips / np.linalg.norm(hips, axis=1, keepdims=True)).mean(axis=0)
    assert direction[0] > 0.9
    assert direction[1] == pytest.approx(0, abs=1e-5)


def test_face_camera_only_rotates_about_the_vertical_axis() -> None:
    joints = motion_capture()
    rotated = face_camera(joints)
    np.testing.assert_allclose(rotated[..., 1], joints[..., 1], atol=1e-6)
    np.testing.assert_allclose(
        np.linalg.norm(rotated[:, 0] - rotated[:, 16], axis=1),
        np.linalg.norm(joints[:, 0] - joints[:, 16], axis=1),
        atol=1e-5,
    )
    # The determinant changes its sign under a reflection.
    assert np.linalg.det(rotated[0, :3]) == pytest.approx(np.linalg.det(joints[0, :3]), abs=1e-5)


def test_face_camera_does_not_depend_on_the_original_heading() -> None:
    np.testing.assert_allclose(
        face_camera(motion_capture(0.5)), face_camera(motion_capture(-2.0)), atol=1e-4
    )


def test_ideal_camera_changes_only_the_view() -> None:
    times, joints = simulate()
    assert np.isin(times, TIMES).all()
    np.testing.assert_allclose(joints, ideal_joints(times), atol=1e-5)


@pytest.mark.parametrize("rate", [10, 15, 30, 60])
def test_frames_follow_the_frame_rate_and_include_both_ends(rate: int) -> None:
    times, joints = simulate(frame_rate=(rate, rate))
    assert (times[0], times[-1]) == (TIMES[0], TIMES[-1])
    assert (np.diff(times) > 0).all()
    assert len(times) == len(joints)
    # At 60 frames per second, jitter selects some of the recorded frames twice and skips others.
    assert 0.8 * 4 * rate <= len(times) <= 4 * rate + 2


def test_dropped_frames_are_missing() -> None:
    counts = [len(simulate(seed, dropped=0.5)[0]) for seed in range(20)]
    without_drops = len(simulate()[0])
    assert 0.6 * without_drops < np.mean(counts) < 0.9 * without_drops


def test_mirror_gives_the_mirror_image() -> None:
    times, joints = simulate(mirror=1)
    np.testing.assert_allclose(joints, mirrored(ideal_joints(times)), atol=1e-5)


def test_requested_share_of_windows_is_mirrored() -> None:
    windows = [simulate(seed, mirror=0.5) for seed in range(60)]
    flipped = [not np.allclose(joints, ideal_joints(times), atol=1e-4) for times, joints in windows]
    assert 15 < sum(flipped) < 45


@pytest.mark.parametrize("setting", ["heading", "pitch", "roll"])
def test_camera_rotation_keeps_distances_from_the_hips(setting: str) -> None:
    settings: dict[str, Any] = {setting: 20.0}
    times, joints = simulate(**settings)
    assert np.abs(joints - ideal_joints(times)).max() > 0.01
    np.testing.assert_allclose(
        np.linalg.norm(joints, axis=-1), np.linalg.norm(ideal_joints(times), axis=-1), atol=1e-5
    )


def test_heading_moves_no_joint_up_or_down() -> None:
    times, joints = simulate(heading=40.0)
    np.testing.assert_allclose(joints[..., 1], ideal_joints(times)[..., 1], atol=1e-5)


def test_scaled_limbs_keep_their_direction_and_symmetry() -> None:
    times, joints = simulate(limbs=0.3)
    before = ideal_joints(times)
    scales = {}
    for end, start in (("left_wrist", "left_elbow"), ("right_wrist", "right_elbow")):
        scaled, original = (
            array[:, JOINTS.index(end)] - array[:, JOINTS.index(start)]
            for array in (joints, before)
        )
        ratios = scaled / original
        assert np.ptp(ratios) < 0.01
        scales[end] = ratios.mean()
    assert scales["left_wrist"] == pytest.approx(scales["right_wrist"], abs=1e-3)
    assert scales["left_wrist"] != pytest.approx(1, abs=1e-3)
    assert np.abs(joints[:, [LEFT_HIP, RIGHT_HIP]].mean(axis=1)).max() < 1e-5


def test_noise_has_the_requested_strength() -> None:
    def error(strength: float) -> float:
        windows = [simulate(seed, noise=(strength, strength)) for seed in range(20)]
        return float(
            np.concatenate([joints - ideal_joints(times) for times, joints in windows]).std()
        )

    assert error(0.0) < 1e-6
    assert error(1.0) == pytest.approx(2 * error(0.5), rel=0.01)
    assert 0.03 < error(1.0) < 0.1


def test_augmented_track_keeps_its_heading_gaps_and_noise() -> None:
    track = ideal_joints(TIMES) + np.float32(0.1)
    track[60:80] = np.nan
    rng = np.random.default_rng(0)
    times, joints = augment_track(TIMES, track, IDEAL, rng)
    expected = pelvis_centred(track[np.searchsorted(TIMES, times)])
    np.testing.assert_allclose(joints, expected, atol=1e-5)
    assert np.isnan(joints).any()


def test_requested_share_of_joints_is_displaced() -> None:
    displaced = []
    for seed in range(20):
        times, joints = simulate(seed, thrown_share=0.1, thrown=0.08)
        displaced.append(np.abs(joints - ideal_joints(times)).max(axis=(0, 2)) > 0.05)
    assert 0.03 < np.mean(displaced) < 0.2


def test_same_seed_gives_same_augmentation() -> None:
    settings = {"heading": 26.0, "noise": (0.5, 1.0), "limbs": 0.1, "dropped": 0.2, "mirror": 0.5}
    first, second = simulate(3, **settings), simulate(3, **settings)
    for array, same_array in zip(first, second, strict=True):
        np.testing.assert_array_equal(array, same_array)
