from pathlib import Path

import numpy as np
import torch

from benchmarks.pose_noise import fit_noise, save_noise
from dancetype.training.augment.pose_noise import PoseNoise, mediapipe_noise


def test_fit_recovers_the_noise_of_generated_errors(tmp_path: Path) -> None:
    noise = mediapipe_noise()
    times = torch.arange(0, 4, 1 / 30).repeat(300, 1)
    generator = torch.Generator().manual_seed(0)
    errors = list(noise.draw(times, torch.ones(300), generator).numpy())
    errors[0][5] = np.nan
    save_noise(fit_noise(errors), tmp_path / "noise.json")
    fitted = PoseNoise.load(tmp_path / "noise.json")
    np.testing.assert_allclose(fitted.bias, noise.bias, atol=0.01)
    np.testing.assert_allclose(fitted.wander, noise.wander, rtol=0.25, atol=0.005)
