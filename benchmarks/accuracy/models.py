"""Train and load the networks that are measured."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.workspace import OTHER_FOLD, Result, Workspace
from dancetype.engine.clip import classify_windows
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.export.build import load_cross_calibrated
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.recipe import Recipe
from dancetype.training.train import CHECKPOINT, run_training

_SHORT_EPOCHS: Final = 4


def small_recipe(recipe: Recipe, *, steps: int) -> Recipe:
    """Return a smaller version of a recipe: fewer units, and `steps` random batches in total."""
    short = short_recipe(recipe, steps=steps)
    network = short.network.model_copy(update={"hidden": min(short.network.hidden, 96)})
    return short.model_copy(update={"name": "small", "network": network})


def short_recipe(recipe: Recipe, *, steps: int) -> Recipe:
    """Return a recipe with a shorter training, `steps` random batches in total.

    Its input is only the joints, so that comparisons of other settings match earlier runs.
    """
    optimiser = recipe.optimiser.model_copy(
        update={
            "epochs": _SHORT_EPOCHS,
            "steps_per_epoch": math.ceil(steps / _SHORT_EPOCHS),
            # An average over the whole run would still contain the initial weights.
            "average": min(recipe.optimiser.average, 1 - 10 / max(steps, 20)),
        }
    )
    changes = {
        "name": "short",
        "window": recipe.window.model_copy(update={"trajectory": False}),
        "network": recipe.network.model_copy(update={"bones": False}),
        "optimiser": optimiser,
    }
    return recipe.model_copy(update=changes)


def train_checkpoint(
    workspace: Workspace,
    name: str,
    recipe: Recipe,
    *,
    split: str,
    validation: str,
    tracks: Sequence[Path] = (),
    negatives: Path | None = None,
) -> Checkpoint:
    """Train a network in the folder RUNS/NAME, or continue an interrupted training.

    The confidence is calibrated on the validation split if the splits share no dancer.
    """
    run_training(
        recipe,
        data=workspace.data,
        split=split,
        validation=validation,
        out=workspace.runs / name,
        tracks=tracks,
        negatives=negatives,
    )
    return Checkpoint.load(workspace.runs / name / "checkpoint.pt")


def training_summary(checkpoint: Checkpoint) -> Result:
    """Return the size of a network and the length of its training."""
    optimiser = checkpoint.recipe.optimiser
    random = checkpoint.recipe.sampling.windows == "random"
    return {
        "recipe": checkpoint.recipe.name,
        "split": checkpoint.split,
        "epochs": checkpoint.epoch,
        "steps": checkpoint.epoch * optimiser.steps_per_epoch if random else None,
        "batch": optimiser.batch,
        "parameters": sum(value.numel() for value in checkpoint.weights.values()),
        "temperature": checkpoint.calibration.temperature,
    }


def live_classifier(workspace: Workspace, fold: str) -> CheckpointClassifier:
    """Return the network of the job `live-A` or `live-B`, calibrated without its test data."""
    path, other = (
        workspace.runs / f"live-{name}" / CHECKPOINT for name in (fold, OTHER_FOLD[fold])
    )
    return load_cross_calibrated(path, other)


def predict_clips(classifier: WindowClassifier, clips: list[Array]) -> list[NDArray[np.float32]]:
    """Return probabilities (W, K) for the windows (W, L, F) of each clip.

    The windows of all clips are classified together.
    """
    probabilities = classify_windows(np.concatenate(clips), classifier)
    return np.split(probabilities, np.cumsum([len(clip) for clip in clips])[:-1])
