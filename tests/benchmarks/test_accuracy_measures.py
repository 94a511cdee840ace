from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.accuracy.measures import (
    by_dancer,
    calibration_gap,
    frontier,
    merged,
    pieces,
    reliability,
    summary,
)
from benchmarks.accuracy.robustness import (
    CLEAR,
    SECONDS,
    CameraClip,
    seconds_seen,
    settings,
    simulate_clips,
    turned,
)
from dancetype.engine.clip import ClipResult
from dancetype.engine.contract import Contract
from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec
from dancetype.training.augment.camera import face_camera
from dancetype.training.data.aist import AistSequence, SequenceName
from dancetype.training.evaluate import EvaluatedClip, Evaluation, calibration_error

LABELS = ("BR", "PO")


def clip(name: str, *windows: tuple[float, float]) -> EvaluatedClip:
    each = np.array(windows, np.float32)
    mean = each.mean(axis=0)
    genre = LABELS[int(mean.argmax())]
    return EvaluatedClip(name, name[1:3], "basic", ClipResult(genre, float(mean.max()), mean, each))


@pytest.fixture
def evaluation() -> Evaluation:
    clips = [
        clip("gBR_sBM_cAll_d04_mBR0_ch01", (0.9, 0.1), (0.6, 0.4)),
        clip("gBR_sBM_cAll_d05_mBR0_ch01", (0.2, 0.8)),
        clip("gPO_sBM_cAll_d10_mPO0_ch01", (0.05, 0.95), (0.7, 0.3)),
    ]
    return Evaluation(LABELS, clips)


def test_each_dancer_is_judged_alone(evaluation: Evaluation) -> None:
    found = by_dancer(evaluation)

    assert {name: one["window_accuracy"] for name, one in found.items()} == {
        "d04": 1.0,
        "d05": 0.0,
        "d10": 0.5,
    }
    assert found["d05"]["genre"] == "BR"
    assert found["d05"]["clip_accuracy"] == 0.0


def test_the_reliability_table_holds_the_calibration_error(evaluation: Evaluation) -> None:
    windows = np.concatenate([one.result.windows for one in evaluation.clips])
    truth: NDArray[np.int64] = np.array([0, 0, 0, 1, 1])

    error = calibration_error(windows, truth)

    assert calibration_gap(reliability(evaluation)) == pytest.approx(error, abs=1e-6)


def test_two_tests_of_one_kind_have_the_reliability_of_one(evaluation: Evaluation) -> None:
    rows = reliability(evaluation)

    twice = merged([*rows, *rows])

    assert [row["windows"] for row in twice] == [2 * row["windows"] for row in rows]
    assert calibration_gap(twice) == pytest.approx(calibration_gap(rows))


@pytest.mark.parametrize(
    ("seconds", "count"), [(1.0, 1), (1.97, 1), (2.0, 1), (3.5, 1), (3.95, 2), (6.0, 3)]
)
def test_a_clip_falls_into_whole_pieces_or_is_one(seconds: float, count: int) -> None:
    times = np.linspace(5, 5 + seconds, 40)

    found = pieces(times, np.zeros((40, 17, 3), np.float32), 2.0)

    assert len(found) == count
    assert all(part[0][-1] - part[0][0] <= 2.0 + 1e-6 for part in found)


def test_answers_are_counted_by_rank_and_probability() -> None:
    rows = [
        {"rank": 1, "log_probability": float(np.log(0.8))},
        {"rank": 3, "log_probability": float(np.log(0.2))},
        {"rank": 5, "log_probability": float(np.log(0.05))},
    ]

    found = summary(rows)

    assert (found["clips"], found["top_1"], found["top_3"]) == (3, 1, 2)
    assert found["probability"] == pytest.approx(0.35)


def test_the_frontier_holds_what_is_sooner_or_steadier_than_all_others() -> None:
    points = [(3, 2), (1, 9), (2, 4), (2, 5), (4, 3)]

    found = frontier([{"delay": delay, "changes": changes} for delay, changes in points])

    kept = [(point["delay"], point["changes"]) for point in found]
    assert kept == [(1, 9), (2, 4), (3, 2)]
    assert all(one[1] > other[1] for one, other in pairwise(kept))


def dance(seconds: float) -> AistSequence:
    times = np.arange(round(60 * seconds) + 1)[:, None, None] / 60
    rest = np.random.default_rng(0).uniform(-0.8, 0.8, (17, 3))
    joints: Array = (rest + 0.2 * np.sin(5 * times + 9 * rest)).astype(np.float32)
    return AistSequence(SequenceName.parse("gBR_sFM_cAll_d04_mBR0_ch01"), joints)


def test_a_camera_without_faults_shows_the_dance_as_it_is() -> None:
    sequence = dance(3)

    [clip] = simulate_clips([sequence], CLEAR)

    true = face_camera(sequence.joints)[np.rint(60 * clip.times).astype(int)]
    true = true - true[:, 11:13].mean(axis=1, keepdims=True)
    # Few frames are missed, so that what the dancer faces on average is a little beside it.
    assert len(clip.times) > 150
    np.testing.assert_allclose(clip.joints, true, atol=0.02)


def test_one_fault_leaves_out_the_others() -> None:
    assert settings("noise", 2.0) == CLEAR.model_copy(update={"noise": (2.0, 2.0)})
    assert settings("heading", 45) == CLEAR


def test_half_of_the_frames_are_dropped_when_half_are_to_be() -> None:
    [clip] = simulate_clips([dance(20)], CLEAR, dropped=0.5)

    assert 0.4 < len(clip.times) / 1201 < 0.6


def test_a_dancer_turned_by_a_right_angle_looks_to_the_side() -> None:
    joints: Array = np.zeros((1, 17, 3), np.float32)
    joints[..., 2] = 1.0

    np.testing.assert_allclose(turned(joints, 90)[0, 0], [1, 0, 0], atol=1e-6)


class Sure:
    """Says the first genre of any window."""

    def __init__(self) -> None:
        self.contract = Contract(LABELS, WindowSpec(4.0, 1.0, 20), "camera", "none", "none", ())

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        return np.tile(np.array([[0.9, 0.1]], np.float32), (len(windows), 1))


def test_nothing_is_said_of_less_than_the_shortest_window() -> None:
    sequence = dance(11)
    whole = CameraClip("BR", True, sequence.times, sequence.joints)

    rows = {row["seconds"]: row for row in seconds_seen(Sure(), [whole])}

    assert tuple(rows) == SECONDS
    assert rows[0.5]["said"] == 0.0
    assert rows[0.5]["accuracy"] is None
    assert rows[1.0]["accuracy"] == rows[10.0]["accuracy"] == 1.0
