import pytest
import torch

from dancetype.engine.errors import SettingsError
from dancetype.training.checkpoint import Checkpoint
from dancetype.training.data.aist import AistSequence
from dancetype.training.device import ComputeDevice
from dancetype.training.distillation import TeacherEnsemble, blend_targets
from dancetype.training.recipe import Recipe
from dancetype.training.trainer import Trainer

CPU = ComputeDevice(torch.device("cpu"), None)


@pytest.fixture
def recipe_with_class(recipe: Recipe) -> Recipe:
    network = recipe.network.model_copy(update={"rejection": "class"})
    return recipe.model_copy(update={"network": network}).with_overrides(seed=None, epochs=1)


def train(
    recipe: Recipe, sequences: list[AistSequence], *teachers: Checkpoint, weight: float = 1.0
) -> Checkpoint:
    optimiser = recipe.optimiser.model_copy(update={"teacher_weight": weight})
    recipe = recipe.model_copy(update={"optimiser": optimiser})
    trainer = Trainer(recipe, sequences, [], split="all", teachers=teachers)
    for _ in trainer.epochs():
        pass
    return trainer.checkpoint


def test_targets_are_the_mean_of_the_teachers_in_logarithms(
    recipe_with_class: Recipe, sequences: list[AistSequence]
) -> None:
    teachers = [
        train(recipe_with_class.with_overrides(seed=seed, epochs=None), sequences[:4])
        for seed in (0, 1)
    ]
    windows = torch.randn(5, 20, 68)
    single = [TeacherEnsemble([teacher], CPU)(windows) for teacher in teachers]
    both = TeacherEnsemble(teachers, CPU)(windows)
    assert both.shape == (5, 10)
    assert torch.allclose(both.sum(dim=1), torch.ones(5))
    expected = (single[0] * single[1]).sqrt()
    assert torch.allclose(both, expected / expected.sum(dim=1, keepdim=True), atol=1e-5)


def test_predictions_do_not_change_whether_a_person_dances() -> None:
    targets = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.3, 0.0, 0.7]])
    predictions = torch.tensor([[0.5, 0.5], [0.5, 0.5], [0.0, 1.0]])
    blended = blend_targets(targets, predictions, 0.5)
    expected = torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.0, 1.0], [0.15, 0.15, 0.7]])
    assert torch.allclose(blended, expected)


def test_teacher_with_another_window_is_rejected(
    recipe_with_class: Recipe, sequences: list[AistSequence]
) -> None:
    teacher = train(recipe_with_class, sequences[:4])
    window = recipe_with_class.window.model_copy(update={"length": 30})
    with pytest.raises(SettingsError, match="has another window or other genres"):
        train(recipe_with_class.model_copy(update={"window": window}), sequences[:4], teacher)


def test_student_learns_from_its_teacher_according_to_the_weight(
    recipe_with_class: Recipe, sequences: list[AistSequence]
) -> None:
    teacher = train(recipe_with_class, sequences[:4])
    alone = train(recipe_with_class, sequences[:4], teacher, weight=0.0)
    taught = train(recipe_with_class, sequences[:4], teacher)
    assert torch.equal(alone.weights["head.weight"], teacher.weights["head.weight"])
    assert not torch.equal(taught.weights["head.weight"], alone.weights["head.weight"])
