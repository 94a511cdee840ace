import numpy as np
import pytest
import torch

from dancetype.engine.genres import CODES
from dancetype.engine.rolling import Decision, Status
from dancetype.training.calibration import (
    DANCING_SHARE,
    OperatingPoint,
    choose_decision,
    fit_dancing,
    measure_decision,
)
from dancetype.training.data.aist import AistSequence
from dancetype.training.live import LiveWindows
from dancetype.training.probabilities import Calibration, fit_genres, probabilities
from dancetype.training.recipe import Recipe
from dancetype.training.trainer import Trainer


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_fitted_temperature_is_the_factor_of_the_logits(factor: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(4000, 10, generator=generator)
    labels = torch.multinomial(torch.softmax(logits, dim=-1), 1, generator=generator)[:, 0]
    temperature, smoothing = fit_genres(factor * logits, labels)
    assert temperature == pytest.approx(factor, rel=0.05)
    assert smoothing <= 0.02


def test_fitted_smoothing_is_that_of_the_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    sharp = torch.softmax(4 * torch.randn(4000, 10, generator=generator), dim=-1)
    labels = torch.multinomial(sharp, 1, generator=generator)[:, 0]
    logits = (0.8 * sharp + 0.2 / 10).log()
    temperature, smoothing = fit_genres(logits, labels)
    assert smoothing == pytest.approx(0.2, abs=0.03)
    calibration = Calibration(temperature, smoothing=smoothing)
    assert probabilities(logits, "uniform", calibration).numpy() == pytest.approx(sharp, abs=0.05)


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


@pytest.mark.parametrize("dancers", [2000, 8000])
def test_fitted_score_of_dancing_assumes_the_same_share_of_dancing(dancers: int) -> None:
    generator = torch.Generator().manual_seed(0)
    # Log-odds of two normal distributions with means of 1 and -1 are exact, up to their sign.
    dance = 1 + torch.randn(dancers, generator=generator) * 2**0.5
    other = -1 + torch.randn(4000, generator=generator) * 2**0.5
    log_odds = torch.cat([dance, other])
    dances = torch.cat([torch.ones(dancers), torch.zeros(4000)])
    scale, bias = fit_dancing(3 * log_odds + 2, dances)
    assert scale == pytest.approx(2 / 2 / 3, rel=0.1)
    prior = np.log(DANCING_SHARE / (1 - DANCING_SHARE))
    assert bias == pytest.approx(-2 * scale + prior, abs=0.1)


def windows(genre: str, confidence: float, seconds: int = 6) -> tuple[str, LiveWindows]:
    """Return a clip whose windows all give this confidence to break, and the genre of the clip."""
    probabilities = np.full((seconds * 4, 10), (1 - confidence) / 20, np.float32)
    probabilities[:, 0] = confidence
    ends = np.arange(len(probabilities)) / 4
    return genre, LiveWindows(
        0.0, ends, probabilities, np.full(len(ends), 4.0), (Status.NOT_SURE,) * len(ends)
    )


def test_shares_of_a_decision_are_those_of_its_threshold() -> None:
    clips = [windows("BR", 0.8), windows("PO", 0.6), windows("none", 0.5), windows("none", 0.7)]
    low = measure_decision(clips, CODES, Decision.uniform(10, enter=0.55, leave=0.4))
    assert (low.right, low.wrong, low.quiet) == (0.5, 0.5, 0.5)
    high = measure_decision(clips, CODES, Decision.uniform(10, enter=0.75, leave=0.4))
    assert (high.right, high.wrong, high.quiet) == (0.5, 0.0, 1.0)


def test_chosen_decision_is_right_most_often_within_the_limits() -> None:
    decision = Decision.uniform(10)
    eager, good, timid = (
        OperatingPoint(decision, *shares)
        for shares in ((0.7, 0.2, 0.8), (0.5, 0.05, 0.95), (0.3, 0.01, 0.99))
    )
    points = [eager, good, timid]
    assert choose_decision(points, min_quiet=0.9, max_wrong=0.1) == good
    assert choose_decision(points, min_quiet=0.7, max_wrong=0.3) == eager
    # No point is within these limits.
    assert choose_decision(points, min_quiet=1.0, max_wrong=0.0) == timid
