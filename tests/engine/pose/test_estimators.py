from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from engine.pose.estimator import PoseEstimator, PoseModelError, open_estimator
from engine.skeleton import JOINTS, Pose
from stream.sources.pattern import drawn_figure

Image = NDArray[np.uint8]


@pytest.fixture
def estimator(pose_model: Path) -> Iterator[PoseEstimator]:
    with open_estimator(pose_model) as estimator:
        yield estimator


@pytest.fixture(scope="module")
def images(sample_clip: Path) -> list[Image]:
    """Half a second of a real person standing and moving."""
    reader = cv2.VideoCapture(str(sample_clip))
    reader.set(cv2.CAP_PROP_POS_FRAMES, 100)
    return [reader.read()[1].astype(np.uint8) for _ in range(15)]


def pose_in(estimator: PoseEstimator, image: Image, time: float) -> Pose | None:
    found = estimator.landmarks(image, time)
    return None if found is None else found.pose()


def joint(pose: Pose | None, name: str) -> NDArray[np.float32]:
    assert pose is not None
    found: NDArray[np.float32] = pose.joints[JOINTS.index(name)]
    return found


def test_a_real_person_is_found_upright_in_metres(
    estimator: PoseEstimator, images: list[Image]
) -> None:
    pose = [pose_in(estimator, image, n / 30) for n, image in enumerate(images)][-1]
    height = joint(pose, "nose")[1] - joint(pose, "left_ankle")[1]
    assert 1.0 < height < 2.0
    assert joint(pose, "left_knee")[1] < joint(pose, "left_hip")[1] < joint(pose, "nose")[1]
    assert pose is not None
    assert pose.joints.shape == (17, 3)
    assert pose.joints.dtype == np.float32
    assert pose.visibility.shape == (17,)
    assert pose.visibility[JOINTS.index("left_shoulder")] > 0.9


def test_all_landmarks_of_a_person_are_told_where_they_are_wanted(
    estimator: PoseEstimator, images: list[Image], pose_model: Path
) -> None:
    found = estimator.landmarks(images[0], 0.0)
    assert found is not None
    assert (found.world.shape, found.image.shape) == ((33, 3), (33, 3))
    for array in (found.world, found.image, found.visibility):
        assert array.dtype == np.float32
    nose, left_ankle = found.image[0], found.image[27]
    assert 0 < nose[1] < left_ankle[1] < 1.05
    with open_estimator(pose_model) as other:
        pose = pose_in(other, images[0], 0.0)
    assert pose is not None
    assert np.array_equal(found.pose().joints, pose.joints)
    assert np.array_equal(found.pose().visibility, pose.visibility)


def test_the_pelvis_is_the_origin(estimator: PoseEstimator, images: list[Image]) -> None:
    pose = pose_in(estimator, images[0], 0.0)
    assert np.allclose(joint(pose, "left_hip") + joint(pose, "right_hip"), 0, atol=1e-6)


def test_x_points_to_the_right_of_the_image_and_y_up(estimator: PoseEstimator) -> None:
    # The drawn figure raises the hand at the right of the image.
    pose = pose_in(estimator, drawn_figure(0.2), 0.0)
    left, right = sorted((joint(pose, "left_wrist"), joint(pose, "right_wrist")), key=itemgetter(0))
    assert left[0] < -0.2 < 0.2 < right[0]
    assert left[1] + 0.2 < right[1]


def test_an_empty_room_has_no_pose(estimator: PoseEstimator) -> None:
    assert pose_in(estimator, np.zeros((120, 160, 3), np.uint8), 0.0) is None
    assert estimator.landmarks(np.zeros((120, 160, 3), np.uint8), 0.1) is None


def test_frames_at_the_same_instant_or_back_in_time_are_taken(
    estimator: PoseEstimator, images: list[Image]
) -> None:
    for time in (5.0, 5.0, 5.0002, 4.0, 5.1):
        assert pose_in(estimator, images[0], time) is not None


def test_a_reset_forgets_what_came_before(
    estimator: PoseEstimator, images: list[Image], pose_model: Path
) -> None:
    with open_estimator(pose_model) as fresh:
        expected = [pose_in(fresh, image, n / 30) for n, image in enumerate(images[5:8])]
    for n, image in enumerate(images):
        pose_in(estimator, image[:, ::-1].copy(), 100 + n / 30)
    estimator.reset("test")
    again = [pose_in(estimator, image, n / 30) for n, image in enumerate(images[5:8])]
    for one, other in zip(expected, again, strict=True):
        assert one is not None
        assert other is not None
        assert np.allclose(one.joints, other.joints, atol=1e-3)


def test_resets_take_no_more_memory_and_no_thread(
    estimator: PoseEstimator, images: list[Image]
) -> None:
    process = psutil.Process()
    pose_in(estimator, images[0], 0.0)
    before, threads = process.memory_info().rss, process.num_threads()
    for n in range(20):
        estimator.reset("test")
        assert pose_in(estimator, images[0], float(n)) is not None
    assert process.memory_info().rss - before < 20e6
    assert process.num_threads() == threads


def test_a_reset_brings_back_an_estimator_that_takes_nothing_more(
    estimator: PoseEstimator, images: list[Image]
) -> None:
    pose_in(estimator, images[0], 0.0)
    with pytest.raises(ValueError, match="timestamp"):
        pose_in(estimator, images[0], 1e300)
    estimator.reset("test")
    assert pose_in(estimator, images[0], 1.0) is not None


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
    ],
    ids=["grey", "with alpha", "float"],
)
def test_an_image_of_another_form_is_refused(estimator: PoseEstimator, image: Image) -> None:
    with pytest.raises(ValueError, match="uint8"):
        pose_in(estimator, image, 0.0)


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PoseModelError, match=r"no such file: .*gone\.task"):
        open_estimator(tmp_path / "gone.task")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_pose_model_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "wrong.task"
    file.write_bytes(content)
    with pytest.raises(PoseModelError, match=r"wrong\.task: not a pose model"):
        open_estimator(file)


def test_a_pose_model_that_is_cut_short_is_named(tmp_path: Path, pose_model: Path) -> None:
    file = tmp_path / "short.task"
    file.write_bytes(pose_model.read_bytes()[:1_000_000])
    with pytest.raises(PoseModelError, match=r"short\.task: not a pose model"):
        open_estimator(file)
