import numpy as np
import pytest

from dancetype.engine.landmarks import COCO_LANDMARKS
from dancetype.engine.media.track import Track
from dancetype.engine.skeleton import JOINTS, Array, pelvis_centred
from dancetype.training.augment.pose_errors import (
    TrackPair,
    align,
    fit_heading,
    measure,
    pair_with_truth,
)
from dancetype.training.data.aist import AistSequence, SequenceName
from tests.training.motion import rotation_about_y

NAME = SequenceName.parse("gBR_sBM_cAll_d04_mBR0_ch02")
RNG = np.random.default_rng(3)
DANCE = np.cumsum(RNG.normal(0, 0.01, (120, len(JOINTS), 3)), axis=0).astype(np.float32)
DANCE += RNG.normal(0, 0.4, (len(JOINTS), 3)).astype(np.float32)


def make_track(joints: Array, *, start: float = 0.5, hidden: int = 0) -> Track:
    """Return a track of `joints` (T, 17, 3) in camera axes, with no person in `hidden` frames."""
    world = np.zeros((len(joints), 33, 3), np.float32)
    world[:, list(COCO_LANDMARKS)] = joints * np.array([1, -1, -1], np.float32)
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


def test_perfect_track_has_no_error_at_any_heading() -> None:
    joints = pelvis_centred(DANCE[30:90]) @ rotation_about_y(2.0).T
    pair = pair_with_truth(make_track(joints), AistSequence(NAME, DANCE))
    assert np.abs(pair.errors).max() < 1e-4


def test_constant_error_is_bias_without_jitter() -> None:
    truth = pelvis_centred(DANCE[30:90])
    estimated = truth.copy()
    wrist = JOINTS.index("left_wrist")
    estimated[:, wrist] += np.array([0, 0, 0.1], np.float32)
    errors = measure([TrackPair("clip", np.arange(60) / 60, estimated, truth)])
    assert errors.bias["left_wrist"] == pytest.approx([0, 0, 10], abs=0.05)
    assert errors.spread["left_wrist"] == pytest.approx([0, 0, 0], abs=0.05)
    assert errors.jitter == pytest.approx([0, 0, 0], abs=0.01)
    assert errors.acceleration == pytest.approx([1, 1, 1, 1], abs=0.01)
    assert errors.hip_centred == pytest.approx(10 / len(JOINTS), abs=0.02)


def test_jitter_is_the_standard_deviation_of_independent_errors() -> None:
    errors = RNG.normal(0, [0.01, 0.02, 0.03], (4000, len(JOINTS), 3)).astype(np.float32)
    truth = np.zeros_like(errors)
    truth += np.linspace(0, 1, 4000, dtype=np.float32)[:, None, None] ** 2
    measured = measure([TrackPair("clip", np.arange(4000) / 30, truth + errors, truth)])
    assert measured.jitter == pytest.approx([1, 2, 3], rel=0.03)


def test_alignment_removes_translation_rotation_and_scale() -> None:
    truth = pelvis_centred(DANCE[:20])
    estimated = (1.3 * truth @ rotation_about_y(0.7).T + 0.2).astype(np.float32)
    assert np.abs(align(estimated, truth) - truth).max() < 1e-4


def test_alignment_does_not_mirror() -> None:
    truth = pelvis_centred(DANCE[:20])
    mirrored = (truth * np.array([-1, 1, 1])).astype(np.float32)
    assert np.abs(align(mirrored, truth) - truth).max() > 0.05


def test_fitted_heading_is_the_rotation_about_the_vertical_axis() -> None:
    truth = pelvis_centred(DANCE[:20])
    rotation = rotation_about_y(-1.1)
    np.testing.assert_allclose(fit_heading(truth, truth @ rotation.T), rotation, atol=1e-5)


def test_frames_without_a_person_count_only_towards_detection() -> None:
    track = make_track(pelvis_centred(DANCE[30:90]), hidden=15)
    errors = measure([pair_with_truth(track, AistSequence(NAME, DANCE))])
    assert errors.detection == 0.75
    assert errors.hip_centred < 0.01


def test_track_with_unknown_start_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="start in the sequence is unknown"):
        pair_with_truth(make_track(DANCE[:60], start=float("nan")), AistSequence(NAME, DANCE))


def test_track_without_a_person_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="no person was detected"):
        pair_with_truth(make_track(DANCE[:60], hidden=60), AistSequence(NAME, DANCE))


def test_measuring_no_tracks_is_an_error() -> None:
    with pytest.raises(ValueError, match="no tracks"):
        measure([])
