"""Compare ways to reject people who do not dance, by dancers named against others named.

The networks differ only in the output that people who do not dance are trained towards: equal
probabilities of all genres, a further class, or a separate score. A genre counts as named in a
window if its probability exceeds a threshold. Each network is given the thresholds at which it
names other people equally often, because the networks differ in confidence.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.answers import ClassifiedClip, unseen_clips
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

PAIRS: Final = {
    "rendered dancers": ("rendered", ("negatives", "generated")),
    "real clips": ("real", ("nondance",)),
}
"""Test set of dancers, and those of people who do not dance, by the title of the pair."""

NAMED: Final = (0.02, 0.05, 0.1, 0.2)
"""Shares of the windows of people who do not dance in which a genre is named."""


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
    clips = unseen_clips(classifier, workspace, fold)
    return {
        "model": training_summary(checkpoint),
        "pairs": {
            title: named_shares(
                clips[dancers],
                [clip for name in others for clip in clips[name]],
                classifier.contract.labels,
            )
            for title, (dancers, others) in PAIRS.items()
            if clips[dancers] and any(clips[name] for name in others)
        },
    }


def named_shares(
    dancers: Iterable[ClassifiedClip], others: Iterable[ClassifiedClip], labels: Sequence[str]
) -> list[Result]:
    """Return the shares of dancers' windows that are named right and wrong, for each of `NAMED`.

    The windows of a clip together count as much as those of any other clip.
    """
    confidences, weights, _ = _confidences(others, labels)
    thresholds = np.quantile(
        confidences, 1 - np.array(NAMED), weights=weights, method="inverted_cdf"
    )
    confidences, weights, correct = _confidences(dancers, labels)
    return [
        {
            "others": share,
            "right": weights[named & correct].sum(),
            "wrong": weights[named & ~correct].sum(),
        }
        for share, named in zip(NAMED, confidences > thresholds[:, None], strict=True)
    ]


def _confidences(
    clips: Iterable[ClassifiedClip], labels: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return the highest probability, the weight and the correctness of each window (W,)."""
    confidences, weights, correct = [], [], []
    for clip in clips:
        windows = clip.windows.probabilities[clip.windows.seconds > 0]
        confidences.append(windows.max(axis=1, initial=0))
        weights.append(np.full(len(windows), 1 / max(len(windows), 1)))
        correct.append(np.array(labels)[windows.argmax(axis=1)] == clip.genre)
    total = np.concatenate(weights)
    return np.concatenate(confidences), total / total.sum(), np.concatenate(correct)
