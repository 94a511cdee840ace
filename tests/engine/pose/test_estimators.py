from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from dancetype.engine.defaults import PoseRuntime
from dancetype.engine.errors import ModelError
from dancetype.engine.pose.base import PoseEstimator
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.skeleton import JOINTS, Pose, pelvis
from dancetype.stream.sources.pattern import draw_figure

Image = NDArray[np.uint8]


@pytest.fixture(params=get_args(PoseRuntime))
def runtime(request: pytest.FixtureRequest) -> PoseRuntime:
    name: PoseRuntime = request.param
    return name


@pytest.fixture
def estimator(pose_model: Path, runtime: PoseRuntime) -> Iterator[PoseEstimator]:
    with open_estimator(pose_model, runtime=runtime) as estimator:
        yield estimator


@pytest.fixture(scope="module")
def images(sample_clip: Path) -> list[Image]:
    """Half a second of a real person who stands and moves."""
    reader = cv2.VideoCapture(str(sample_clip))
    reader.set(cv2.CAP_PROP_POS_FRAMES, 100)
    return [reader.read()[1].astype(np.uint8) for _ in range(15)]


def estimate_pose(estimator: PoseEstimator, image: Image, time: float) -> Pose | None:
    landmarks = estimator.landmarks(image, time)
    return None if landmarks is None else landmarks.pose()


def joint(pose: Pose | None, name: str) -> NDArray[np.float32]:
    assert pose is not None
    position: NDArray[np.float32] = pose.joints[JOINTS.index(name)]
    return position


def test_real_person_is_found_upright_in_metres(
    estimator: PoseEstimator, images: list[Image]
) -> None:
    pose = [estimate_pose(estimator, image, n / 30) for n, image in enumerate(images)][-1]
    height = joint(pose, "nose")[1] - joint(pose, "left_ankle")[1]
    assert 1.0 < height < 2.0
    assert joint(pose, "left_knee")[1] < joint(pose, "left_hip")[1] < joint(pose, "nose")[1]
    assert pose is not None
    assert pose.joints.shape == (17, 3)
    assert pose.joints.dtype == np.float32
    assert pose.visibility.shape == (17,)
    assert pose.visibility[JOINTS.index("left_shoulder")] > 0.9


def test_all_landmarks_match_the_pose_of_a_new_estimator(
    estimator: PoseEstimator, images: list[Image], pose_model: Path, runtime: PoseRuntime
) -> None:
    found = estimator.landmarks(images[0], 0.0)
    assert found is not None
    assert (found.world.shape, found.image.shape) == ((33, 3), (33, 3))
    for array in (found.world, found.image, found.visibility):
        assert array.dtype == np.float32
    nose, left_ankle = found.image[0], found.image[27]
    assert 0 < nose[1] < left_ankle[1] < 1.05
    with open_estimator(pose_model, runtime=runtime) as new_estimator:
        pose = estimate_pose(new_estimator, images[0], 0.0)
    assert pose is not None
    assert np.array_equal(found.pose().joints, pose.joints)
    assert np.array_equal(found.pose().visibility, pose.visibility)


@pytest.mark.parametrize("columns", [slice(None), slice(600, 1400)], ids=["whole", "cropped"])
def test_pose_is_at_its_place_in_an_image_of_any_aspect(
    estimator: PoseEstimator, images: list[Image], columns: slice
) -> None:
    for number in range(3):
        image = np.ascontiguousarray(images[number][:, columns])
        found = estimator.landmarks(image, number / 30)
        assert found is not None
        assert found.aspect == image.shape[1] / image.shape[0]
        right, down = found.image[[23, 24], :2].mean(axis=0) - 0.5
        place = pelvis(found.pose().joints)
        assert place[2] == pytest.approx(0, abs=1e-6)
        metres = place[:2] / [right * found.aspect, -down]
        assert metres[0] == pytest.approx(metres[1], rel=0.01)
        assert 1 < metres[0] < 6


def test_x_axis_points_right_in_the_image_and_y_axis_up(estimator: PoseEstimator) -> None:
    # The drawn figure raises the hand at the right of the image.
    pose = estimate_pose(estimator, draw_figure(0.2), 0.0)
    left, right = sorted((joint(pose, "left_wrist"), joint(pose, "right_wrist")), key=itemgetter(0))
    assert left[0] < -0.2 < 0.2 < right[0]
    assert left[1] + 0.2 < right[1]


def test_frame_without_person_has_no_pose(estimator: PoseEstimator) -> None:
    assert estimate_pose(estimator, np.zeros((120, 160, 3), np.uint8), 0.0) is None
    assert estimator.landmarks(np.zeros((120, 160, 3), np.uint8), 0.1) is None


def test_frames_with_equal_or_falling_times_are_accepted(
    estimator: PoseEstimator, images: list[Image]
) -> None:
    for time in (5.0, 5.0, 5.0002, 4.0, 5.1):
        assert estimate_pose(estimator, images[0], time) is not None


def test_reset_forgets_earlier_frames(
    estimator: PoseEstimator, images: list[Image], pose_model: Path, runtime: PoseRuntime
) -> None:
    with open_estimator(pose_model, runtime=runtime) as new_estimator:
        expected = [
            estimate_pose(new_estimator, image, n / 30) for n, image in enumerate(images[5:8])
        ]
    for n, image in enumerate(images):
        estimate_pose(estimator, image[:, ::-1].copy(), 100 + n / 30)
    estimator.reset("test")
    poses = [estimate_pose(estimator, image, n / 30) for n, image in enumerate(images[5:8])]
    for expected_pose, pose in zip(expected, poses, strict=True):
        assert expected_pose is not None
        assert pose is not None
        assert np.allclose(pose.joints, expected_pose.joints, atol=1e-3)


def test_resets_leak_no_memory_and_no_threads(
    estimator: PoseEstimator, images: list[Image]
) -> None:
    process = psutil.Process()
    estimate_pose(estimator, images[0], 0.0)
    before, threads = process.memory_info().rss, process.num_threads()
    for n in range(20):
        estimator.reset("test")
        assert estimate_pose(estimator, images[0], float(n)) is not None
    assert process.memory_info().rss - before < 20e6
    assert process.num_threads() == threads


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4320, 7680)], ids=str)
def test_black_frame_of_any_size_has_no_person(
    estimator: PoseEstimator, images: list[Image], shape: tuple[int, int]
) -> None:
    assert estimator.landmarks(images[0], 0.0) is not None
    assert estimator.landmarks(np.zeros((*shape, 3), np.uint8), 0.1) is None


def test_person_has_same_position_in_frame_of_another_size(
    estimator: PoseEstimator, images: list[Image]
) -> None:
    small = estimator.landmarks(images[0], 0.0)
    estimator.reset("another source")
    huge = estimator.landmarks(cv2.resize(images[0], None, fx=3, fy=3).astype(np.uint8), 0.0)
    assert small is not None
    assert huge is not None
    assert np.abs(huge.image - small.image)[:, :2].max() < 0.02


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
    ],
    ids=["grey", "with alpha", "float"],
)
def test_image_of_another_shape_or_type_is_rejected(estimator: PoseEstimator, image: Image) -> None:
    with pytest.raises(ValueError, match="uint8"):
        estimate_pose(estimator, image, 0.0)


def test_error_names_missing_model(tmp_path: Path, runtime: PoseRuntime) -> None:
    with pytest.raises(ModelError, match=r"missing\.task: no such file; get a pose model with"):
        open_estimator(tmp_path / "missing.task", runtime=runtime)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_error_names_file_that_is_not_a_pose_model(
    tmp_path: Path, content: bytes, runtime: PoseRuntime
) -> None:
    file = tmp_path / "wrong.task"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"wrong\.task: not a pose model"):
        open_estimator(file, runtime=runtime)


def test_error_names_truncated_pose_model(
    tmp_path: Path, pose_model: Path, runtime: PoseRuntime
) -> None:
    file = tmp_path / "short.task"
    file.write_bytes(pose_model.read_bytes()[:1_000_000])
    with pytest.raises(ModelError, match=r"short\.task: not a pose model"):
        open_estimator(file, runtime=runtime)


def test_both_runtimes_give_same_landmarks(pose_model: Path, images: list[Image]) -> None:
    with (
        open_estimator(pose_model, runtime="mediapipe") as mediapipe,
        open_estimator(pose_model, runtime="litert") as litert,
    ):
        pairs = [
            (mediapipe.landmarks(image, n / 30), litert.landmarks(image, n / 30))
            for n, image in enumerate(images)
        ]
    detected = [(a, b) for a, b in pairs if a is not None and b is not None]
    assert len(detected) == len(images)
    image_errors = [np.abs(a.image - b.image)[:, :2] for a, b in detected]
    world_errors = [np.linalg.norm(a.world - b.world, axis=1) for a, b in detected]
    visibility_errors = [np.abs(a.visibility - b.visibility) for a, b in detected]
    # The two runtimes contain different versions of XNNPACK. On processors with AVX-512 they choose
    # different kernels, whose last bits differ. Tracking then enlarges the difference in a few
    # frames (up to 0.025 of the image here), so the tight bound applies to the median frame.
    assert np.median(np.max(image_errors, axis=(1, 2))) < 0.005
    assert np.max(image_errors) < 0.05
    assert np.mean(world_errors) < 0.01
    assert np.max(visibility_errors) < 0.05


def test_both_runtimes_find_the_same_people(pose_model: Path, images: list[Image]) -> None:
    width = images[0].shape[1]
    person = images[0][:, round(0.4 * width) : round(0.75 * width)]
    pair = np.concatenate((person, person[:, ::-1]), axis=1)
    positions = []
    for runtime in get_args(PoseRuntime):
        with open_estimator(pose_model, runtime=runtime, people=3) as estimator:
            for n in range(3):
                found = estimator.people(pair, n / 30)
            positions.append(sorted(float(person.image[:, 0].mean()) for person in found))
    assert len(positions[0]) == 2
    assert positions[0] == pytest.approx(positions[1], abs=0.01)
