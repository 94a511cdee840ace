from pathlib import Path

import numpy as np

from benchmarks.pose_noise import fit_noise, save_noise
from dancetype.training.augment.pose_noise import PoseNoise, mediapipe_noise


def test_what_was_drawn_is_fitted_again(tmp_path: Path) -> None:
    drawn = mediapipe_noise()
    times = np.arange(0, 4, 1 / 30)
    many = [drawn.draw(times, 1.0, np.random.default_rng(seed)) for seed in range(300)]
    many[0][5] = np.nan
    save_noise(fit_noise(many), tmp_path / "noise.json")
    fitted = PoseNoise.load(tmp_path / "noise.json")
    np.testing.assert_allclose(fitted.bias, drawn.bias, atol=0.01)
    np.testing.assert_allclose(fitted.wander, drawn.wander, rtol=0.25, atol=0.005)
