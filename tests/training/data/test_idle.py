import numpy as np
import pytest

from dancetype.engine.skeleton import JOINTS, Array, pelvis_centred
from dancetype.engine.window import WindowSpec, cut_window
from dancetype.training.data.aist import FRAMES_PER_SECOND, mend_jumps
from dancetype.training.data.idle import (
    HELD_OUT_KINDS,
    KINDS,
    TRAINED_KINDS,
    Idle,
    freeze_pose,
    idle_motions,
)

EACH = idle_motions(3 * len(KINDS), seed=1)
BONES = (
    ("hip", "knee"),
    ("knee", "ankle"),
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
)


def joint(joints: Array, name: str) -> Array:
    result: Array = joints[:, JOINTS.index(name)]
    return result


def of_kind(kind: str, count: int = 6) -> list[Array]:
    return [idle.joints for idle in idle_motions(count, seed=5, kinds=(kind,))]


def test_each_kind_comes_up_in_turn_and_fills_the_time() -> None:
    assert [idle.kind for idle in EACH] == 3 * list(KINDS)
    assert len({idle.name for idle in EACH}) == len(EACH)
    for idle in idle_motions(2, seed=0, seconds=3):
        assert idle.joints.shape == (181, 17, 3)
        assert idle.joints.dtype == np.float32


def test_no_kind_is_both_trained_on_and_held_out() -> None:
    assert not set(TRAINED_KINDS) & set(HELD_OUT_KINDS)
    assert set(TRAINED_KINDS) | set(HELD_OUT_KINDS) == set(KINDS)


def test_the_same_seed_makes_the_same_people_however_many_are_asked_for() -> None:
    few, many = idle_motions(3, seed=2), idle_motions(20, seed=2)
    for one, other in zip(few, many, strict=False):
        np.testing.assert_array_equal(one.joints, other.joints)
    assert np.abs(idle_motions(1, seed=3)[0].joints - few[0].joints).max() > 0.01


@pytest.mark.parametrize("kinds", [("dancing",), ()])
def test_unknown_kinds_and_none_are_refused(kinds: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="kinds are standing"):
        idle_motions(1, seed=0, kinds=kinds)


@pytest.mark.parametrize("idle", EACH, ids=lambda idle: idle.name)
def test_limbs_keep_their_length_and_are_alike_left_and_right(idle: Idle) -> None:
    for one, other in BONES:
        lengths = {
            side: np.linalg.norm(
                joint(idle.joints, f"{side}_{one}") - joint(idle.joints, f"{side}_{other}"), axis=-1
            )
            for side in ("left", "right")
        }
        assert all(length.std() < 0.01 for length in lengths.values())
        assert 0.15 < lengths["left"].mean() < 0.6
        assert abs(lengths["left"].mean() - lengths["right"].mean()) < 0.01


@pytest.mark.parametrize("idle", EACH, ids=lambda idle: idle.name)
def test_nothing_leaps_or_sinks_into_the_floor(idle: Idle) -> None:
    _, mended = mend_jumps(idle.joints)
    assert mended == 0
    assert idle.joints[..., 1].min() > -0.03
    lowest = idle.joints[:, [-2, -1], 1].min(axis=1)
    assert np.median(lowest) < 0.2


@pytest.mark.parametrize("idle", EACH, ids=lambda idle: idle.name)
def test_the_model_can_be_shown_each_of_them(idle: Idle) -> None:
    times = np.arange(len(idle.joints)) / FRAMES_PER_SECOND
    window = cut_window(times, idle.joints, WindowSpec(4, 1, 60), end=times[-1])
    assert window.features is not None
    assert np.isfinite(window.features).all()


def test_whoever_walks_keeps_the_lower_foot_in_its_place() -> None:
    slides = []
    for joints in of_kind("walking"):
        ankles = joints[:, [-2, -1]]
        step = np.linalg.norm(np.diff(ankles[..., [0, 2]], axis=0), axis=-1) * FRAMES_PER_SECOND
        slides.append(step[np.arange(len(step)), ankles[:-1, :, 1].argmin(axis=1)])
    assert np.median(np.concatenate(slides)) < 0.15


def test_walkers_take_steps_as_often_as_people_do() -> None:
    for joints in of_kind("walking"):
        apart = joint(joints, "left_ankle")[:, 1] - joint(joints, "right_ankle")[:, 1]
        spectrum = np.abs(np.fft.rfft(apart - apart.mean()))
        cycles = np.fft.rfftfreq(len(apart), 1 / FRAMES_PER_SECOND)[spectrum.argmax()]
        assert 0.5 <= cycles <= 1.2


def test_walkers_go_somewhere_and_those_who_stand_stay() -> None:
    for kind, least, most in (("walking", 1.0, 20.0), ("standing", 0.0, 0.4)):
        for joints in of_kind(kind):
            gone = np.ptp(joint(joints, "left_hip")[:, [0, 2]], axis=0).max()
            assert least <= gone <= most, kind


def test_runners_leave_the_floor_and_walkers_never_do() -> None:
    def aloft(joints: Array) -> float:
        lowest = joints[:, [-2, -1], 1].min(axis=1)
        return float((lowest > np.percentile(lowest, 2) + 0.05).mean())

    assert min(aloft(joints) for joints in of_kind("running")) > 0.05
    assert max(aloft(joints) for joints in of_kind("walking")) < 0.02


def test_whoever_sits_comes_down_by_a_thigh_and_gets_up_again() -> None:
    for kind in ("sitting", "perching", "bending"):
        drops = [np.ptp(joint(joints, "left_hip")[:, 1]) for joints in of_kind(kind)]
        assert max(drops) > 0.2, kind


@pytest.mark.parametrize("kind", ["kicking", "karate"])
def test_a_kick_lifts_one_foot_far_and_the_other_stays_down(kind: str) -> None:
    for joints in of_kind(kind):
        heights = np.ptp(joints[:, [-2, -1], 1], axis=0)
        assert heights.max() > 0.15
        assert heights.min() < 0.1


def test_a_pose_taken_out_of_a_dance_hardly_moves() -> None:
    dance = EACH[KINDS.index("exercise")].joints
    held = freeze_pose(dance, 2.0, seed=0, seconds=5)
    assert held.shape == (301, 17, 3)
    assert np.abs(held - dance[120]).max() < 0.1
    assert 0 < np.linalg.norm(np.diff(held, axis=0), axis=-1).mean() * FRAMES_PER_SECOND < 0.1
    np.testing.assert_array_equal(freeze_pose(dance, 99.0, seed=0)[0].shape, (17, 3))


def test_people_are_not_all_alike() -> None:
    standing = [pelvis_centred(joints)[0] for joints in of_kind("standing")]
    apart = [
        np.abs(one - other).max() for one in standing for other in standing if one is not other
    ]
    assert min(apart) > 0.03
