from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dancetype.engine.skeleton import (
    JOINTS,
    LEFT_HIP,
    RIGHT_HIP,
    Array,
    mirrored,
    pelvis,
    pelvis_centred,
)
from dancetype.training.augment.camera import exposure_times, simulate_camera
from dancetype.training.geometry import face_camera, rotation_about
from dancetype.training.recipe import CameraSettings
from dancetype.training.tensors import heading_angles, rotations
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
TIMES = np.arange(241) / 60


def motion_capture(heading: float = 2.0) -> Array:
    """Return four seconds (241, 17, 3) of a dancer who walks and faces `heading` (radians)."""
    rest_pose = np.random.default_rng(1).uniform(-0.5, 0.5, (len(JOINTS), 3))
    rest_pose[:, 1] += 1
    rest_pose[LEFT_HIP], rest_pose[RIGHT_HIP] = (0.1, 1, 0), (-0.1, 1, 0)
    joints = rest_pose + 0.05 * np.sin(4 * TIMES[:, None, None] + 9 * rest_pose)
    joints[:, :, 0] += TIMES[:, None] / 4
    result: Array = (joints @ rotation_about_y(heading).T).astype(np.float32)
    return result


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def walking_joints() -> Array:
    """Return the joints that an ideal camera would record."""
    return face_camera(motion_capture())


def ideal_joints() -> Array:
    """Return the joints that an ideal camera would record of a dancer who stays in place."""
    return pelvis_centred(walking_joints())


def simulate(
    seed: int = 0, *, walking: bool = False, estimated: bool = False, **settings: Any
) -> Array:
    camera = IDEAL.model_copy(update=settings)
    times = torch.from_numpy(TIMES).float()[None]
    joints = torch.from_numpy(walking_joints() if walking else ideal_joints())[None]
    mask = torch.tensor([estimated])
    simulated: Array = simulate_camera(
        times, joints, camera, generator(seed), estimated=mask
    ).numpy()[0]
    return simulated


def expose(seed: int = 0, seconds: float = 4.0, **settings: Any) -> NDArray[np.float32]:
    camera = IDEAL.model_copy(update=settings)
    times: NDArray[np.float32] = exposure_times(
        torch.tensor([seconds, seconds / 2]), camera, generator(seed)
    ).numpy()
    return times


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


def test_headings_of_a_batch_are_those_of_single_dances() -> None:
    joints = torch.from_numpy(np.stack([motion_capture(0.5), motion_capture(-2.0)]))
    turned = joints @ rotations("y", heading_angles(joints)).mT[:, None]
    for batched, single in zip(turned.numpy(), joints.numpy(), strict=True):
        np.testing.assert_allclose(batched, face_camera(single), atol=1e-4)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_rotations_of_a_batch_are_those_of_single_angles(axis: Any) -> None:
    (matrix,) = rotations(axis, torch.tensor([0.7])).numpy()
    np.testing.assert_allclose(matrix, rotation_about(axis, 0.7), atol=1e-6)


def test_ideal_camera_changes_nothing() -> None:
    np.testing.assert_allclose(simulate(), ideal_joints(), atol=1e-5)
    np.testing.assert_allclose(simulate(walking=True), walking_joints(), atol=1e-5)
    assert np.ptp(pelvis(walking_joints()), axis=0).max() > 0.5


def test_depth_can_be_left_out() -> None:
    arguments = (torch.from_numpy(TIMES).float()[None], torch.from_numpy(ideal_joints())[None])
    flat = simulate_camera(*arguments, IDEAL, generator(), dimensions=2)
    np.testing.assert_allclose(flat.numpy()[0], ideal_joints()[..., :2], atol=1e-5)


@pytest.mark.parametrize("rate", [10, 15, 30, 60])
def test_exposures_follow_the_frame_rate_and_include_both_ends(rate: int) -> None:
    for times, seconds in zip(expose(frame_rate=(rate, rate)), (4.0, 2.0), strict=True):
        assert (times[0], times[-1]) == (0, seconds)
        assert (np.diff(times) >= 0).all()
        assert abs(len(np.unique(times)) - seconds * rate) <= 3


def test_dropped_frames_are_missing() -> None:
    def mean_count(dropped: float) -> float:
        return float(np.mean([len(np.unique(expose(s, dropped=dropped)[0])) for s in range(20)]))

    assert 0.6 * mean_count(0) < mean_count(0.5) < 0.9 * mean_count(0)


def test_mirror_gives_the_mirror_image() -> None:
    expected = mirrored(walking_joints())
    np.testing.assert_allclose(simulate(mirror=1, walking=True), expected, atol=1e-5)


def test_requested_share_of_windows_is_mirrored() -> None:
    windows = [simulate(seed, mirror=0.5) for seed in range(60)]
    flipped = [not np.allclose(joints, ideal_joints(), atol=1e-4) for joints in windows]
    assert 15 < sum(flipped) < 45


@pytest.mark.parametrize("setting", ["heading", "pitch", "roll"])
def test_camera_rotation_keeps_distances_from_the_hips(setting: str) -> None:
    settings: dict[str, Any] = {setting: 20.0}
    joints = simulate(**settings)
    assert np.abs(joints - ideal_joints()).max() > 0.01
    np.testing.assert_allclose(
        np.linalg.norm(joints, axis=-1), np.linalg.norm(ideal_joints(), axis=-1), atol=1e-5
    )


def test_heading_moves_no_joint_up_or_down() -> None:
    np.testing.assert_allclose(simulate(heading=40.0)[..., 1], ideal_joints()[..., 1], atol=1e-5)


def test_motion_of_any_heading_is_recorded_from_all_sides() -> None:
    times = torch.from_numpy(TIMES).float().repeat(200, 1)
    joints = torch.from_numpy(ideal_joints()).repeat(200, 1, 1, 1)
    chosen = torch.arange(200) < 100
    simulated = simulate_camera(times, joints, IDEAL, generator(), any_heading=chosen)
    angles = heading_angles(simulated)
    assert angles[100:].abs().max() < 1e-4
    assert np.histogram(angles[:100], bins=4, range=(-np.pi, np.pi))[0].min() > 10


def test_scaled_limbs_keep_their_direction_and_symmetry() -> None:
    joints, before = simulate(limbs=0.3), ideal_joints()
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
        return float(np.concatenate([joints - ideal_joints() for joints in windows]).std())

    assert error(0.0) < 1e-6
    assert error(1.0) == pytest.approx(2 * error(0.5), rel=0.01)
    assert 0.03 < error(1.0) < 0.1


def test_track_keeps_its_heading_and_gets_the_noise_of_tracks() -> None:
    settings: dict[str, Any] = {"heading": 40.0, "pitch": 10.0, "noise": (1.0, 1.0)}
    joints = simulate(estimated=True, **settings, track_noise=0.0)
    np.testing.assert_allclose(joints, ideal_joints(), atol=1e-5)
    noisy = simulate(estimated=True, **settings, track_noise=1.0)
    assert np.abs(noisy - ideal_joints()).max() > 0.01


def test_requested_share_of_joints_is_displaced() -> None:
    displaced = []
    for seed in range(20):
        joints = simulate(seed, thrown_share=0.1, thrown=0.08)
        displaced.append(np.abs(joints - ideal_joints()).max(axis=(0, 2)) > 0.05)
    assert 0.03 < np.mean(displaced) < 0.2


def test_same_seed_gives_same_augmentation() -> None:
    settings: dict[str, Any] = {"heading": 26.0, "noise": (0.5, 1.0), "limbs": 0.1, "mirror": 0.5}
    np.testing.assert_array_equal(simulate(3, **settings), simulate(3, **settings))
    assert not np.array_equal(simulate(3, **settings), simulate(4, **settings))
    np.testing.assert_array_equal(expose(3, dropped=0.2), expose(3, dropped=0.2))


def test_camera_that_follows_the_dancer_shortens_the_path_of_the_pelvis() -> None:
    path, kept = pelvis(walking_joints()), []
    for seed in range(20):
        joints = simulate(seed, walking=True, follow=1)
        np.testing.assert_allclose(pelvis_centred(joints), ideal_joints(), atol=1e-5)
        kept.append((pelvis(joints) * path).sum() / (path**2).sum())
        np.testing.assert_allclose(pelvis(joints), kept[-1] * path, atol=1e-5)
    assert 0 <= min(kept) < 0.3 < 0.7 < max(kept) < 1


def test_camera_that_turns_away_adds_a_constant_velocity() -> None:
    velocities = []
    for seed in range(60):
        moved = pelvis(simulate(seed, walking=True, pan=0.1)) - pelvis(walking_joints())
        velocities.append(moved[-1] / TIMES[-1])
        np.testing.assert_allclose(moved, velocities[-1] * TIMES[:, None], atol=1e-5)
    assert np.std(velocities) == pytest.approx(0.1, rel=0.2)


def test_dancer_who_turns_to_the_side_walks_towards_the_camera_or_away_from_it() -> None:
    path = pelvis(simulate(walking=True, heading=40.0))
    lengths = [np.linalg.norm(p[-1] - p[0]) for p in (path, pelvis(walking_joints()))]
    assert lengths[0] == pytest.approx(lengths[1], abs=1e-4)
    assert abs(np.ptp(path[:, 2])) > 0.1
