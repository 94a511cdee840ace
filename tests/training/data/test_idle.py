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
JACKS = "jumping_jacks"
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
    assert motion.joints[:, [-2, -1], 1].min() > 0.04
    # A person stands on the feet or on the knees.
    lowest = motion.joints[:, -4:, 1].min(axis=1)
    assert np.median(lowest) < 0.2


@pytest.mark.parametrize("motion", MOTIONS, ids=lambda motion: motion.name)
def test_a_window_can_be_cut_from_each_motion(motion: IdleMotion) -> None:
    times = np.arange(len(motion.joints)) / FRAMES_PER_SECOND
    window = cut_window(times, motion.joints, WindowSpec(4, 1, 60), end=times[-1])
    assert window.features is not None
    assert np.isfinite(window.features).all()


@pytest.mark.parametrize("kind", KINDS)
def test_joints_move_at_plausible_speeds(kind: str) -> None:
    for joints in joints_of_kind(kind):
        speed = np.linalg.norm(np.diff(pelvis_centred(joints), axis=0), axis=-1)
        mean = float(speed.mean()) * FRAMES_PER_SECOND
        assert 0.05 < mean < 2
        assert np.percentile(speed, 99) * FRAMES_PER_SECOND < 8


@pytest.mark.parametrize("kind", KINDS)
def test_two_people_of_a_kind_move_differently(kind: str) -> None:
    first, second = (
        pelvis_centred(idle_motions(1, seed=seed, kinds=(kind,))[0].joints) for seed in (8, 9)
    )
    assert np.abs(first - second).max(axis=(1, 2)).mean() > 0.1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "running"])
def test_feet_on_the_floor_do_not_slide(kind: str) -> None:
    slides = []
    for joints in joints_of_kind(kind):
        ankles = joints[:, [-2, -1]]
        step = np.linalg.norm(np.diff(ankles[..., [0, 2]], axis=0), axis=-1) * FRAMES_PER_SECOND
        on_floor = ankles[:-1, :, 1] < np.percentile(ankles[..., 1], 5) + 0.03
        slides.append(step[on_floor])
    # Noise alone gives 0.07 m/s.
    assert np.concatenate(slides).mean() < 0.25


def repetitions_per_second(motion: Array) -> float:
    """Return the frequency of the strongest oscillation of a coordinate (T,), in hertz."""
    spectrum = np.abs(np.fft.rfft(motion - motion.mean()))
    return float(np.fft.rfftfreq(len(motion), 1 / FRAMES_PER_SECOND)[spectrum.argmax()])


def test_people_exercise_at_different_tempos() -> None:
    jacks = [joint(j, "left_ankle") - joint(j, "right_ankle") for j in joints_of_kind(JACKS, 12)]
    frequencies = [repetitions_per_second(np.linalg.norm(apart, axis=-1)) for apart in jacks]
    assert 0.4 < min(frequencies) < max(frequencies) < 2.2
    assert max(frequencies) > 1.6 * min(frequencies)


def test_tempo_of_a_person_drifts() -> None:
    (motion,) = idle_motions(1, seed=2, kinds=("squats",), seconds=60)
    height = joint(motion.joints, "left_hip")[:, 1]
    down = height < height.mean()
    starts = np.flatnonzero(down[1:] & ~down[:-1])
    assert len(starts) > 8
    assert np.diff(starts).std() > 0.03 * np.diff(starts).mean()


def test_both_feet_leave_the_floor_and_move_apart_in_jumping_jacks() -> None:
    for joints in joints_of_kind(JACKS):
        ankles = joints[:, [-2, -1]]
        lowest = ankles[..., 1].min(axis=1)
        assert (lowest > np.percentile(lowest, 5) + 0.02).mean() > 0.05
        assert np.ptp(np.linalg.norm(ankles[:, 0] - ankles[:, 1], axis=-1)) > 0.2


def test_hips_go_down_between_feet_that_stay_in_squats() -> None:
    for joints in joints_of_kind("squats"):
        hips, ankles = joint(joints, "left_hip"), joint(joints, "left_ankle")
        assert np.ptp(hips[:, 1]) > 0.2
        assert ankles[:, [0, 2]].std(axis=0).max() < 0.15


def test_hands_stay_in_place_while_the_shoulders_go_down_in_pushups() -> None:
    for joints in joints_of_kind("pushups"):
        shoulder, hip = joint(joints, "left_shoulder"), joint(joints, "left_hip")
        assert np.ptp(shoulder[:, 1]) > 0.1
        for name in ("left_wrist", "right_wrist"):
            assert joint(joints, name).std(axis=0).max() < 0.03
        trunk = shoulder - hip
        assert (np.abs(trunk[:, 1]) / np.linalg.norm(trunk, axis=-1)).max() < 0.75


def test_tai_chi_and_yoga_are_slower_than_boxing() -> None:
    speed = {
        kind: np.mean(
            [np.abs(np.diff(joint(j, "left_wrist"), axis=0)) for j in joints_of_kind(kind)]
        )
        for kind in ("tai_chi", "yoga", "boxing")
    }
    assert 2 * max(speed["tai_chi"], speed["yoga"]) < speed["boxing"]


def test_people_on_the_floor_are_mostly_recorded_from_the_side() -> None:
    from_the_side = {
        kind: np.mean(
            [
                45 < abs(motion.heading) < 135
                for motion in idle_motions(100, seed=1, kinds=(kind,), seconds=0.1)
            ]
        )
        for kind in ("pushups", "standing")
    }
    assert from_the_side["pushups"] > 0.5
    assert 0.02 < from_the_side["standing"] < 0.4


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
