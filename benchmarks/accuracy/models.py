"""Train the networks that are measured, and load them."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.place import OTHER, Place, Result
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.recipe import Recipe
from dancetype.training.train import run_training

_BATCH = 256
_SMALL_EPOCHS = 4


def small(recipe: Recipe, *, steps: int) -> Recipe:
    """Return a recipe with random windows made small: fewer units, and `steps` batches in all."""
    hidden = min(recipe.network.hidden, 96)
    optimiser = recipe.optimiser.model_copy(
        update={
            "epochs": _SMALL_EPOCHS,
            "steps_per_epoch": math.ceil(steps / _SMALL_EPOCHS),
            # An average as long as the whole run would still remember how it began.
            "average": min(recipe.optimiser.average, 1 - 10 / max(steps, 20)),
        }
    )
    return recipe.model_copy(
        update={
            "name": "small",
            "network": recipe.network.model_copy(update={"hidden": hidden}),
            "optimiser": optimiser,
        }
    )


def trained(
    place: Place,
    name: str,
    recipe: Recipe,
    *,
    split: str,
    validation: str,
    tracks: Sequence[Path] = (),
) -> Checkpoint:
    """Train into the folder of that name, or continue an interrupted run.

    The temperature is fitted on the validation split if it shares no dancer with the other.
    """
    run_training(
        recipe,
        data=place.data,
        split=split,
        validation=validation,
        out=place.runs / name,
        tracks=tracks,
    )
    return Checkpoint.load(place.runs / name / "checkpoint.pt")


def about(checkpoint: Checkpoint) -> Result:
    """Return a network's size and training."""
    optimiser = checkpoint.recipe.optimiser
    random = checkpoint.recipe.sampling.windows == "random"
    return {
        "recipe": checkpoint.recipe.name,
        "split": checkpoint.split,
        "epochs": checkpoint.epoch,
        "steps": checkpoint.epoch * optimiser.steps_per_epoch if random else None,
        "batch": optimiser.batch,
        "parameters": sum(value.numel() for value in checkpoint.weights.values()),
        "temperature": checkpoint.temperature,
    }


def live_classifier(place: Place, way: str) -> CheckpointClassifier:
    """Return the network of `live-A` or `live-B`, calibrated without its test data.

    Its temperature is the other network's, which was fitted on the dancers that this one was
    trained on.
    """
    checkpoint = Checkpoint.load(place.runs / f"live-{way}" / "checkpoint.pt")
    other = Checkpoint.load(place.runs / f"live-{OTHER[way]}" / "checkpoint.pt")
    checkpoint.temperature = other.temperature
    return CheckpointClassifier(checkpoint)


def answers(classifier: WindowClassifier, each: list[Array]) -> list[NDArray[np.float32]]:
    """Return probabilities (W, K) of each clip's windows (W, L, F), computed in large batches."""
    windows = np.concatenate(each)
    if not len(windows):
        return [np.empty((0, len(classifier.contract.labels)), np.float32) for _ in each]
    batches = [windows[first : first + _BATCH] for first in range(0, len(windows), _BATCH)]
    found = np.concatenate([classifier(batch) for batch in batches])
    return np.split(found, np.cumsum([len(windows) for windows in each])[:-1])
