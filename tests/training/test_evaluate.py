import json

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.contract import Contract
from dancetype.engine.landmarks import COCO_LANDMARKS
from dancetype.engine.media.track import Track
from dancetype.engine.skeleton import LEFT_HIP, RIGHT_HIP, Array
from dancetype.engine.window import WindowSpec
from dancetype.training.data.aist import AistSequence, SequenceName
from dancetype.training.evaluate import (
    calibration_error,
    evaluate_sequences,
    evaluate_tracks,
    model_view,
)
from tests.training.motion import swaying_joints

LABELS = ("BR", "PO", "LO")


class ScriptedClassifier:
    """Classifier that returns a fixed sequence of probabilities, one per window."""

    def __init__(self, *probabilities: tuple[float, float, float]) -> None:
        spec = WindowSpec(4.0, 1.0, 20)
        self.contract = Contract(LABELS, spec, "camera", "none", "none", ())
        self._probabilities = iter(probabilities)

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        return np.array([next(self._probabilities) for _ in windows], np.float32)


BR, PO, LO = (0.8, 0.1, 0.1), (0.1, 0.9, 0.0), (0.2, 0.2, 0.6)


def dance(genre: str, situation: str, *, windows: int) -> AistSequence:
    """Return a dance with a number of windows that start half a second apart."""
    name = SequenceName.parse(f"g{genre}_s{situation}_cAll_d01_m{genre}0_ch01")
    return AistSequence(name, swaying_joints(4 + (windows - 1) / 2))


def make_track(genre: str, joints: Array) -> Track:
    world = np.zeros((len(joints), 33, 3), np.float32)
    world[:, COCO_LANDMARKS] = joints * (1, -1, -1)
    return Track(genre, genre, np.arange(len(joints)) / 60, world, world, world[..., 0])


def test_figures_match_a_manual_count() -> None:
    sequences = [
        dance("BR", "BM", windows=2),
        dance("BR", "FM", windows=3),
        dance("PO", "BM", windows=1),
        dance("LO", "FM", windows=2),
    ]
    # Clips: correct; correct with one of three windows wrong; wrong; wrong with one window correct.
    classifier = ScriptedClassifier(BR, BR, BR, BR, LO, LO, LO, PO)
    finished: list[None] = []
    evaluation = evaluate_sequences(classifier, sequences, on_clip=lambda: finished.append(None))
    figures = evaluation.figures()
    assert (figures["clips"], figures["clip_accuracy"]) == (4, 0.5)
    assert (figures["windows"], figures["window_accuracy"]) == (8, 5 / 8)
    assert figures["by_situation"] == {
        "basic": {"clips": 2, "clip_accuracy": 0.5, "windows": 3, "window_accuracy": 2 / 3},
        "advanced": {"clips": 2, "clip_accuracy": 0.5, "windows": 5, "window_accuracy": 3 / 5},
    }
    assert figures["per_genre"] == {
        "BR": {"clips": 2, "clip_accuracy": 1.0, "windows": 5, "window_accuracy": 4 / 5},
        "PO": {"clips": 1, "clip_accuracy": 0.0, "windows": 1, "window_accuracy": 0.0},
        "LO": {"clips": 1, "clip_accuracy": 0.0, "windows": 2, "window_accuracy": 1 / 2},
    }
    assert figures["confusion"] == [[2, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert figures["labels"] == ["BR", "PO", "LO"]
    # Four windows at 0.8, all correct; three at 0.6, one correct; one at 0.9, wrong.
    assert figures["ece"] == pytest.approx((4 * 0.2 + 3 * (0.6 - 1 / 3) + 0.9) / 8, abs=1e-6)
    assert len(finished) == 4
    assert json.loads(json.dumps(figures)) == figures


def test_clip_without_a_person_counts_as_wrong_and_has_no_windows() -> None:
    no_person = np.full_like(swaying_joints(5), np.nan)
    figures = evaluate_tracks(
        ScriptedClassifier(BR),
        [
            make_track("BR", swaying_joints(4)),
            make_track("BR", no_person),
            make_track("PO", no_person),
        ],
    ).figures()
    assert figures["clip_accuracy"] == pytest.approx(1 / 3)
    assert (figures["windows"], figures["window_accuracy"]) == (1, 1.0)
    assert figures["confusion"] == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert figures["per_genre"]["PO"] == {
        "clips": 1,
        "clip_accuracy": 0.0,
        "windows": 0,
        "window_accuracy": None,
    }


def test_calibration_error_is_none_without_windows() -> None:
    no_person = np.full_like(swaying_joints(5), np.nan)
    evaluation = evaluate_tracks(ScriptedClassifier(), [make_track("BR", no_person)])
    assert evaluation.figures()["ece"] is None


def test_figures_of_tracks_have_no_situations() -> None:
    track = make_track("BR", swaying_joints(4))
    figures = evaluate_tracks(ScriptedClassifier(BR), [track]).figures()
    assert figures["by_situation"] == {}
    assert list(figures["per_genre"]) == ["BR"]


def test_calibration_error_is_the_mean_gap_between_confidence_and_accuracy() -> None:
    # Bin 0.5 to 0.6: mean confidence 0.55, one of two windows correct.
    # Bin 0.9 to 1: mean confidence 0.95, none of two windows correct.
    confidence = np.array([0.52, 0.58, 0.92, 0.98], np.float32)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    labels = np.array([0, 1, 1, 1])
    expected = (2 * abs(0.5 - 0.55) + 2 * abs(0.0 - 0.95)) / 4
    assert calibration_error(probabilities, labels, bins=10) == pytest.approx(expected, abs=1e-6)


def test_calibration_error_is_zero_if_full_confidence_is_always_correct() -> None:
    assert calibration_error(np.eye(3, dtype=np.float32), np.arange(3)) == 0


def test_model_view_rotates_the_dance_only_for_models_of_the_camera_view() -> None:
    sequence = dance("BR", "BM", windows=1)
    contract = ScriptedClassifier().contract
    rotated = model_view(sequence, contract)
    hips = (rotated[:, LEFT_HIP] - rotated[:, RIGHT_HIP])[:, [0, 2]]
    direction = (hips / np.linalg.norm(hips, axis=1, keepdims=True)).mean(axis=0)
    assert direction[0] > 0
    assert direction[1] == pytest.approx(0, abs=1e-5)
    studio = Contract(LABELS, contract.window, "studio", "none", "none", ())
    assert model_view(sequence, studio) is sequence.joints
