import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from dancetype.engine.classifier import Classifier
from dancetype.engine.clip import classify_track
from dancetype.engine.errors import FileError, ModelError
from dancetype.engine.skeleton import mirrored
from dancetype.export.onnx import export
from dancetype.training.augment.camera import face_camera
from dancetype.training.batches import NO_GENRE
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.data.aist import AistSequence
from dancetype.training.evaluate import Evaluator, model_view
from dancetype.training.recipe import Recipe
from dancetype.training.train import Trainer, run_training, target_probabilities


@pytest.fixture
def clips(recipe: Recipe) -> Recipe:
    """A recipe as the project began: each sequence's start, no camera, the last weights."""
    window = recipe.window.model_copy(update={"axes": "xyz", "velocity": False, "smooth": False})
    network = recipe.network.model_copy(update={"input_norm": False, "pooling": "mean"})
    optimiser = recipe.optimiser.model_copy(
        update={"kind": "adam", "schedule": "constant", "average": 0.0}
    )
    sampling = recipe.sampling.model_copy(update={"windows": "clip"})
    changes = {"window": window, "network": network, "optimiser": optimiser, "sampling": sampling}
    return recipe.model_copy(update={**changes, "camera": None})


def trained(recipe: Recipe, sequences: list[AistSequence]) -> Checkpoint:
    trainer = Trainer(recipe, sequences, sequences[:4], split="all", workers=0)
    for _ in trainer.epochs():
        pass
    return trainer.checkpoint


def test_training_lowers_the_loss_and_the_result_exports_and_classifies(
    recipe: Recipe, sequences: list[AistSequence], tmp_path: Path
) -> None:
    checkpoint = trained(recipe, sequences)
    losses = [entry["loss"] for entry in checkpoint.history]
    assert [entry["epoch"] for entry in checkpoint.history] == [1, 2, 3]
    assert losses[-1] < losses[0] - 0.2
    assert checkpoint.history[-1]["validation_loss"] < np.log(10)
    assert checkpoint.dancers == sorted({sequence.name.dancer for sequence in sequences})
    assert checkpoint.recipe == recipe

    assert export(checkpoint, tmp_path / "model.onnx") < 1e-4
    in_onnx = Classifier(tmp_path / "model.onnx", device="cpu")
    assert in_onnx.contract == checkpoint.contract()
    joints = model_view(sequences[0], in_onnx.contract)
    result = classify_track(sequences[0].times, joints, in_onnx)
    in_torch = classify_track(sequences[0].times, joints, CheckpointClassifier(checkpoint))
    assert result.genre is not None
    np.testing.assert_allclose(result.windows.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(result.windows, in_torch.windows, atol=1e-4)


def test_training_on_clips_as_the_project_began_lowers_the_loss(
    clips: Recipe, sequences: list[AistSequence]
) -> None:
    losses = [entry["loss"] for entry in trained(clips, sequences).history]
    assert losses[-1] < losses[0]


def test_nobodys_dancing_is_to_be_answered_by_all_genres_alike() -> None:
    probabilities = target_probabilities(torch.tensor([3, NO_GENRE]), smoothing=0.1, genres=10)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(2))
    assert probabilities[0, 3].item() == pytest.approx(0.91)
    assert torch.allclose(probabilities[1], torch.full((10,), 0.1))


def test_a_stem_of_convolutions_trains_and_exports(
    recipe: Recipe, sequences: list[AistSequence], tmp_path: Path
) -> None:
    network = recipe.network.model_copy(
        update={"stem_strides": (2, 1, 2), "stem_width": 16, "mirror": True}
    )
    checkpoint = trained(recipe.model_copy(update={"network": network}), sequences)
    assert checkpoint.history[-1]["loss"] < checkpoint.history[0]["loss"]
    assert export(checkpoint, tmp_path / "model.onnx") < 1e-4


@pytest.mark.parametrize("kind", ["recipe", "clips"])
def test_a_run_broken_off_and_taken_up_again_ends_with_the_same_weights(
    kind: str, request: pytest.FixtureRequest, sequences: list[AistSequence], tmp_path: Path
) -> None:
    recipe: Recipe = request.getfixturevalue(kind)
    few = sequences[:8]
    whole = trained(recipe, few)

    broken_off = Trainer(recipe, few, few[:4], split="all", workers=0)
    next(broken_off.epochs())
    broken_off.checkpoint.save(tmp_path / "checkpoint.pt")
    resume = Checkpoint.load(tmp_path / "checkpoint.pt")
    assert resume.epoch == 1
    taken_up = Trainer(recipe, few, few[:4], split="all", resume=resume, workers=0)
    assert [epoch.epoch for epoch in taken_up.epochs()] == [2, 3]

    assert taken_up.checkpoint.history == whole.history
    for name, weights in whole.weights.items():
        assert torch.equal(taken_up.checkpoint.weights[name], weights), name


def test_another_seed_gives_other_weights(recipe: Recipe, sequences: list[AistSequence]) -> None:
    one, other = (trained(recipe.with_overrides(seed=s, epochs=1), sequences[:4]) for s in (0, 1))
    assert not torch.equal(one.weights["head.weight"], other.weights["head.weight"])


def test_a_checkpoint_comes_back_whole(
    recipe: Recipe, sequences: list[AistSequence], tmp_path: Path
) -> None:
    checkpoint = trained(recipe.with_overrides(seed=None, epochs=1), sequences[:4])
    checkpoint.temperature = 1.3
    checkpoint.figures = {"dancers:B": {"clip_accuracy": 0.9}}
    checkpoint.save(tmp_path / "checkpoint.pt")
    loaded = Checkpoint.load(tmp_path / "checkpoint.pt")
    for name in ("recipe", "split", "dancers", "epoch", "temperature", "figures", "history"):
        assert getattr(loaded, name) == getattr(checkpoint, name)
    windows = np.random.default_rng(0).normal(0, 1, (3, 20, 68)).astype(np.float32)
    np.testing.assert_array_equal(
        CheckpointClassifier(loaded)(windows), CheckpointClassifier(checkpoint)(windows)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_checkpoint_from_before_there_were_other_genres_knows_those_of_aist(
    recipe: Recipe, sequences: list[AistSequence], tmp_path: Path
) -> None:
    checkpoint = trained(recipe.with_overrides(seed=None, epochs=1), sequences[:4])
    checkpoint.save(tmp_path / "checkpoint.pt")
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del content["genres"], content["credit"]
    torch.save(content, tmp_path / "checkpoint.pt")
    assert Checkpoint.load(tmp_path / "checkpoint.pt").contract() == checkpoint.contract()


class Attack:
    """Would end the program where the pickle is trusted."""

    def __reduce__(self) -> tuple[object, ...]:
        return exit, (7,)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a checkpoint"),
        (b"not a checkpoint", "not a checkpoint"),
        ({"recipe": {}}, "not a checkpoint of this version"),
        ({"weights": {}}, "not a checkpoint of this version"),
        ([1, 2], "not a checkpoint"),
        ({"recipe": Attack()}, "not a checkpoint"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused_by_its_name(
    tmp_path: Path, content: object, reason: str
) -> None:
    path = tmp_path / "checkpoint.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ModelError, match=rf"checkpoint\.pt: {reason}"):
        Checkpoint.load(path)


def test_a_checkpoint_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.pt: the checkpoint does not exist"):
        Checkpoint.load(tmp_path / "absent.pt")


def test_the_verb_train_leaves_a_checkpoint_a_log_and_curves_and_goes_on_where_it_stood(
    recipe: Recipe, aist: Path, tmp_path: Path
) -> None:
    short = recipe.with_overrides(seed=None, epochs=1)
    for _ in range(2):
        run_training(short, data=aist, split="dancers:d01,d04", validation="pose_val", out=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.pt", "log.csv", "curves.png"}
    with (tmp_path / "log.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert set(row) == {"epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"}

    evaluation, title = Evaluator(tmp_path / "checkpoint.pt").on_split(aist, "dancers:d04,d05")
    assert evaluation.figures()["clips"] == len(evaluation.clips) > 0
    assert "recipe small, trained on dancers:d01,d04) on split dancers:d04,d05" in title
    assert title.endswith("training and test SHARE 1 of 2 dancers: d04")


def test_a_folder_that_holds_another_run_is_not_written_over(
    recipe: Recipe, aist: Path, tmp_path: Path
) -> None:
    short = recipe.with_overrides(seed=None, epochs=1)
    run_training(short, data=aist, split="dancers:d01", validation="pose_val", out=tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    for other, split in (
        (short.with_overrides(seed=1, epochs=None), "dancers:d01"),
        (short, "dancers:A"),
    ):
        with pytest.raises(FileError, match="choose another folder"):
            run_training(other, data=aist, split=split, validation="pose_val", out=tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_network_of_a_mirror_recipe_answers_alike_for_a_dance_and_its_mirror_image(
    recipe: Recipe, sequences: list[AistSequence]
) -> None:
    network = recipe.network.model_copy(update={"mirror": True})
    short = recipe.with_overrides(seed=None, epochs=1).model_copy(update={"network": network})
    classifier = CheckpointClassifier(trained(short, sequences[:4]))
    times, joints = sequences[0].times, face_camera(sequences[0].joints)
    result = classify_track(times, joints, classifier)
    mirror_image = classify_track(times, mirrored(joints), classifier)
    assert np.ptp(result.windows) > 0.01
    np.testing.assert_allclose(mirror_image.windows, result.windows, atol=1e-4)
