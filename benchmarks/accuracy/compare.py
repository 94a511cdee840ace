"""Other ways to tell genres, beside the LSTM that is shipped, on the same splits."""

from collections.abc import Callable
from functools import partial
from time import process_time
from typing import Final

import numpy as np

from benchmarks.accuracy.measures import of_tracks, summary
from benchmarks.accuracy.models import about, trained
from benchmarks.accuracy.place import Job, Place, Result
from dancetype.engine.contract import Contract
from dancetype.engine.genres import CODES
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.training.batches import RandomWindows
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.data.splits import Split
from dancetype.training.evaluate import evaluate_sequences
from dancetype.training.recipe import Recipe, load_recipe

BEGUN: Final = ("first-20", "first-30", "even-30", "even-velocity", "even-attention")
"""The recipes where the project began."""

SPLITS: Final = {
    "A": ("dancers:A", "dancers:B"),
    "B": ("dancers:B", "dancers:A"),
    "val": ("pose_train", "pose_val"),
}
"""What is trained on and what is tested on; the last pair shares its dancers."""

_TREE_BATCHES: Final = 300
_TIMED: Final = 30

Made = tuple[WindowClassifier, Result]
"""A model, and what there is to say of it."""


def jobs() -> list[Job]:
    """A model and a split each."""
    ways: dict[str, tuple[str, ...]] = {
        "small": ("A", "B"),
        "trees": ("A", "B"),
        "stgcn": ("A", "B"),
        "live": ("A", "B"),
    }
    ways |= dict.fromkeys(BEGUN, ("A",))
    asked = [(name, way) for name, its in ways.items() for way in its]
    asked += [(name, "val") for name in (*BEGUN, "live")]
    return [
        Job(
            f"compare-{name}-{way}",
            f"{name}, {SPLITS[way][0]} to {SPLITS[way][1]}",
            partial(_run, name, way),
            _needs(name, way),
        )
        for name, way in asked
    ]


def _needs(name: str, way: str) -> tuple[str, ...]:
    """Who trains the network, where another job does."""
    if way == "val":
        return ()
    return {"live": (f"live-{way}",), "small": (f"ladder-dancers-{way}",)}.get(name, ())


def _run(name: str, way: str, place: Place) -> Result:
    make: Callable[[str, str, Place], Made] = {"trees": _trees, "stgcn": _graph}.get(name, _lstm)
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
    """Processor time for one window: the median of some."""
    spec = classifier.contract.window
    window: Array = np.random.default_rng(0).standard_normal(
        (1, spec.length, spec.features), np.float32
    )
    times = []
    for _ in range(_TIMED):
        start = process_time()
        classifier(window)
        times.append(process_time() - start)
    return 1000 * float(np.median(times))


def _lstm(name: str, way: str, place: Place) -> Made:
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


def _bare(place: Place, learned: Split) -> tuple[Recipe, Contract]:
    """The shipped recipe's windows for another kind of model, and that model's contract."""
    recipe = load_recipe(place.recipe)
    # These learn genres alone.
    sampling = recipe.sampling.model_copy(update={"idle": 0.0})
    recipe = recipe.model_copy(update={"sampling": sampling})
    contract = Contract(
        CODES, recipe.window.spec(), "camera", recipe.name, learned.name, tuple(learned.dancers)
    )
    return recipe, contract


def _trees(name: str, way: str, place: Place) -> Made:
    from benchmarks.baselines.kinematics import KINEMATIC_NAMES, TREES, train_boosted_trees

    learned = place.split(SPLITS[way][0])
    recipe, contract = _bare(place, learned)
    batches = RandomWindows(place.sequences(learned), recipe)
    count = min(_TREE_BATCHES, place.steps)
    trees = train_boosted_trees((batches[step] for step in range(count)), contract)
    model = {
        "recipe": name,
        "split": learned.name,
        "steps": count,
        "batch": recipe.optimiser.batch,
        "features": len(KINEMATIC_NAMES),
        "trees": TREES * len(CODES),
    }
    return trees, model


def _graph(name: str, way: str, place: Place) -> Made:
    from benchmarks.baselines.stgcn import train_stgcn

    learned = place.split(SPLITS[way][0])
    recipe, contract = _bare(place, learned)
    classifier = train_stgcn(recipe, place.sequences(learned), contract, steps=place.graph_steps)
    model = {
        "recipe": name,
        "split": learned.name,
        "steps": place.graph_steps,
        "batch": recipe.optimiser.batch,
        "parameters": sum(p.numel() for p in classifier.network.parameters()),
    }
    return classifier, model
