import numpy as np
import pytest
import torch

from dancetype.engine.skeleton import JOINTS, MIRRORED, Array
from dancetype.training.augment.pose_noise import PoseNoise, mediapipe_noise

TIMES = torch.arange(0, 4, 1 / 30)


def make_noise(bias: float, offset: float, wander: float) -> PoseNoise:
    return PoseNoise(*(np.full((len(JOINTS), 3), v, np.float32) for v in (bias, offset, wander)))


def draw_windows(pose_noise: PoseNoise, *, strength: float = 1.0) -> list[Array]:
    windows = 40
    generator = torch.Generator().manual_seed(0)
    errors = pose_noise.draw(TIMES.repeat(windows, 1), torch.full((windows,), strength), generator)
    return list(errors.numpy())


def test_zero_strength_gives_no_errors() -> None:
    assert np.abs(draw_windows(mediapipe_noise(), strength=0)[0]).max() == 0


def test_bias_is_the_same_in_all_windows_and_offset_is_constant_within_one() -> None:
    for errors in draw_windows(make_noise(0.03, 0, 0)):
        np.testing.assert_allclose(errors, 0.03, atol=1e-6)
    offsets = draw_windows(make_noise(0, 0.03, 0))
    assert max(np.ptp(errors, axis=0).max() for errors in offsets) < 1e-6
    assert np.std([errors[0] for errors in offsets]) == pytest.approx(0.03, rel=0.1)


def test_errors_are_correlated_over_a_frame_but_not_over_half_a_second() -> None:
    errors = np.stack(draw_windows(make_noise(0, 0, 0.05)))
    assert errors.std() == pytest.approx(0.05, rel=0.15)

    def autocorrelation(frames: int) -> float:
        return float((errors[:, frames:] * errors[:, :-frames]).mean() / errors.var())

    assert autocorrelation(1) > 0.6
    assert abs(autocorrelation(15)) < 0.1


def test_each_window_has_the_strength_that_is_requested_for_it() -> None:
    generator = torch.Generator().manual_seed(0)
    errors = mediapipe_noise().draw(TIMES.repeat(2, 1), torch.tensor([0.0, 1.0]), generator)
    assert not errors[0].any()
    assert errors[1].abs().max() > 0.05


def test_noise_of_mediapipe_is_symmetric() -> None:
    measured = mediapipe_noise()
    np.testing.assert_array_equal(measured.wander, measured.wander[MIRRORED, :])
    np.testing.assert_allclose(measured.bias[MIRRORED, 0], -measured.bias[:, 0], atol=1e-6)


def test_noise_of_mediapipe_is_largest_in_depth_and_at_the_wrists() -> None:
    wander = mediapipe_noise().wander
    assert (wander[:, 2] > wander[:, 0]).all()
    assert wander[JOINTS.index("left_wrist")].sum() > wander[JOINTS.index("left_shoulder")].sum()
