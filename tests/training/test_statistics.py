import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from dancetype.engine.window import WindowSpec
from dancetype.training.recipe import NetworkSettings, Recipe
from dancetype.training.statistics import StatisticsNetwork, window_statistics

SPEC = WindowSpec(4.0, 1.0, 20, trajectory=True)
SETTINGS = NetworkSettings(
    kind="statistics", hidden=16, layers=2, dropout=0.1, head_dropout=0.2, mirror=True
)


@pytest.fixture
def windows() -> Tensor:
    return torch.randn(6, SPEC.length, SPEC.features, generator=torch.Generator().manual_seed(0))


def test_statistics_do_not_depend_on_the_order_of_windows(windows: Tensor) -> None:
    statistics = window_statistics(windows, SPEC)
    torch.testing.assert_close(window_statistics(windows.flip(0), SPEC), statistics.flip(0))


def test_without_motion_minimum_mean_and_maximum_are_equal() -> None:
    still = torch.zeros(2, SPEC.length, SPEC.points, SPEC.channels)
    still[..., :2] = torch.rand(2, 1, SPEC.points, 2)
    mean, deviation, low, high = window_statistics(still.flatten(start_dim=2), SPEC).chunk(4, 1)
    torch.testing.assert_close(low, mean)
    torch.testing.assert_close(high, mean)
    assert deviation.max() < 0.01


def test_trajectory_adds_statistics(windows: Tensor) -> None:
    spec = WindowSpec(4.0, 1.0, 20)
    without = window_statistics(windows[..., : spec.features], spec)
    assert window_statistics(windows, SPEC).shape[1] > without.shape[1]


def test_network_gives_the_same_result_for_the_mirror_image(windows: Tensor) -> None:
    network = StatisticsNetwork(SETTINGS, window=SPEC, genres=3).eval()
    mirror_image = windows[..., network.mirror_indices] * network.mirror_signs
    torch.testing.assert_close(network(mirror_image), network(windows))


def test_recipe_without_velocities_cannot_have_statistics(recipe: Recipe) -> None:
    settings = recipe.model_dump()
    settings["window"]["velocity"] = False
    with pytest.raises(ValidationError, match=r"needs window\.velocity = true"):
        Recipe.model_validate(settings | {"statistics": SETTINGS.model_dump()})


def test_networks_of_a_recipe_have_the_same_output(recipe: Recipe) -> None:
    other = "class" if recipe.network.rejection != "class" else "score"
    statistics = SETTINGS.model_copy(update={"rejection": other})
    with pytest.raises(ValidationError, match=r"statistics\.rejection differ"):
        Recipe.model_validate(recipe.model_dump() | {"statistics": statistics.model_dump()})
