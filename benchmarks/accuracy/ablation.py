"""Ablation: accuracy after each step from plain motion capture towards the live recipe."""

from functools import partial
from typing import Any, Final

from benchmarks.accuracy.measures import score_tracks, summarise
from benchmarks.accuracy.models import small_recipe, train_checkpoint, training_summary
from benchmarks.accuracy.unseen import score_rendered_tracks
from benchmarks.accuracy.workspace import OTHER_FOLD, Job, MissingDataError, Result, Workspace
from dancetype.training.checkpoint import CheckpointClassifier
from dancetype.training.evaluate import evaluate_sequences
from dancetype.training.recipe import Recipe, load_recipe

STEPS: Final = {
    "naive": "plain motion capture: x, y, z and velocities, no camera, no smoothing",
    "camera": "virtual camera: x, y, smoothed; headings, frame rates, limbs, mirror; no noise",
    "noise": "noise fitted to real clips",
    "rendered": "rendered tracks for three windows in ten",
}
"""Steps and their descriptions, each of which includes the earlier ones."""

SEEDS: Final = (0, 1)
SEQUENCE_STRIDE: Final = 2
"""Only every second sequence of the unseen dancers is tested, to save time."""


def jobs() -> list[Job]:
    """Return a job for each step, fold and seed."""
    return [
        Job(
            f"ablation-{step}-{fold}-{seed}",
            f"small recipe, {description}",
            partial(_run, step, fold, seed),
        )
        for seed in SEEDS
        for step, description in STEPS.items()
        for fold in OTHER_FOLD
    ]


def recipe_at_step(recipe: Recipe, step: str) -> Recipe:
    """Return a recipe that includes only the steps up to `step`.

    Raises:
        ValueError: The recipe has no camera.
    """
    if recipe.camera is None:
        raise ValueError(f"recipe {recipe.name} has no camera")
    update: dict[str, Any] = {}
    if step == "naive":
        update = {
            "camera": None,
            "window": recipe.window.model_copy(update={"axes": "xyz", "smooth": False}),
            "network": recipe.network.model_copy(update={"mirror": False}),
        }
    if step == "camera":
        no_noise = {"noise": (0.0, 0.0), "track_noise": 0.0, "thrown_share": 0.0, "thrown": 0.0}
        update = {"camera": recipe.camera.model_copy(update=no_noise)}
    return recipe.model_copy(update=update)


def _training_split(workspace: Workspace, fold: str) -> str:
    """Write the training sequences without the performances in the real tracks."""
    real = {track.sequence for track in workspace.real_tracks()}
    names = [name for name in workspace.split(f"dancers:{fold}").sequences if name not in real]
    return workspace.split_file(f"{fold}-unpaired", names)


def _run(step: str, fold: str, seed: int, workspace: Workspace) -> Result:
    if step == "rendered" and workspace.rendered is None:
        raise MissingDataError("needs --rendered")
    recipe = recipe_at_step(
        small_recipe(load_recipe(workspace.recipe), steps=workspace.steps), step
    )
    split = _training_split(workspace, fold)
    checkpoint = train_checkpoint(
        workspace,
        f"ablation-{step}-{fold}-{seed}",
        recipe.with_overrides(seed=seed, epochs=None),
        split=split,
        validation=f"dancers:{OTHER_FOLD[fold]}",
        tracks=workspace.rendered_folders() if step == "rendered" else [],
    )
    classifier = CheckpointClassifier(checkpoint)
    training = workspace.split(split)
    test = workspace.split(f"dancers:{OTHER_FOLD[fold]}")
    real = score_tracks(classifier, workspace.real_tracks(), training)
    tested = workspace.sequences(test)[::SEQUENCE_STRIDE]
    return {
        "model": training_summary(checkpoint),
        "figures": evaluate_sequences(classifier, tested).figures(),
        "rendered": score_rendered_tracks(classifier, workspace.rendered_tracks(test), training),
        "real": real,
        "real_summary": summarise(real),
        "real_unseen_summary": summarise([row for row in real if not row["dancer_known"]]),
    }
