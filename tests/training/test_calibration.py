import pytest
import torch

from dancetype.training.data.aist import AistSequence
from dancetype.training.probabilities import fit_temperature
from dancetype.training.recipe import Recipe
from dancetype.training.trainer import Trainer


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_fitted_temperature_is_the_factor_of_the_logits(factor: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(4000, 10, generator=generator)
    labels = torch.multinomial(torch.softmax(logits, dim=-1), 1, generator=generator)[:, 0]
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor, rel=0.05)


def test_temperature_is_fitted_on_unseen_dancers_only(
    recipe: Recipe, sequences: list[AistSequence]
) -> None:
    dancer = sequences[0].name.dancer
    train = [sequence for sequence in sequences if sequence.name.dancer == dancer]
    unseen = [sequence for sequence in sequences if sequence.name.dancer != dancer][:6]
    recipe = recipe.model_copy(update={"temperature": 1.5})
    assert Trainer(recipe, train, train, split="all").calibrate() == 1.5
    trainer = Trainer(recipe, train, unseen, split="all")
    assert trainer.calibrate() not in (1.0, 1.5)
    assert trainer.checkpoint.calibration.temperature == trainer.calibrate()
