import pytest
import torch

from dancetype.training.probabilities import (
    Calibration,
    Rejection,
    cross_entropy,
    log_probabilities,
    logit_count,
    probabilities,
    smooth_targets,
)

UNCALIBRATED = Calibration()


def random_logits(rejection: Rejection) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, logit_count(3, rejection), generator=generator)


def targets(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows)


def test_without_rejection_probabilities_sum_to_one() -> None:
    result = probabilities(random_logits("uniform"), "uniform", UNCALIBRATED)
    assert torch.allclose(result.sum(dim=1), torch.ones(5))


@pytest.mark.parametrize("rejection", ["class", "score"])
def test_with_rejection_the_rest_to_one_is_the_probability_of_no_dance(
    rejection: Rejection,
) -> None:
    logits = random_logits(rejection)
    joint = log_probabilities(logits, rejection).exp()
    assert torch.allclose(joint.sum(dim=1), torch.ones(5))
    result = probabilities(logits, rejection, UNCALIBRATED)
    assert torch.allclose(result, joint[:, :3], atol=1e-6)


@pytest.mark.parametrize("rejection", ["class", "score"])
def test_calibration_of_dancing_keeps_the_shares_of_the_genres(rejection: Rejection) -> None:
    logits = random_logits(rejection)
    before = probabilities(logits, rejection, UNCALIBRATED)
    after = probabilities(logits, rejection, Calibration(dancing_scale=0.5, dancing_bias=-1.0))
    assert (after.sum(dim=1) < before.sum(dim=1)).any()
    shares_before, shares_after = (p / p.sum(dim=1, keepdim=True) for p in (before, after))
    assert torch.allclose(shares_before, shares_after, atol=1e-6)


@pytest.mark.parametrize("rejection", ["class", "score"])
def test_temperature_keeps_the_probability_of_dancing(rejection: Rejection) -> None:
    logits = random_logits(rejection)
    before = probabilities(logits, rejection, UNCALIBRATED)
    after = probabilities(logits, rejection, Calibration(temperature=3.0))
    assert torch.allclose(before.sum(dim=1), after.sum(dim=1))
    assert after.amax(dim=1).mean() < before.amax(dim=1).mean()


def test_without_rejection_the_target_of_no_dance_is_uniform() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    loss = cross_entropy(logits, targets([0, 0, 0, 1]), "uniform")
    assert loss.item() == pytest.approx(-torch.log_softmax(logits, dim=1).mean().item())


@pytest.mark.parametrize("rejection", ["uniform", "class", "score"])
def test_loss_is_the_negative_log_probability_of_the_genre(rejection: Rejection) -> None:
    logits = random_logits(rejection)[:1]
    loss = cross_entropy(logits, targets([0, 1, 0, 0]), rejection)
    assert loss.item() == pytest.approx(-log_probabilities(logits, rejection)[0, 1].item())


def test_smoothing_moves_part_of_the_target_to_all_genres_but_not_to_no_dance() -> None:
    smoothed = smooth_targets(targets([0, 1, 0, 0], [0.5, 0, 0, 0.5], [0, 0, 0, 1]), 0.3)
    expected = targets([0.1, 0.8, 0.1, 0], [0.4, 0.05, 0.05, 0.5], [0, 0, 0, 1])
    assert torch.allclose(smoothed, expected)
