"""Other models on the same splits as the shipped LSTM."""

from functools import partial
from time import process_time
from typing import Final

import numpy as np

from benchmarks.accuracy.measures import of_tracks, summary
from benchmarks.accuracy.models import about, trained
from benchmarks.accuracy.place import OTHER, Job, Place, Result
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

FIRST_RECIPES: Final = ("first-20", "first-30", "even-30", "even-velocity", "even-attention")
"""The recipes that the project began with."""

MODELS: Final = ("live", "small", "stgcn", "trees", *FIRST_RECIPES)

SPLITS: Final = {
    "A": ("dancers:A", "dancers:B"),
    "B": ("dancers:B", "dancers:A"),
    "val": ("pose_train", "pose_val"),
}
"""Training and test data; the last pair shares its dancers."""

_TREE_BATCHES: Final = 300
_TIMED: Final = 30


def jobs() -> list[Job]:
    """Return a job for each model and split."""
    pairs = [(name, way) for name in ("small", "trees", "stgcn", "live") for way in OTHER]
    pairs += [(name, way) for way in ("A", "val") for name in FIRST_RECIPES]
    pairs.append(("live", "val"))
    return [
        Job(
            f"compare-{name}-{way}",
            f"{name}, {SPLITS[way][0]} to {SPLITS[way][1]}",
            partial(_run, name, way),
            _needs(name, way),
        )
        for name, way in pairs
    ]


def _needs(name: str, way: str) -> tuple[str, ...]:
    """Return the job that trains the network if it is another one."""
    if way == "val":
        return ()
    return {"live": (f"live-{way}",), "small": (f"ladder-dancers-{way}",)}.get(name, ())


def _run(name: str, way: str, place: Place) -> Result:
    make = _baseline if name in ("trees", "stgcn") else _lstm
    classifier, model = make(name, way, place)
    learned, tested = (place.split(split) for split in SPLITS[way])
    evaluation = evaluate_sequences(classifier, place.sequences(tested))
    real = of_tracks(classifier, place.real_tracks(), learned)
    return {
        "model": model,
        "trained": learned.name,
        "tested": tested.name,
        "figures": evaluation.figures(),
        "real_unseen": summary([row for row in real if not row["dancer_known"]]),
        "one_window_ms": _one_window_ms(classifier),
    }


def _one_window_ms(classifier: WindowClassifier) -> float:
    """Return the median processor time for one window."""
    spec = classifier.contract.window
    window: Array = np.random.default_rng(0).standard_normal(
        (1, spec.length, spec.features), np.float32
    )
    times: list[float] = []
    timed = timer(times, classifier, clock=process_time)
    for _ in range(_TIMED):
        timed(window)
    return 1000 * float(np.median(times))


def _lstm(name: str, way: str, place: Place) -> tuple[WindowClassifier, Result]:
    needs = _needs(name, way)
    if needs:
        checkpoint = Checkpoint.load(place.runs / needs[0] / "checkpoint.pt")
    else:
        learned, tested = SPLITS[way]
        recipe = load_recipe(place.recipe if name == "live" else name)
        run = f"compare-{name}-{way}"
        folders = place.rendered_folders() if name == "live" else []
        checkpoint = trained(place, run, recipe, split=learned, validation=tested, tracks=folders)
    return CheckpointClassifier(checkpoint), about(checkpoint)


def _baseline(name: str, way: str, place: Place) -> tuple[WindowClassifier, Result]:
    """Train another kind of model on the windows of the shipped recipe."""
    learned = place.split(SPLITS[way][0])
    sequences = place.sequences(learned)
    recipe = load_recipe(place.recipe)
    # These learn genres alone.
    sampling = recipe.sampling.model_copy(update={"idle": 0.0})
    recipe = recipe.model_copy(update={"sampling": sampling})
    contract = Contract(
        CODES, recipe.window.spec(), "camera", recipe.name, learned.name, tuple(learned.dancers)
    )
    model = {"recipe": name, "split": learned.name, "batch": recipe.optimiser.batch}
    if name == "trees":
        batches = RandomWindows(sequences, recipe)
        count = min(_TREE_BATCHES, place.steps)
        trees = train_boosted_trees((batches[step] for step in range(count)), contract)
        size = {"features": len(KINEMATIC_NAMES), "trees": TREES * len(CODES)}
        return trees, model | size | {"steps": count}
    graph = train_stgcn(recipe, sequences, contract, steps=place.graph_steps)
    parameters = sum(weights.numel() for weights in graph.network.parameters())
    return graph, model | {"steps": place.graph_steps, "parameters": parameters}
