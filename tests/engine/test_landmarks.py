import numpy as np
import pytest

from dancetype.engine.landmarks import Landmarks, coco_joints, coco_visibility
from dancetype.engine.skeleton import JOINTS

# Names of the landmarks in the order of MediaPipe:
# https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker
BLAZEPOSE = [
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
]


def test_coco_joint_is_landmark_with_same_name() -> None:
    visibility = np.arange(33, dtype=np.float32)
    names = [BLAZEPOSE[int(index)] for index in coco_visibility(visibility)]
    assert names == list(JOINTS)


def test_joints_and_visibility_use_same_landmarks() -> None:
    world = np.repeat(np.arange(33, dtype=np.float32)[:, None], 3, axis=1)
    assert np.array_equal(coco_joints(world)[:, 0], coco_visibility(world[:, 0]))


def test_y_points_up_and_z_towards_camera() -> None:
    world = np.broadcast_to(np.array([1, 2, 3], np.float32), (33, 3))
    assert np.array_equal(coco_joints(world), np.broadcast_to([1, -2, -3], (17, 3)))


def test_joints_of_track_equal_joints_of_frames() -> None:
    track = np.random.default_rng(0).normal(size=(5, 33, 3)).astype(np.float32)
    assert np.array_equal(coco_joints(track)[3], coco_joints(track[3]))
    assert coco_joints(track).dtype == np.float32
    assert coco_visibility(track[..., 0]).shape == (5, 17)


@pytest.mark.parametrize("shape", [(17, 3), (33, 2), (33,), (33, 3, 1)])
def test_landmarks_with_another_shape_are_rejected(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="33, 3"):
        coco_joints(np.zeros(shape, np.float32))


def test_visibility_with_another_shape_is_rejected() -> None:
    with pytest.raises(ValueError, match="33"):
        coco_visibility(np.zeros(17, np.float32))


def test_pose_has_pelvis_at_origin() -> None:
    rng = np.random.default_rng(0)
    world = rng.normal(size=(33, 3)).astype(np.float32)
    visibility = rng.uniform(size=33).astype(np.float32)
    pose = Landmarks(world, np.zeros_like(world), visibility).pose()
    left, right = JOINTS.index("left_hip"), JOINTS.index("right_hip")
    assert np.allclose(pose.joints[left] + pose.joints[right], 0, atol=1e-6)
    assert np.allclose(pose.joints[0] - pose.joints[left], (world[0] - world[23]) * [1, -1, -1])
    assert np.array_equal(pose.visibility, coco_visibility(visibility))
