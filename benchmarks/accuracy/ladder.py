"""Accuracy by split: how much shared windows, sequences or dancers inflate the results.

The same small recipe is trained on one half of the sequences, about 450, and tested on test sets
that share less and less with the training data.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from benchmarks.accuracy.models import small_recipe, train_checkpoint, training_summary
from benchmarks.accuracy.workspace import OTHER_FOLD, Job, Result, Workspace, jobs_for_both_folds
from dancetype.training.checkpoint import CheckpointClassifier
from dancetype.training.data.aist import SequenceName
from dancetype.training.evaluate import evaluate_sequences
from dancetype.training.recipe import load_recipe

TEST_SETS: Final = {
    "windows": "other windows of the same sequences",
    "sequences": "other sequences; dancers and choreography are shared",
    "choreography": "other choreography; dancers are shared",
    "dancers": "other dancers",
}
"""Test sets, from the most to the least inflated result."""


@dataclass(frozen=True, slots=True)
class SequenceSplit:
    """Names of the training and test sequences."""

    training: list[str]
    test: list[str]


def split_sequences(names: list[str], test_set: str, fold: str) -> SequenceSplit:
    """Split sequences in two halves for a test set other than "dancers", which is a named split."""
    if test_set == "choreography":
        # The same choreographies of all dancers: dancers of a genre may share a choreography.
        parsed = [SequenceName.parse(name) for name in names]
        first = {n.text for n in parsed if int(n.choreography.removeprefix("ch")) % 2}
    else:
        order = np.random.default_rng(0).permutation(sorted(names))
        first = {str(name) for name in order[: len(names) // 2]}
    halves = {"A": sorted(first), "B": sorted(set(names) - first)}
    other = fold if test_set == "windows" else OTHER_FOLD[fold]
    return SequenceSplit(halves[fold], halves[other])


def jobs() -> list[Job]:
    """Return a job for each test set and fold."""
    return [
        job
        for test_set, description in TEST_SETS.items()
        for job in jobs_for_both_folds(
            f"ladder-{test_set}",
            f"small recipe, tested on {description}",
            partial(_run, test_set),
        )
    ]


def _run(test_set: str, fold: str, workspace: Workspace) -> Result:
    if test_set == "dancers":
        training_name, test_name = f"dancers:{fold}", f"dancers:{OTHER_FOLD[fold]}"
    else:
        split = split_sequences(workspace.split("all").sequences, test_set, fold)
        training_name = workspace.split_file(f"{test_set}-{fold}", split.training)
        test_name = workspace.split_file(f"{test_set}-{fold}-tested", split.test)
    checkpoint = train_checkpoint(
        workspace,
        f"ladder-{test_set}-{fold}",
        small_recipe(load_recipe(workspace.recipe), steps=workspace.steps),
        split=training_name,
        validation=test_name,
    )
    training, test = workspace.split(training_name), workspace.split(test_name)
    evaluation = evaluate_sequences(CheckpointClassifier(checkpoint), workspace.sequences(test))
    return {
        "model": training_summary(checkpoint),
        "learned": len(training.sequences),
        "figures": evaluation.figures(),
        "shared_dancers": len(set(test.dancers) & set(training.dancers)),
    }
