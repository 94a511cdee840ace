from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.accuracy.measures import (
    accuracy_by_dancer,
    binned_calibration_error,
    log_loss,
    merge_bins,
    pareto_front,
    reliability_bins,
    split_clip,
    summarise,
    weighted_mean,
)
from benchmarks.accuracy.robustness import (
    FAULTLESS,
    SECONDS,
    CameraClip,
    accuracy_by_duration,
    camera_with_fault,
    rotate,
    simulate_clips,
)
from benchmarks.accuracy.steady import SWITCHED_AT, splice
from dancetype.engine.clip import ClipResult
from dancetype.engine.contract import Contract
from dancetype.engine.skeleton import Array, pelvis, pelvis_centred
from dancetype.engine.window import WindowSpec
from dancetype.training.data.aist import AistSequence, SequenceName
from dancetype.training.evaluate import EvaluatedClip, Evaluation, calibration_error
from dancetype.training.geometry import face_camera

LABELS = ("BR", "PO")


def clip(name: str, *windows: tuple[float, float]) -> EvaluatedClip:
    probabilities = np.array(windows, np.float32)
    mean = probabilities.mean(axis=0)
    genre = LABELS[int(mean.argmax())]
    result = ClipResult(genre, float(mean.max()), mean, probabilities)
    return EvaluatedClip(name, name[1:3], "basic", result)


@pytest.fixture
def evaluation() -> Evaluation:
    clips = [
        clip("gBR_sBM_cAll_d04_mBR0_ch01", (0.9, 0.1), (0.6, 0.4)),
        clip("gBR_sBM_cAll_d05_mBR0_ch01", (0.2, 0.8)),
        clip("gPO_sBM_cAll_d10_mPO0_ch01", (0.05, 0.95), (0.7, 0.3)),
    ]
    return Evaluation(LABELS, clips)


def test_log_loss_is_the_mean_over_windows(evaluation: Evaluation) -> None:
    right = [0.9, 0.6, 0.2, 0.95, 0.3]
    assert log_loss(evaluation) == pytest.approx(-np.mean(np.log(right)))


def test_accuracy_is_computed_for_each_dancer(evaluation: Evaluation) -> None:
    results = accuracy_by_dancer(evaluation)

    assert {dancer: result["window_accuracy"] for dancer, result in results.items()} == {
        "d04": 1.0,
        "d05": 0.0,
        "d10": 0.5,
    }
    assert results["d05"]["genre"] == "BR"
    assert results["d05"]["clip_accuracy"] == 0.0


def test_binned_calibration_error_equals_calibration_error(evaluation: Evaluation) -> None:
    windows = np.concatenate([clip.result.windows for clip in evaluation.clips])
    truth: NDArray[np.int64] = np.array([0, 0, 0, 1, 1])

    error = calibration_error(windows, truth)

    assert binned_calibration_error(reliability_bins(evaluation)) == pytest.approx(error, abs=1e-6)


def test_merging_equal_bins_keeps_the_calibration_error(evaluation: Evaluation) -> None:
    rows = reliability_bins(evaluation)

    merged = merge_bins([*rows, *rows])

    assert [row["windows"] for row in merged] == [2 * row["windows"] for row in rows]
    assert binned_calibration_error(merged) == pytest.approx(binned_calibration_error(rows))


@pytest.mark.parametrize(
    ("seconds", "count"), [(1.0, 1), (1.97, 1), (2.0, 1), (3.5, 1), (3.95, 2), (6.0, 3)]
)
def test_clip_is_split_into_whole_pieces_or_stays_one_piece(seconds: float, count: int) -> None:
    times = np.linspace(5, 5 + seconds, 40)

    pieces = split_clip(times, np.zeros((40, 17, 3), np.float32), 2.0)

    assert len(pieces) == count
    assert all(piece[0][-1] - piece[0][0] <= 2.0 + 1e-6 for piece in pieces)


def test_summary_counts_ranks_and_averages_probabilities() -> None:
    rows = [
        {"rank": 1, "log_probability": float(np.log(0.8))},
        {"rank": 3, "log_probability": float(np.log(0.2))},
        {"rank": 5, "log_probability": float(np.log(0.05))},
    ]

    summary = summarise(rows)

    assert (summary["clips"], summary["top_1"], summary["top_3"]) == (3, 1, 2)
    assert summary["probability"] == pytest.approx(0.35)


def test_pareto_front_contains_only_points_that_no_other_point_beats() -> None:
    points = [(3, 2), (1, 9), (2, 4), (2, 5), (4, 3)]

    front = pareto_front([{"delay": delay, "changes": changes} for delay, changes in points])

    best = [(point["delay"], point["changes"]) for point in front]
    assert best == [(1, 9), (2, 4), (3, 2)]
    assert all(first[1] > second[1] for first, second in pairwise(best))


def dance(seconds: float) -> AistSequence:
    times = np.arange(round(60 * seconds) + 1)[:, None, None] / 60
    rest = np.random.default_rng(0).uniform(-0.8, 0.8, (17, 3))
    joints: Array = (rest + 0.2 * np.sin(5 * times + 9 * rest)).astype(np.float32)
    return AistSequence(SequenceName.parse("gBR_sFM_cAll_d04_mBR0_ch01"), joints)


def test_faultless_camera_reproduces_the_motion_capture() -> None:
    sequence = dance(3)

    [clip] = simulate_clips([sequence], FAULTLESS)

    expected = face_camera(sequence.joints)[np.rint(60 * clip.times).astype(int)]
    # A few frames are missing, which changes the mean heading slightly.
    assert len(clip.times) > 150
    np.testing.assert_allclose(clip.joints, expected, atol=0.02)


def test_dancer_stays_in_place_where_two_clips_are_joined() -> None:
    [clip] = simulate_clips([dance(9)], FAULTLESS)
    distant = replace(clip, genre="PO", joints=clip.joints + np.float32(5))

    joined = splice(clip, distant)

    assert joined.genre == "PO"
    assert len(joined.times) == len(joined.joints)
    speeds = np.diff(pelvis(joined.joints), axis=0) / np.diff(joined.times)[:, None]
    assert np.abs(speeds).max() < 2
    later = joined.times >= SWITCHED_AT
    moved = pelvis_centred(joined.joints[later]) - pelvis_centred(distant.joints)
    assert np.abs(moved).max() < 1e-5


def test_camera_with_one_fault_has_no_other_faults() -> None:
    assert camera_with_fault("noise", 2.0) == FAULTLESS.model_copy(update={"noise": (2.0, 2.0)})
    assert camera_with_fault("heading", 45) == FAULTLESS


def test_dropped_share_of_one_half_drops_about_half_of_the_frames() -> None:
    [clip] = simulate_clips([dance(20)], FAULTLESS, dropped=0.5)

    assert 0.4 < len(clip.times) / 1201 < 0.6


def test_rotating_by_a_right_angle_turns_forward_into_sideways() -> None:
    joints: Array = np.zeros((1, 17, 3), np.float32)
    joints[..., 2] = 1.0

    np.testing.assert_allclose(rotate(joints, 90)[0, 0], [1, 0, 0], atol=1e-6)


class ConstantClassifier:
    """Classifier that predicts the first genre for every window."""

    def __init__(self) -> None:
        self.contract = Contract(LABELS, WindowSpec(4.0, 1.0, 20), "camera", "none", "none", ())

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        return np.tile(np.array([[0.9, 0.1]], np.float32), (len(windows), 1))


def test_pieces_shorter_than_the_shortest_window_have_no_prediction() -> None:
    sequence = dance(11)
    clip = CameraClip("BR", True, sequence.times, sequence.joints)

    rows = {row["seconds"]: row for row in accuracy_by_duration(ConstantClassifier(), [clip])}

    assert tuple(rows) == SECONDS
    assert rows[0.5]["answered"] == 0.0
    assert rows[0.5]["accuracy"] is None
    assert rows[1.0]["accuracy"] == rows[10.0]["accuracy"] == 1.0


def test_weighted_mean_ignores_missing_shares_and_zero_counts() -> None:
    assert weighted_mean([(0.5, 100), (1.0, 300), (None, 50)]) == pytest.approx(0.875)
    assert weighted_mean([(None, 50), (0.3, 0)]) is None
