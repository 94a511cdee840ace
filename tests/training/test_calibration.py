import pytest
import torch

from dancetype.training.data.aist import AistSequence
from dancetype.training.recipe import Recipe
from dancetype.training.train import Trainer, fit_temperature


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_the_factor_by_which_logits_are_too_large_is_found(factor: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(4000, 10, generator=generator)
    labels = torch.multinomial(torch.softmax(logits, dim=-1), 1, generator=generator)[:, 0]
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor, rel=0.05)


def test_the_temperature_is_fitted_on_unseen_dancers_only(
    recipe: Recipe, sequences: list[AistSequence]
) -> None:
    dancer = sequences[0].name.dancer
    seen = [sequence for sequence in sequences if sequence.name.dancer == dancer]
    unseen = [sequence for sequence in sequences if sequence.name.dancer != dancer][:6]
    stated = recipe.model_copy(update={"temperature": 1.5})
    assert Trainer(stated, seen, seen, split="all", workers=0).calibrate() == 1.5
    # An untrained network is sure of nothing, and no less sure of it than it should be.
    fitted = Trainer(stated, seen, unseen, split="all", workers=0)
    assert fitted.calibrate() not in (1.0, 1.5)
    assert fitted.checkpoint.temperature == fitted.calibrate()
