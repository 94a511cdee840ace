import numpy as np
import pytest

from dancetype.engine.media.track import Track
from dancetype.engine.skeleton import JOINTS, Array, pelvis_centred
from dancetype.training.augment.pose_errors import Pair, aligned, heading, measure, pair_with_truth
from dancetype.training.data.aist import AistSequence, SequenceName

NAME = SequenceName.parse("gBR_sBM_cAll_d04_mBR0_ch02")
RNG = np.random.default_rng(3)
DANCE = np.cumsum(RNG.normal(0, 0.01, (120, len(JOINTS), 3)), axis=0).astype(np.float32)
DANCE += RNG.normal(0, 0.4, (len(JOINTS), 3)).astype(np.float32)


def about_y(angle: float) -> Array:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32)


def track_of(joints: Array, *, start: float = 0.5, hidden: int = 0) -> Track:
    """A track in which MediaPipe saw `joints` (T, 17, 3), given in camera axes."""
    from dancetype.engine.landmarks import OF_COCO

    world = np.zeros((len(joints), 33, 3), np.float32)
    world[:, list(OF_COCO)] = joints * np.array([1, -1, -1], np.float32)
    world[:hidden] = np.nan
    return Track(
        "clip",
        "BR",
        np.arange(len(joints)) / 60,
        world,
        np.zeros_like(world),
        np.ones((len(joints), 33), np.float32),
        sequence=NAME.text,
        start=start,
    )


def test_a_perfect_track_from_any_heading_has_no_error() -> None:
    seen = pelvis_centred(DANCE[30:90]) @ about_y(2.0).T
    pair = pair_with_truth(track_of(seen), AistSequence(NAME, DANCE))
    assert np.abs(pair.errors).max() < 1e-4


def test_a_constant_error_is_bias_and_no_jitter() -> None:
    truth = pelvis_centred(DANCE[30:90])
    found = truth.copy()
    wrist = JOINTS.index("left_wrist")
    found[:, wrist] += np.array([0, 0, 0.1], np.float32)
    errors = measure([Pair("clip", np.arange(60) / 60, found, truth)])
    assert errors.bias["left_wrist"] == pytest.approx([0, 0, 10], abs=0.05)
    assert errors.spread["left_wrist"] == pytest.approx([0, 0, 0], abs=0.05)
    assert errors.jitter == pytest.approx([0, 0, 0], abs=0.01)
    assert errors.acceleration == pytest.approx([1, 1, 1, 1], abs=0.01)
    assert errors.hip_centred == pytest.approx(10 / len(JOINTS), abs=0.02)


def test_jitter_is_the_spread_of_independent_errors() -> None:
    truth = np.zeros((4000, len(JOINTS), 3), np.float32)
    found = RNG.normal(0, [0.01, 0.02, 0.03], truth.shape).astype(np.float32)
    still = truth + np.linspace(0, 1, 4000, dtype=np.float32)[:, None, None] ** 2
    errors = measure([Pair("clip", np.arange(4000) / 30, still + found, still)])
    assert errors.jitter == pytest.approx([1, 2, 3], rel=0.03)


def test_alignment_takes_out_shift_turn_and_size() -> None:
    truth = pelvis_centred(DANCE[:20])
    found = (1.3 * truth @ about_y(0.7).T + 0.2).astype(np.float32)
    assert np.abs(aligned(found, truth) - truth).max() < 1e-4


def test_alignment_does_not_mirror() -> None:
    truth = pelvis_centred(DANCE[:20])
    mirror = (truth * np.array([-1, 1, 1])).astype(np.float32)
    assert np.abs(aligned(mirror, truth) - truth).max() > 0.05


def test_the_heading_found_is_a_turn_about_the_vertical() -> None:
    truth = pelvis_centred(DANCE[:20])
    np.testing.assert_allclose(heading(truth, truth @ about_y(-1.1).T), about_y(-1.1), atol=1e-5)


def test_frames_with_nobody_count_in_detection_alone() -> None:
    seen = pelvis_centred(DANCE[30:90])
    errors = measure([pair_with_truth(track_of(seen, hidden=15), AistSequence(NAME, DANCE))])
    assert errors.detection == 0.75
    assert errors.hip_centred < 0.01


def test_a_track_without_a_known_start_has_no_truth() -> None:
    with pytest.raises(ValueError, match="where in its sequence it starts"):
        pair_with_truth(track_of(DANCE[:60], start=float("nan")), AistSequence(NAME, DANCE))


def test_a_track_with_nobody_in_it_has_no_truth() -> None:
    with pytest.raises(ValueError, match="shows nobody"):
        pair_with_truth(track_of(DANCE[:60], hidden=60), AistSequence(NAME, DANCE))


def test_no_tracks_have_no_statistics() -> None:
    with pytest.raises(ValueError, match="no tracks"):
        measure([])
