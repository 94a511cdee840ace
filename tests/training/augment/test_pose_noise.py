import numpy as np
import pytest

from dancetype.engine.skeleton import JOINTS, MIRRORED, Array
from dancetype.training.augment.pose_noise import PoseNoise, mediapipe_noise

TIMES = np.arange(0, 4, 1 / 30)


def noise(bias: float, offset: float, wander: float) -> PoseNoise:
    return PoseNoise(*(np.full((len(JOINTS), 3), v, np.float32) for v in (bias, offset, wander)))


def draws(of: PoseNoise, *, strength: float = 1.0) -> list[Array]:
    return [of.draw(TIMES, strength, np.random.default_rng(seed)) for seed in range(40)]


def test_without_strength_there_is_no_error() -> None:
    assert np.abs(draws(mediapipe_noise(), strength=0)[0]).max() == 0


def test_a_bias_is_the_same_in_all_windows_and_an_offset_in_one() -> None:
    for errors in draws(noise(0.03, 0, 0)):
        np.testing.assert_allclose(errors, 0.03, atol=1e-6)
    offsets = draws(noise(0, 0.03, 0))
    assert max(np.ptp(errors, axis=0).max() for errors in offsets) < 1e-6
    assert np.std([errors[0] for errors in offsets]) == pytest.approx(0.03, rel=0.1)


def test_an_error_wanders_and_has_forgotten_itself_within_half_a_second() -> None:
    errors = np.stack(draws(noise(0, 0, 0.05)))
    assert errors.std() == pytest.approx(0.05, rel=0.15)

    def likeness(frames: int) -> float:
        return float((errors[:, frames:] * errors[:, :-frames]).mean() / errors.var())

    assert likeness(1) > 0.6
    assert abs(likeness(15)) < 0.1


def test_left_and_right_err_alike() -> None:
    measured = mediapipe_noise()
    np.testing.assert_array_equal(measured.wander, measured.wander[MIRRORED, :])
    np.testing.assert_allclose(measured.bias[MIRRORED, 0], -measured.bias[:, 0], atol=1e-6)


def test_mediapipe_errs_most_in_depth_and_at_the_wrists() -> None:
    wander = mediapipe_noise().wander
    assert (wander[:, 2] > wander[:, 0]).all()
    assert wander[JOINTS.index("left_wrist")].sum() > wander[JOINTS.index("left_shoulder")].sum()
