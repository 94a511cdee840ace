from dataclasses import replace

import numpy as np
import pytest

from dancetype.engine.landmarks import (
    UNKNOWN_SIZE,
    Landmarks,
    aspect_of,
    coco_joints,
    coco_visibility,
    placed_joints,
)
from dancetype.engine.skeleton import JOINTS, pelvis, pelvis_centred

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


def person(right: float = 0.0, up: float = 0.0, *, aspect: float = 1.0) -> Landmarks:
    """Return a person in an image that is three metres high.

    Args:
        right: Metres from the centre of the image to the pelvis.
        up: Metres from the centre of the image to the pelvis.
        aspect: Width of the image divided by its height.
    """
    rng = np.random.default_rng(0)
    world = rng.normal(0, 0.4, (33, 3))
    world -= world[[23, 24]].mean(axis=0)
    image = np.zeros_like(world)
    image[:, :2] = 0.5 + (world[:, :2] + [right, -up]) / [3 * aspect, 3]
    visibility = rng.uniform(size=33).astype(np.float32)
    return Landmarks(world.astype(np.float32), image.astype(np.float32), visibility, aspect)


@pytest.mark.parametrize("aspect", [9 / 16, 1.0, 16 / 9])
def test_pose_is_at_its_place_in_the_image_in_metres(aspect: float) -> None:
    landmarks = person(0.7, 0.3, aspect=aspect)
    pose = landmarks.pose()
    assert pelvis(pose.joints) == pytest.approx([0.7, 0.3, 0], abs=1e-5)
    expected = pelvis_centred(coco_joints(landmarks.world))
    np.testing.assert_allclose(pelvis_centred(pose.joints), expected, atol=1e-5)
    assert np.array_equal(pose.visibility, coco_visibility(landmarks.visibility))


def test_person_of_no_size_in_the_image_is_at_the_origin() -> None:
    landmarks = replace(person(), image=np.full((33, 3), 0.7, np.float32))
    assert np.abs(pelvis(landmarks.pose().joints)).max() < 1e-5


def test_joints_of_a_clip_are_placed_in_each_frame() -> None:
    people = [person(right, aspect=1.5) for right in (-1.0, 0.0, 2.0)]
    world, image = (
        np.stack([getattr(landmarks, part) for landmarks in people]) for part in ("world", "image")
    )
    world[1] = np.nan
    joints = placed_joints(world, image, 1.5)
    assert np.isnan(joints[1]).all()
    for frame in (0, 2):
        np.testing.assert_array_equal(joints[frame], people[frame].pose().joints)


def test_aspect_follows_from_the_size_of_the_image() -> None:
    landmarks = person(aspect=1.5)
    assert aspect_of((1280, 720), landmarks.world[None], landmarks.image[None]) == 16 / 9


@pytest.mark.parametrize("aspect", [9 / 16, 16 / 9])
def test_unknown_aspect_follows_from_the_landmarks(aspect: float) -> None:
    people = [person(0.1 * frame, aspect=aspect) for frame in range(3)]
    missing = np.full((1, 33, 3), np.nan, np.float32)
    world = np.concatenate([[one.world for one in people], missing])
    image = np.concatenate([[one.image for one in people], missing])
    assert aspect_of(UNKNOWN_SIZE, world, image) == pytest.approx(aspect, rel=1e-4)


@pytest.mark.parametrize("frames", [0, 2])
def test_unknown_aspect_without_a_person_is_1(frames: int) -> None:
    missing = np.full((frames, 33, 3), np.nan, np.float32)
    assert aspect_of(UNKNOWN_SIZE, missing, missing) == 1
