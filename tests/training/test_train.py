import csv
import resource
from pathlib import Path

import numpy as np
import pytest
import torch

from dancetype.engine.classifier import Classifier
from dancetype.engine.clip import classify_track
from dancetype.engine.errors import FileError, ModelError
from dancetype.engine.skeleton import JOINTS, mirrored
from dancetype.export.onnx import export
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.data.aist import AistSequence
from dancetype.training.evaluate import Evaluator, model_view
from dancetype.training.geometry import face_camera
from dancetype.training.model import Bones
from dancetype.training.probabilities import Calibration
from dancetype.training.recipe import Recipe
from dancetype.training.train import run_training
from dancetype.training.trainer import Trainer


@pytest.fixture
def clip_recipe(recipe: Recipe) -> Recipe:
    """Recipe that uses the start of each sequence, without a camera and averaged weights."""
    window = recipe.window.model_copy(update={"axes": "xyz", "velocity": False, "smooth": False})
    network = recipe.network.model_copy(update={"input_norm": False, "pooling": "mean"})
    optimiser = recipe.optimiser.model_copy(
        update={"kind": "adam", "schedule": "constant", "average": 0.0}
    )
    sampling = recipe.sampling.model_copy(update={"windows": "clip"})
    changes = {"window": window, "network": network, "optimiser": optimiser, "sampling": sampling}
    return recipe.model_copy(update={**changes, "camera": None})


def train(recipe: Recipe, sequences: list[AistSequence]) -> Checkpoint:
    trainer = Trainer(recipe, sequences, sequences[:4], split="all")
    for _ in trainer.epochs():
        pass
    return trainer.checkpoint


def test_training_lowers_the_loss_and_the_checkpoint_can_be_exported(
    recipe: Recipe, sequences: list[AistSequence], tmp_path: Path
) -> None:
    checkpoint = train(recipe, sequences)
    losses = [entry["loss"] for entry in checkpoint.history]
    assert [entry["epoch"] for entry in checkpoint.history] == [1, 2, 3]
    assert losses[-1] < losses[0] - 0.2
    assert checkpoint.history[-1]["validation_loss"] < np.log(10)
    assert checkpoint.dancers == sorted({sequence.name.dancer for sequence in sequences})
    assert checkpoint.recipe == recipe

    assert export(checkpoint, tmp_path / "model.onnx") < 1e-4
    classifier = Classifier(tmp_path / "model.onnx", device="cpu")
    assert classifier.contract == checkpoint.contract()
    joints = model_view(sequences[0], classifier.contract)
    onnx_result = classify_track(sequences[0].times, joints, classifier)
    torch_result = classify_track(sequences[0].times, joints, CheckpointClassifier(checkpoint))
    assert onnx_result.genre is not None
    np.testing.assert_allclose(onnx_result.windows.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(onnx_result.windows, torch_result.windows, atol=1e-4)


def test_training_on_first_windows_lowers_the_loss(
    clip_recipe: Recipe, sequences: list[AistSequence]
) -> None:
    losses = [entry["loss"] for entry in train(clip_recipe, sequences).history]
    assert losses[-1] < losses[0]


def test_network_with_bones_and_convolutional_stem_can_be_trained_and_exported(
    recipe: Recipe, sequences: list[AistSequence], tmp_path: Path
) -> None:
    network = recipe.network.model_copy(
        update={"bones": True, "stem_strides": (2, 1, 2), "stem_width": 16, "mirror": True}
    )
    checkpoint = train(recipe.model_copy(update={"network": network}), sequences)
    assert checkpoint.history[-1]["loss"] < checkpoint.history[0]["loss"]
    assert export(checkpoint, tmp_path / "model.onnx") < 1e-4


def test_bones_are_joints_relative_to_their_parents(recipe: Recipe) -> None:
    spec = recipe.window.spec()
    windows = torch.randn(2, spec.length, spec.features)

    inputs = Bones(spec)(windows).reshape(2, spec.length, 2 * len(JOINTS), spec.channels)

    joints = dict(zip(JOINTS, inputs[:, :, : len(JOINTS)].unbind(2), strict=True))
    bones = dict(zip(JOINTS, (inputs[:, :, len(JOINTS) :] / 2).unbind(2), strict=True))
    shoulders = (joints["left_shoulder"] + joints["right_shoulder"]) / 2
    for bone, expected in (
        ("left_hip", joints["left_hip"]),
        ("left_wrist", joints["left_wrist"] - joints["left_elbow"]),
        ("nose", joints["nose"] - shoulders),
    ):
        torch.testing.assert_close(bones[bone], expected)


@pytest.mark.parametrize("fixture", ["recipe", "clip_recipe"])
def test_resumed_run_ends_with_the_same_weights_as_an_uninterrupted_one(
    fixture: str, request: pytest.FixtureRequest, sequences: list[AistSequence], tmp_path: Path
) -> None:
    recipe: Recipe = request.getfixturevalue(fixture)
    subset = sequences[:8]
    uninterrupted = train(recipe, subset)

    interrupted = Trainer(recipe, subset, subset[:4], split="all")
    next(interrupted.epochs())
    interrupted.checkpoint.save(tmp_path / "checkpoint.pt")
    resume = Checkpoint.load(tmp_path / "checkpoint.pt")
    assert resume.epoch == 1
    resumed = Trainer(recipe, subset, subset[:4], split="all", resume=resume)
    assert [epoch.epoch for epoch in resumed.epochs()] == [2, 3]

    assert resumed.checkpoint.history == uninterrupted.history
    for name, weights in uninterrupted.weights.items():
        assert torch.equal(resumed.checkpoint.weights[name], weights), name


def test_weights_depend_on_the_seed(recipe: Recipe, sequences: list[AistSequence]) -> None:
    first, second = (
        train(recipe.with_overrides(seed=seed, epochs=1), sequences[:4]) for seed in (0, 1)
    )
    assert not torch.equal(first.weights["head.weight"], second.weights["head.weight"])


def test_checkpoint_is_saved_and_loaded(
    recipe: Recipe, sequences: list[AistSequence], tmp_path: Path
) -> None:
    checkpoint = train(recipe.with_overrides(seed=None, epochs=1), sequences[:4])
    checkpoint.calibration = Calibration(1.3, 0.9, -0.4)
    checkpoint.figures = {"dancers:B": {"clip_accuracy": 0.9}}
    checkpoint.save(tmp_path / "checkpoint.pt")
    loaded = Checkpoint.load(tmp_path / "checkpoint.pt")
    for name in ("recipe", "split", "dancers", "epoch", "calibration", "figures", "history"):
        assert getattr(loaded, name) == getattr(checkpoint, name)
    windows = np.random.default_rng(0).normal(0, 1, (3, 20, 68)).astype(np.float32)
    np.testing.assert_array_equal(
        CheckpointClassifier(loaded)(windows), CheckpointClassifier(checkpoint)(windows)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize("kind", ["lstm", "statistics"])
def test_combined_checkpoint_averages_the_logits_of_its_networks(
    recipe: Recipe, sequences: list[AistSequence], tmp_path: Path, kind: str
) -> None:
    network = recipe.network.model_copy(update={"kind": kind})
    other = recipe.model_copy(update={"network": network})
    recipes = [
        each.with_overrides(seed=seed, epochs=1) for seed, each in enumerate([recipe, other])
    ]
    checkpoints = [train(each, sequences[:4]) for each in recipes]
    Checkpoint.combine(checkpoints).save(tmp_path / "checkpoint.pt")
    combined = Checkpoint.load(tmp_path / "checkpoint.pt")
    windows = np.random.default_rng(0).normal(0, 1, (3, 20, 68)).astype(np.float32)
    first, second = (CheckpointClassifier(each).logits(windows) for each in checkpoints)
    assert not torch.allclose(first, second)
    logits = CheckpointClassifier(combined).logits(windows)
    torch.testing.assert_close(logits, (first + second) / 2)
    assert export(combined, tmp_path / "model.onnx") < 1e-4


def test_checkpoint_that_does_not_fit_on_the_disk_raises_os_error(
    recipe: Recipe, sequences: list[AistSequence], tmp_path: Path
) -> None:
    checkpoint = train(recipe.with_overrides(seed=None, epochs=1), sequences[:4])
    _, maximum = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, maximum))
    try:
        with pytest.raises(OSError, match=r"File too large: .*checkpoint\.pt"):
            checkpoint.save(tmp_path / "checkpoint.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_earlier_checkpoint_of_equal_networks_still_loads(
    recipe: Recipe, sequences: list[AistSequence], tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint = train(recipe.with_overrides(seed=None, epochs=1), sequences[:4])
    Checkpoint.combine([checkpoint, checkpoint]).save(path)
    content = torch.load(path, weights_only=True)
    del content["networks"]
    torch.save(content | {"members": 2}, path)
    windows = np.random.default_rng(0).normal(0, 1, (3, 20, 68)).astype(np.float32)
    torch.testing.assert_close(
        CheckpointClassifier(Checkpoint.load(path)).logits(windows),
        CheckpointClassifier(checkpoint).logits(windows),
    )


def test_old_checkpoint_without_genres_has_those_of_aist(
    recipe: Recipe, sequences: list[AistSequence], tmp_path: Path
) -> None:
    checkpoint = train(recipe.with_overrides(seed=None, epochs=1), sequences[:4])
    checkpoint.save(tmp_path / "checkpoint.pt")
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del content["genres"], content["credit"]
    torch.save(content, tmp_path / "checkpoint.pt")
    assert Checkpoint.load(tmp_path / "checkpoint.pt").contract() == checkpoint.contract()


class Exploit:
    """Object whose unpickling ends the program."""

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
        ({"recipe": Exploit()}, "not a checkpoint"),
    ],
)
def test_file_that_is_not_a_checkpoint_is_rejected(
    tmp_path: Path, content: object, reason: str
) -> None:
    path = tmp_path / "checkpoint.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ModelError, match=rf"checkpoint\.pt: {reason}"):
        Checkpoint.load(path)


def test_missing_checkpoint_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"missing\.pt: the checkpoint does not exist"):
        Checkpoint.load(tmp_path / "missing.pt")


def test_run_writes_checkpoint_log_and_curves_and_can_be_repeated(
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


def test_folder_of_a_different_run_is_not_overwritten(
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


def test_mirror_network_gives_the_same_result_for_a_dance_and_its_mirror_image(
    recipe: Recipe, sequences: list[AistSequence]
) -> None:
    network = recipe.network.model_copy(update={"mirror": True})
    short = recipe.with_overrides(seed=None, epochs=1).model_copy(update={"network": network})
    classifier = CheckpointClassifier(train(short, sequences[:4]))
    times, joints = sequences[0].times, face_camera(sequences[0].joints)
    result = classify_track(times, joints, classifier)
    mirror_image = classify_track(times, mirrored(joints), classifier)
    assert np.ptp(result.windows) > 0.01
    np.testing.assert_allclose(mirror_image.windows, result.windows, atol=1e-4)
