"""Ablation: what each step from motion capture towards a real camera brings."""

from functools import partial
from typing import Any, Final

from benchmarks.accuracy.measures import of_tracks, summary
from benchmarks.accuracy.models import about, small, trained
from benchmarks.accuracy.place import OTHER, Job, Place, PlaceError, Result
from benchmarks.accuracy.unseen import on_rendered
from dancetype.training.checkpoint import CheckpointClassifier
from dancetype.training.evaluate import evaluate_sequences
from dancetype.training.recipe import Recipe, load_recipe

STEPS: Final = {
    "naive": "motion capture as it stands: x, y, z and velocities, no camera, no smoothing",
    "camera": "a virtual camera: x, y, smoothed; headings, frame rates, limbs, mirror; no noise",
    "noise": "with noise fitted to real clips",
    "rendered": "with rendered tracks for three windows in ten",
}
SEEDS: Final = (0, 1)
EVERY: Final = 2
"""Only every second sequence of the unseen dancers is tested."""


def jobs() -> list[Job]:
    """Return a job for each step, way and seed."""
    return [
        Job(
            f"ablation-{step}-{way}-{seed}",
            f"small recipe, {what}",
            partial(_run, step, way, seed),
        )
        for seed in SEEDS
        for step, what in STEPS.items()
        for way in OTHER
    ]


def variant(recipe: Recipe, step: str) -> Recipe:
    """Return a recipe as it would be at a step of `STEPS`.

    Raises:
        ValueError: The recipe has no camera to leave out.
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
        perfect = {"noise": (0.0, 0.0), "track_noise": 0.0, "thrown_share": 0.0, "thrown": 0.0}
        update = {"camera": recipe.camera.model_copy(update=perfect)}
    return recipe.model_copy(update=update)


def _unpaired(place: Place, way: str) -> str:
    """Write a list of half the dancers without the performances that the real tracks show."""
    shown = {track.sequence for track in place.real_tracks()}
    names = [name for name in place.split(f"dancers:{way}").sequences if name not in shown]
    return place.split_file(f"{way}-unpaired", names)


def _run(step: str, way: str, seed: int, place: Place) -> Result:
    if step == "rendered" and place.rendered is None:
        raise PlaceError("needs --rendered")
    recipe = variant(small(load_recipe(place.recipe), steps=place.steps), step)
    split = _unpaired(place, way)
    checkpoint = trained(
        place,
        f"ablation-{step}-{way}-{seed}",
        recipe.with_overrides(seed=seed, epochs=None),
        split=split,
        validation=f"dancers:{OTHER[way]}",
        tracks=place.rendered_folders() if step == "rendered" else [],
    )
    classifier = CheckpointClassifier(checkpoint)
    learned = place.split(split)
    other = place.split(f"dancers:{OTHER[way]}")
    real = of_tracks(classifier, place.real_tracks(), learned)
    figures = evaluate_sequences(classifier, place.sequences(other)[::EVERY]).figures()
    return {
        "model": about(checkpoint),
        "figures": figures,
        "rendered": on_rendered(classifier, place.rendered_tracks(other), learned),
        "real": real,
        "real_summary": summary(real),
        "real_unseen_summary": summary([row for row in real if not row["dancer_known"]]),
    }
