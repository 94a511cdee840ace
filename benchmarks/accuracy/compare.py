"""Other models, trained and tested on the same splits as the shipped LSTM."""

from functools import lru_cache, partial
from time import process_time
from typing import Final

import numpy as np

from benchmarks.accuracy.measures import score_tracks, summarise
from benchmarks.accuracy.models import train_checkpoint, training_summary
from benchmarks.accuracy.workspace import OTHER_FOLD, Job, Result, Workspace
from benchmarks.baselines.kinematics import KINEMATIC_NAMES, TREES, train_boosted_trees
from benchmarks.baselines.stgcn import train_stgcn
from benchmarks.timer import timer
from dancetype.engine.contract import Contract
from dancetype.engine.genres import CODES
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.training.batches import RandomWindows
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.evaluate import evaluate_sequences
from dancetype.training.recipe import load_recipe
from dancetype.training.train import CHECKPOINT

FIRST_RECIPES: Final = ("first-20", "first-30", "even-30", "even-velocity", "even-attention")
"""Recipes of the first version of the project."""

SEEDS: Final = {"live": (0,), "stgcn": (0, 1), "trees": (0,)}
"""Seeds of each model that is compared in both folds. Both networks of "live" are one run."""

_SPLITS: Final = {
    "A": ("dancers:A", "dancers:B"),
    "B": ("dancers:B", "dancers:A"),
    "val": ("pose_train", "pose_val"),
}
"""Training and test data by name; those of `val` share their dancers."""

_TREE_BATCHES: Final = 300
_TIMED_CALLS: Final = 30


def jobs() -> list[Job]:
    """Return a job for each model, split and seed."""
    runs = [
        (name, fold, seed) for name, seeds in SEEDS.items() for fold in OTHER_FOLD for seed in seeds
    ]
    runs += [(name, split, 0) for split in ("A", "val") for name in FIRST_RECIPES]
    return [
        Job(
            f"compare-{name}-{split}-{seed}",
            f"{name}, {_SPLITS[split][0]} to {_SPLITS[split][1]}",
            partial(_run, name, split, seed),
            (f"live-{split}",) if name == "live" else (),
        )
        for name, split, seed in runs
    ]


def _run(name: str, split: str, seed: int, workspace: Workspace) -> Result:
    if name in ("live", *FIRST_RECIPES):
        classifier, model = _lstm(name, split, workspace)
    else:
        classifier, model = train_baseline(name, split, seed, workspace)
    training, test = map(workspace.split, _SPLITS[split])
    evaluation = evaluate_sequences(classifier, workspace.sequences(test))
    real = score_tracks(classifier, workspace.real_tracks(), training)
    return {
        "model": model,
        "trained": training.name,
        "tested": test.name,
        "figures": evaluation.figures(),
        "real_unseen": summarise([row for row in real if not row["dancer_known"]]),
        "one_window_ms": _one_window_ms(classifier),
    }


def _one_window_ms(classifier: WindowClassifier) -> float:
    """Return the median CPU time for one window."""
    spec = classifier.contract.window
    window: Array = np.random.default_rng(0).standard_normal(
        (1, spec.length, spec.features), np.float32
    )
    times: list[float] = []
    classify = timer(times, classifier, clock=process_time)
    for _ in range(_TIMED_CALLS):
        classify(window)
    return 1000 * float(np.median(times))


def _lstm(name: str, split: str, workspace: Workspace) -> tuple[WindowClassifier, Result]:
    """Load the live model, or train one of the first recipes."""
    if name == "live":
        checkpoint = Checkpoint.load(workspace.runs / f"live-{split}" / CHECKPOINT)
    else:
        training, test = _SPLITS[split]
        checkpoint = train_checkpoint(
            workspace,
            f"compare-{name}-{split}",
            load_recipe(name),
            split=training,
            validation=test,
        )
    return CheckpointClassifier(checkpoint), training_summary(checkpoint)


@lru_cache
def train_baseline(
    name: str, split: str, seed: int, workspace: Workspace
) -> tuple[WindowClassifier, Result]:
    """Train boosted trees or ST-GCN++ on the windows of the live recipe.

    The jobs of one process share the result.
    """
    training = workspace.split(_SPLITS[split][0])
    sequences = workspace.sequences(training)
    recipe = load_recipe(workspace.recipe).with_overrides(seed=seed, epochs=None)
    # These models are trained without people who do not dance.
    sampling = recipe.sampling.model_copy(update={"idle": 0.0})
    recipe = recipe.model_copy(update={"sampling": sampling})
    contract = Contract(
        CODES, recipe.window.spec(), "camera", recipe.name, training.name, tuple(training.dancers)
    )
    model = {"recipe": name, "split": training.name, "batch": recipe.optimiser.batch}
    if name == "trees":
        batches = RandomWindows.of_recordings(sequences, recipe)
        count = min(_TREE_BATCHES, workspace.steps)
        trees = train_boosted_trees((batches[step] for step in range(count)), contract)
        size = {"features": len(KINEMATIC_NAMES), "trees": TREES * len(CODES)}
        return trees, model | size | {"steps": count}
    graph = train_stgcn(recipe, sequences, contract, steps=workspace.graph_steps)
    parameters = sum(weights.numel() for weights in graph.network.parameters())
    return graph, model | {"steps": workspace.graph_steps, "parameters": parameters}
