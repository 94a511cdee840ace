"""Compare ways to reject people who do not dance, by dancers named against others named.

The networks differ only in the output that people who do not dance are trained towards: equal
probabilities of all genres, a further class, or a separate score.
"""

from functools import partial
from typing import Final

from benchmarks.accuracy.answers import measure_answers, unseen_clips
from benchmarks.accuracy.models import short_recipe, train_checkpoint, training_summary
from benchmarks.accuracy.workspace import OTHER_FOLD, Job, MissingDataError, Result, Workspace
from dancetype.training.checkpoint import CheckpointClassifier
from dancetype.training.recipe import Recipe, load_recipe

OUTPUTS: Final = {
    "uniform": "no output; equal probabilities of all genres as target",
    "class": "a further class",
    "score": "a separate score",
}
"""Values of `network.rejection` and their descriptions."""

SEEDS: Final = (0, 1)


def jobs() -> list[Job]:
    """Return a job for each output, fold and seed."""
    return [
        Job(
            f"rejection-{output}-{fold}-{seed}",
            f"rejection by {description}",
            partial(_run, output, fold, seed),
        )
        for seed in SEEDS
        for output, description in OUTPUTS.items()
        for fold in OTHER_FOLD
    ]


def _run(output: str, fold: str, seed: int, workspace: Workspace) -> Result:
    if not workspace.rendered or workspace.negatives is None:
        raise MissingDataError("needs --rendered and --negatives")
    recipe = short_recipe(load_recipe(workspace.recipe), steps=workspace.steps)
    settings = recipe.model_dump()
    settings["network"]["rejection"] = output
    checkpoint = train_checkpoint(
        workspace,
        f"rejection-{output}-{fold}-{seed}",
        Recipe.model_validate(settings).with_overrides(seed=seed, epochs=None),
        split=f"dancers:{fold}",
        validation=f"dancers:{OTHER_FOLD[fold]}",
        tracks=workspace.rendered,
        negatives=workspace.negatives,
    )
    classifier = CheckpointClassifier(checkpoint)
    answers = measure_answers(classifier, unseen_clips(classifier, workspace, fold))
    return {"model": training_summary(checkpoint), "curve": answers["curve"]}
