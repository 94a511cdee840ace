import numpy as np
import pytest

from dancetype.engine.skeleton import JOINTS, LEFT_HIP, RIGHT_HIP, Array
from dancetype.training.synthetic.medley import Timeline, join_dances

LIMBS = (
    *(("left_hip", "left_knee"), ("left_knee", "left_ankle"), ("right_elbow", "right_wrist")),
    *(("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")),
)


@pytest.fixture
def dances(dance: Array) -> list[Array]:
    """Two dances of one and two seconds by dancers of different size; the second one travels."""
    longer = np.concatenate([dance, dance]) * np.float32(1.2)
    longer[..., 0] += np.linspace(0, 2, len(longer), dtype=np.float32)[:, None]
    return [dance, longer]


def lengths(joints: Array, start: str, end: str) -> Array:
    difference = joints[:, JOINTS.index(start)] - joints[:, JOINTS.index(end)]
    norms: Array = np.linalg.norm(difference, axis=-1)
    return norms


def frames(span: tuple[float, float]) -> slice:
    return slice(round(span[0] * 60), round(span[1] * 60))


def test_dances_follow_each_other_with_pauses_of_standing_still(dances: list[Array]) -> None:
    joints = join_dances(dances, pause=1.5, seed=0)
    timeline = Timeline(1.5, (1.0, 2.0))
    assert len(joints) == pytest.approx(60 * timeline.duration)
    speed = 60 * np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean(axis=-1)
    for span in timeline.spans:
        assert speed[frames(span)].mean() > 0.1
    (_, first_end), (second_start, _) = timeline.spans
    for still in ((0, 1.4), (first_end + 0.75, second_start - 0.75)):
        assert speed[frames(still)].max() < 0.1


def test_all_dances_have_the_bone_lengths_of_one_body(dances: list[Array]) -> None:
    joints = join_dances(dances, pause=1, seed=0)
    for limb in LIMBS:
        assert np.ptp(lengths(joints, *limb)) < 0.02


def test_dancer_returns_to_where_the_dance_started(dances: list[Array]) -> None:
    joints = join_dances(dances, pause=1, seed=0)
    pelvis = (joints[:, LEFT_HIP] + joints[:, RIGHT_HIP]) / 2
    for start, end in Timeline(1, (1.0, 2.0)).spans:
        ends = pelvis[[round(start * 60), round(end * 60) - 1]]
        assert np.abs(ends[:, [0, 2]]).max() < 0.01


def test_feet_stay_above_the_floor_and_joints_do_not_jump(dances: list[Array]) -> None:
    joints = join_dances(dances, pause=1, seed=0)
    ankles = joints[:, [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")], 1]
    assert ankles.min() > 0.04
    assert np.linalg.norm(np.diff(joints, axis=0), axis=-1).max() < 0.1
