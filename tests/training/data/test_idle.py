import numpy as np
import pytest

from dancetype.engine.skeleton import JOINTS, Array, pelvis_centred
from dancetype.engine.window import WindowSpec, cut_window
from dancetype.training.data.aist import FRAMES_PER_SECOND, repair_jumps
from dancetype.training.data.idle import (
    HELD_OUT_KINDS,
    KINDS,
    TRAINED_KINDS,
    IdleMotion,
    freeze_pose,
    idle_motions,
)

MOTIONS = idle_motions(3 * len(KINDS), seed=1)
BONES = (
    ("hip", "knee"),
    ("knee", "ankle"),
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
)


def joint(joints: Array, name: str) -> Array:
    result: Array = joints[:, JOINTS.index(name)]
    return result


def joints_of_kind(kind: str, count: int = 6) -> list[Array]:
    return [motion.joints for motion in idle_motions(count, seed=5, kinds=(kind,))]


def test_kinds_alternate_and_motions_have_the_requested_length() -> None:
    assert [motion.kind for motion in MOTIONS] == 3 * list(KINDS)
    assert len({motion.name for motion in MOTIONS}) == len(MOTIONS)
    for motion in idle_motions(2, seed=0, seconds=3):
        assert motion.joints.shape == (181, 17, 3)
        assert motion.joints.dtype == np.float32


def test_no_kind_is_both_trained_on_and_held_out() -> None:
    assert not set(TRAINED_KINDS) & set(HELD_OUT_KINDS)
    assert set(TRAINED_KINDS) | set(HELD_OUT_KINDS) == set(KINDS)


def test_motion_depends_on_the_seed_and_not_on_the_count() -> None:
    few, many = idle_motions(3, seed=2), idle_motions(20, seed=2)
    for motion, same_motion in zip(few, many, strict=False):
        np.testing.assert_array_equal(motion.joints, same_motion.joints)
    assert np.abs(idle_motions(1, seed=3)[0].joints - few[0].joints).max() > 0.01


@pytest.mark.parametrize("kinds", [("dancing",), ()])
def test_unknown_or_no_kinds_are_rejected(kinds: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="kinds are standing"):
        idle_motions(1, seed=0, kinds=kinds)


@pytest.mark.parametrize("motion", MOTIONS, ids=lambda motion: motion.name)
def test_limbs_keep_their_length_and_are_symmetric(motion: IdleMotion) -> None:
    for start, end in BONES:
        lengths = {
            side: np.linalg.norm(
                joint(motion.joints, f"{side}_{start}") - joint(motion.joints, f"{side}_{end}"),
                axis=-1,
            )
            for side in ("left", "right")
        }
        assert all(length.std() < 0.01 for length in lengths.values())
        assert 0.15 < lengths["left"].mean() < 0.6
        assert abs(lengths["left"].mean() - lengths["right"].mean()) < 0.01


@pytest.mark.parametrize("motion", MOTIONS, ids=lambda motion: motion.name)
def test_no_joint_jumps_or_sinks_into_the_floor(motion: IdleMotion) -> None:
    _, repaired = repair_jumps(motion.joints)
    assert repaired == 0
    assert motion.joints[..., 1].min() > -0.03
    lowest = motion.joints[:, [-2, -1], 1].min(axis=1)
    assert np.median(lowest) < 0.2


@pytest.mark.parametrize("motion", MOTIONS, ids=lambda motion: motion.name)
def test_a_window_can_be_cut_from_each_motion(motion: IdleMotion) -> None:
    times = np.arange(len(motion.joints)) / FRAMES_PER_SECOND
    window = cut_window(times, motion.joints, WindowSpec(4, 1, 60), end=times[-1])
    assert window.features is not None
    assert np.isfinite(window.features).all()


def test_lower_foot_does_not_slide_while_walking() -> None:
    slides = []
    for joints in joints_of_kind("walking"):
        ankles = joints[:, [-2, -1]]
        step = np.linalg.norm(np.diff(ankles[..., [0, 2]], axis=0), axis=-1) * FRAMES_PER_SECOND
        slides.append(step[np.arange(len(step)), ankles[:-1, :, 1].argmin(axis=1)])
    assert np.median(np.concatenate(slides)) < 0.15


def test_walking_cadence_is_that_of_an_adult() -> None:
    for joints in joints_of_kind("walking"):
        difference = joint(joints, "left_ankle")[:, 1] - joint(joints, "right_ankle")[:, 1]
        spectrum = np.abs(np.fft.rfft(difference - difference.mean()))
        cycles = np.fft.rfftfreq(len(difference), 1 / FRAMES_PER_SECOND)[spectrum.argmax()]
        assert 0.5 <= cycles <= 1.2


def test_walking_people_travel_and_standing_people_stay() -> None:
    for kind, shortest, longest in (("walking", 1.0, 20.0), ("standing", 0.0, 0.4)):
        for joints in joints_of_kind(kind):
            distance = np.ptp(joint(joints, "left_hip")[:, [0, 2]], axis=0).max()
            assert shortest <= distance <= longest, kind


def test_both_feet_leave_the_floor_when_running_but_not_when_walking() -> None:
    def airborne_share(joints: Array) -> float:
        lowest = joints[:, [-2, -1], 1].min(axis=1)
        return float((lowest > np.percentile(lowest, 2) + 0.05).mean())

    assert min(airborne_share(joints) for joints in joints_of_kind("running")) > 0.05
    assert max(airborne_share(joints) for joints in joints_of_kind("walking")) < 0.02


def test_hips_go_down_when_sitting_or_bending() -> None:
    for kind in ("sitting", "perching", "bending"):
        drops = [np.ptp(joint(joints, "left_hip")[:, 1]) for joints in joints_of_kind(kind)]
        assert max(drops) > 0.2, kind


@pytest.mark.parametrize("kind", ["kicking", "karate"])
def test_a_kick_lifts_only_one_foot(kind: str) -> None:
    for joints in joints_of_kind(kind):
        heights = np.ptp(joints[:, [-2, -1], 1], axis=0)
        assert heights.max() > 0.15
        assert heights.min() < 0.1


def test_frozen_pose_hardly_moves() -> None:
    dance = MOTIONS[KINDS.index("exercise")].joints
    frozen = freeze_pose(dance, 2.0, seed=0, seconds=5)
    assert frozen.shape == (301, 17, 3)
    assert np.abs(frozen - dance[120]).max() < 0.1
    assert 0 < np.linalg.norm(np.diff(frozen, axis=0), axis=-1).mean() * FRAMES_PER_SECOND < 0.1
    np.testing.assert_array_equal(freeze_pose(dance, 99.0, seed=0)[0].shape, (17, 3))


def test_people_differ() -> None:
    poses = [pelvis_centred(joints)[0] for joints in joints_of_kind("standing")]
    differences = [np.abs(a - b).max() for a in poses for b in poses if a is not b]
    assert min(differences) > 0.03
