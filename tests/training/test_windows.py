from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec, cut_window
from dancetype.training.windows import interpolate, window_features


def walk(frames: int, seed: int) -> tuple[NDArray[np.float64], Array]:
    """Return random frame times (T,) and joints (T, 17, 3) that drift and jitter."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.01, 0.1, frames))
    joints = np.cumsum(rng.normal(0, 0.05, (frames, 17, 3)), axis=0) + rng.normal(0, 0.5, (17, 3))
    return times, joints.astype(np.float32)


@pytest.mark.parametrize(("axes", "trajectory"), [("xy", False), ("xyz", False), ("xy", True)])
@pytest.mark.parametrize("velocity", [True, False])
@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("length", [60, 31])
def test_features_equal_those_of_the_engine(
    axes: Literal["xy", "xyz"], trajectory: bool, velocity: bool, smooth: bool, length: int
) -> None:
    spec = WindowSpec(4, 1, length, axes, velocity, smooth, trajectory)
    walks = [walk(60, seed) for seed in range(3)]
    walks = [(times[times < times[0] + 3.9], joints) for times, joints in walks]
    walks = [(times, joints[: len(times)]) for times, joints in walks]
    # Shorter motions repeat their last frame.
    frames = max(len(times) for times, _ in walks)
    padded = [np.minimum(np.arange(frames), len(times) - 1) for times, _ in walks]
    features = window_features(
        torch.tensor(np.stack([(t - t[0])[i] for (t, _), i in zip(walks, padded, strict=True)])),
        torch.tensor(np.stack([j[i] for (_, j), i in zip(walks, padded, strict=True)])),
        spec,
    )
    for window, (times, joints) in zip(features.numpy(), walks, strict=True):
        expected = cut_window(times, joints, spec, end=times[-1]).features
        assert expected is not None
        np.testing.assert_allclose(window, expected, atol=1e-5)


def test_values_are_interpolated_between_frames_and_constant_outside() -> None:
    times = torch.tensor([[0.0, 1.0, 1.0, 3.0]])
    values = torch.tensor([[[0.0], [10.0], [10.0], [20.0]]])
    at = torch.tensor([[-1.0, 0.5, 2.0, 4.0]])
    assert interpolate(times, values, at)[0, :, 0].tolist() == [0, 5, 15, 20]
