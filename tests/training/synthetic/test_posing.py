import numpy as np
import pytest

from dancetype.engine.skeleton import JOINTS, Array
from dancetype.training.synthetic.body import BONE_INDEX, FACE_JOINTS, Body, bone_starting_at
from dancetype.training.synthetic.posing import SkeletonMotion, pose_body
from tests.training.motion import rotation_about_y

LIMB_JOINTS = [name for name in JOINTS if name not in FACE_JOINTS]


def bone_starts(motion: SkeletonMotion, joint: str) -> Array:
    """Return the start (T, 3) of the bone that starts at a joint."""
    return motion.heads[:, BONE_INDEX[bone_starting_at(joint)]]


@pytest.mark.parametrize("joint", LIMB_JOINTS)
def test_limb_bones_start_at_the_joints_of_the_motion_capture(
    body: Body, dance: Array, joint: str
) -> None:
    motion = pose_body(body, dance, 60)
    expected = dance[:, JOINTS.index(joint)]
    assert np.abs(bone_starts(motion, joint) - expected).max() < 1e-5


def test_rotations_are_orthogonal_without_reflection(body: Body, dance: Array) -> None:
    rotations = pose_body(body, dance, 60).rotations
    gram = rotations @ np.swapaxes(rotations, -1, -2)
    assert np.abs(gram - np.eye(3)).max() < 1e-4
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-4)


def test_rest_pose_has_no_rotations_except_in_the_feet(body: Body) -> None:
    at_rest = np.repeat(body.joints[None], 5, axis=0)
    motion = pose_body(body, at_rest, 60)
    feet = [BONE_INDEX[name] for name in ("foot.L", "foot.R")]
    other_rotations = np.delete(motion.rotations, feet, axis=1)
    assert np.abs(other_rotations - np.eye(3)).max() < 0.05
    np.testing.assert_allclose(motion.scales, 1, atol=0.01)


def test_rotating_the_dance_rotates_all_bones(body: Body, dance: Array) -> None:
    rotation = rotation_about_y(0.9)
    original = pose_body(body, dance, 60).rotations
    rotated = pose_body(body, dance @ rotation.T, 60).rotations
    np.testing.assert_allclose(rotated, rotation @ original, atol=1e-3)


def test_body_scales_with_the_dancer(body: Body, dance: Array) -> None:
    motion = pose_body(body, dance * np.float32(1.2), 60)
    np.testing.assert_allclose(motion.scales, 1.2, atol=0.05)


def test_long_forearm_does_not_lengthen_the_thigh(body: Body, dance: Array) -> None:
    longer = dance.copy()
    for side in ("left", "right"):
        elbow, wrist = JOINTS.index(f"{side}_elbow"), JOINTS.index(f"{side}_wrist")
        longer[:, wrist] += 0.2 * (dance[:, wrist] - dance[:, elbow])
    scales = pose_body(body, longer, 60).scales
    assert scales[BONE_INDEX["lowerarm01.L"]] > 1.1
    assert scales[BONE_INDEX["upperleg01.L"]] == pytest.approx(1, abs=0.05)


def test_knee_bends_backwards_about_the_line_between_the_hips(body: Body, dance: Array) -> None:
    bent = dance.copy()
    for side in ("left", "right"):
        bent[:, JOINTS.index(f"{side}_knee"), 2] += 0.25
    motion = pose_body(body, bent, 60)
    thigh = motion.rotations[:, BONE_INDEX["upperleg01.L"]]
    shank = motion.rotations[:, BONE_INDEX["lowerleg01.L"]]
    # The front of thigh and shank still faces forward.
    assert (thigh[:, 2, 2] > 0.5).all()
    assert (shank[:, 2, 2] > 0.5).all()
    assert (thigh[:, :, 0] @ np.array([1, 0, 0]) > 0.9).all()


def test_foot_is_flat_if_the_ankle_is_low(body: Body, dance: Array) -> None:
    foot = pose_body(body, dance, 60).rotations[:, BONE_INDEX["foot.L"]]
    assert (foot[:, 1, 1] > 0.98).all()


def test_head_rotates_with_the_face(body: Body) -> None:
    joints = np.repeat(body.joints[None], 5, axis=0)
    rotation = rotation_about_y(0.8)
    centre = body.joints[: len(FACE_JOINTS)].mean(axis=0)
    joints[:, : len(FACE_JOINTS)] = (body.joints[: len(FACE_JOINTS)] - centre) @ rotation.T + centre
    motion = pose_body(body, joints, 60)
    np.testing.assert_allclose(motion.rotations[:, BONE_INDEX["head"]], [rotation] * 5, atol=1e-3)


def test_fully_extended_limbs_give_finite_rotations(body: Body) -> None:
    joints = np.repeat(body.joints[None], 5, axis=0)
    for start, middle, end in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")):
        for side in ("left", "right"):
            a, b, c = (JOINTS.index(f"{side}_{name}") for name in (start, middle, end))
            joints[:, b] = joints[:, a] + [0, -0.3, 0]
            joints[:, c] = joints[:, a] + [0, -0.6, 0]
    motion = pose_body(body, joints, 60)
    assert np.isfinite(motion.rotations).all()
    assert np.isfinite(motion.heads).all()
