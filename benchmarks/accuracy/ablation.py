"""Ablation: accuracy with each augmentation switch of the recipe, alone and together."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from benchmarks.accuracy.answers import ClassifiedClip, classify_tracks, compare_clips
from benchmarks.accuracy.measures import log_loss, score_tracks, summarise
from benchmarks.accuracy.models import short_recipe, train_checkpoint, training_summary
from benchmarks.accuracy.robustness import ORDINARY, measure_accuracy, simulate_clips
from benchmarks.accuracy.unseen import score_rendered_tracks
from benchmarks.accuracy.workspace import OTHER_FOLD, Job, MissingDataError, Result, Workspace
from dancetype.engine.recognizer import WindowClassifier
from dancetype.training.checkpoint import CheckpointClassifier
from dancetype.training.data.splits import Split
from dancetype.training.evaluate import evaluate_sequences
from dancetype.training.live import mean_of_clips
from dancetype.training.recipe import Recipe, load_recipe

STYLE: Final = {"motion": 0.2, "motion_joint": 0.1, "posture": 0.02, "time_warp": 0.15}
PART_SWAP: Final = {"part_swap": 0.5}
SPLICE: Final = {"splice": 0.5}
MIXUP: Final = {"mixup": 0.4, "mixup_share": 0.5}
MOVES: Final = {**STYLE, "part_swap": 0.4, "splice": 0.4}


@dataclass(frozen=True, slots=True)
class Step:
    """Step of the ablation.

    Attributes:
        title: Description in the table.
        switches: Settings of the section `[augmentation]`; the others are 0.
        rendered: Whether to train on rendered tracks too.
        negatives: Whether to train on captured motion of people who do not dance too.
        bones: Whether the bones are a part of the network's input.
        trajectory: Whether the pelvis's trajectory in the image is.
    """

    title: str
    switches: dict[str, float]
    rendered: bool = False
    negatives: bool = False
    bones: bool = False
    trajectory: bool = False


STEPS: Final = {
    "nothing": Step("nothing", {}),
    "style": Step("style", STYLE),
    "swap": Step("part swap", PART_SWAP),
    "splice": Step("splice", SPLICE),
    "mixup": Step("mixup", MIXUP),
    "swap-mixup": Step("part swap, mixup", PART_SWAP | MIXUP),
    "moves": Step("style, part swap, splice", MOVES),
    "moves-mixup": Step("+ mixup", MOVES | MIXUP),
    "rendered": Step("+ rendered dancers", MOVES | MIXUP, rendered=True),
    "negatives": Step("+ captured non-dance", MOVES | MIXUP, rendered=True, negatives=True),
    "bones": Step("+ bones", MOVES | MIXUP, rendered=True, negatives=True, bones=True),
    "trajectory": Step(
        "+ trajectory",
        MOVES | MIXUP,
        rendered=True,
        negatives=True,
        bones=True,
        trajectory=True,
    ),
    "mixup-trajectory": Step(
        "the same with mixup only",
        MIXUP,
        rendered=True,
        negatives=True,
        bones=True,
        trajectory=True,
    ),
}
"""Steps by name. A title that starts with + includes the step before."""

SEEDS: Final = (0, 1, 2)

NOISY: Final = ORDINARY.model_copy(update={"heading": 20.0})
"""An ordinary camera, to which the dancer has a heading with a standard deviation of 20 degrees."""


def jobs() -> list[Job]:
    """Return a job for each step, fold and seed."""
    return [
        Job(
            f"ablation-{name}-{fold}-{seed}",
            f"ablation: {step.title}",
            partial(_run, name, fold, seed),
        )
        for seed in SEEDS
        for name, step in STEPS.items()
        for fold in OTHER_FOLD
    ]


def settings_at_step(settings: dict[str, Any], step: Step) -> dict[str, Any]:
    """Return the settings of a recipe with the augmentation and the input of a step."""
    off = dict.fromkeys(settings["augmentation"], 0.0)
    return settings | {
        "augmentation": off | step.switches,
        "window": settings["window"] | {"trajectory": step.trajectory},
        "network": settings["network"] | {"bones": step.bones},
    }


def _run(name: str, fold: str, seed: int, workspace: Workspace) -> Result:
    step = STEPS[name]
    if step.rendered and not workspace.rendered:
        raise MissingDataError("needs --rendered")
    if step.negatives and workspace.negatives is None:
        raise MissingDataError("needs --negatives")
    recipe = short_recipe(load_recipe(workspace.recipe), steps=workspace.steps)
    recipe = Recipe.model_validate(settings_at_step(recipe.model_dump(), step))
    test = f"dancers:{OTHER_FOLD[fold]}"
    checkpoint = train_checkpoint(
        workspace,
        f"ablation-{name}-{fold}-{seed}",
        recipe.with_overrides(seed=seed, epochs=None),
        split=f"dancers:{fold}",
        validation=test,
        tracks=workspace.rendered if step.rendered else [],
        negatives=workspace.negatives if step.negatives else None,
    )
    classifier = CheckpointClassifier(checkpoint)
    training = workspace.split(f"dancers:{fold}")
    return {
        "model": training_summary(checkpoint),
        **measure(classifier, workspace, training, workspace.split(test)),
    }


def measure(
    classifier: WindowClassifier, workspace: Workspace, training: Split, test: Split
) -> Result:
    """Return the accuracy on motion capture without and with noise, and on rendered and real clips.

    Args:
        classifier: Model to test.
        workspace: Data.
        training: Split that the model was trained on.
        test: Split with other dancers.
    """
    sequences = workspace.sequences(test)
    evaluation = evaluate_sequences(classifier, sequences)
    real = [track for track in workspace.real_tracks() if track.dancer not in training.dancers]
    nondance = classify_tracks(classifier, workspace.nondance_tracks())
    return {
        "figures": evaluation.figures(),
        "log_loss": log_loss(evaluation),
        "noisy": measure_accuracy(classifier, simulate_clips(sequences, NOISY)),
        "rendered": score_rendered_tracks(classifier, workspace.rendered_tracks(test), training),
        "real": summarise(score_tracks(classifier, real, training)),
        "nondance": _mean_figures(classifier, nondance),
    }


def _mean_figures(classifier: WindowClassifier, clips: list[ClassifiedClip]) -> Result | None:
    contract = classifier.contract
    return mean_of_clips(compare_clips(clips, contract.rolling_estimate(), contract.labels))
