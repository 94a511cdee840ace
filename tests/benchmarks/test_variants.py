from dataclasses import replace

import numpy as np
import pytest

from benchmarks.pages import render
from benchmarks.variants import compare, jitter
from dancetype.engine.classifier import Classifier
from dancetype.engine.landmarks import LANDMARKS
from dancetype.engine.media.track import Track


def make_track(frames: int = 240) -> Track:
    rng = np.random.default_rng(0)
    world = np.cumsum(rng.normal(0, 0.02, (frames, LANDMARKS, 3)), axis=0).astype(np.float32)
    shape = (frames, LANDMARKS)
    return Track("clip", "", np.arange(frames) / 30, world, world, np.ones(shape, np.float32))


def test_jitter_is_zero_for_steady_motion_and_grows_with_noise() -> None:
    steady = np.linspace(0, 1, 50)[:, None, None] * np.ones((1, LANDMARKS, 3))
    assert jitter(steady) == pytest.approx(0, abs=1e-9)
    noise = np.random.default_rng(0).normal(0, 0.01, steady.shape)
    assert jitter(steady + noise) == pytest.approx(2 * jitter(steady + noise / 2))
    assert jitter(steady + noise) > 1


def test_variants_are_compared_with_the_full_model() -> None:
    full = make_track()
    moved = full.world + np.array([0.03, 0, 0.04], np.float32)
    moved[:60] = np.nan
    other = full.image.copy()
    other[:60] = np.nan
    other[60:120, :, 0] += 0.2
    moved[60:120] += 1
    tracks = {"lite": replace(full, world=moved, image=other), "full": full}
    lite, reference = compare("clip.mp4", tracks, Classifier(device="cpu"))
    assert (lite["detected"], lite["same_person"]) == (0.75, 0.5)
    assert lite["distance_cm"] == pytest.approx(5, abs=1e-3)
    assert lite["depth_cm"] == pytest.approx(4, abs=1e-3)
    assert lite["jitter_cm"] > reference["jitter_cm"]
    assert (reference["distance_cm"], reference["same_person"]) == (0, 1)
    assert reference["same_windows"] == 1
    assert len(reference["answers"]) == 3


def test_page_shows_costs_and_answers() -> None:
    row = {
        "detected": 1.0,
        "same_person": 0.9,
        "distance_cm": 5.0,
        "depth_cm": 4.0,
        "jitter_cm": 1.5,
    }
    answers = {"answers": [("PO", 0.52), ("JS", 0.1)], "same_windows": 0.8}
    results = {
        "conditions": "a machine",
        "clips": ["a.mp4"],
        "costs": [{"variant": "lite", "bytes": 5_800_000, "ms": 8.0, "ratio": 0.68}],
        "rows": [
            {"clip": "a.mp4", "variant": "lite", **row, **answers},
            {"clip": "a.mp4", "variant": "heavy", **row, "answers": [], "same_windows": 0.0},
        ],
    }
    text = render("variants", results)
    assert "| lite | 5.8 MB | 8.0 ms | 0.68 |" in text
    line = "| a.mp4 | lite | 100.0 % | 90 % | 5.0 / 4.0 cm | 1.50 cm | PO 52 %, JS 10 % | 80 % |"
    assert line in text
    assert "| none | 0 % |" in text
