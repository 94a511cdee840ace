"""Measure each step from one network to averaged teachers and to the distilled student.

The networks are read from RUNS and not trained here: `live-FOLD/seed-SEED` and
`live-FOLD/statistics` for the networks of the live model, and `student-FOLD` for a network that was
trained with `--teacher` on them, each a folder with a checkpoint. Other kinds of models have no
checkpoint, so the job trains them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.ablation import measure
from benchmarks.accuracy.compare import train_baseline
from benchmarks.accuracy.models import training_summary
from benchmarks.accuracy.workspace import OTHER_FOLD, Job, MissingDataError, Result, Workspace
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.train import CHECKPOINT

_TINY: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Member:
    """Classifier, and the number of steps of its training; None if it is not trained in steps."""

    classifier: WindowClassifier
    steps: int | None = None


Members = list[Member]


class LogitMean:
    """Classifier that averages the logits of several others, which have the same windows.

    The logits of the genres are averaged over all members. Whether the person dances is averaged
    over those members whose output includes it.

    Args:
        members: Classifiers with the same genres.
    """

    def __init__(self, members: Sequence[WindowClassifier]) -> None:
        self._members = members
        self._has_dancing = [member.contract.dancing for member in members]
        # The contract of a member with this output, if there is one.
        self.contract = members[int(np.argmax(self._has_dancing))].contract

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        """Return probabilities (N, K) for windows (N, L, F)."""
        probabilities = np.stack([member(windows) for member in self._members]).clip(_TINY)
        # Logits are known up to a constant per window, which the softmax removes.
        logits = np.log(probabilities / probabilities.sum(axis=-1, keepdims=True)).mean(axis=0)
        exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
        mean: NDArray[np.float32] = exponentials / exponentials.sum(axis=-1, keepdims=True)
        if self.contract.dancing:
            dancing = probabilities[self._has_dancing].sum(axis=-1).clip(_TINY, 1 - _TINY)
            odds = np.exp((np.log(dancing) - np.log1p(-dancing)).mean(axis=0))
            mean = mean * (odds / (1 + odds))[:, None]
        return mean.astype(np.float32)


def load_seeds(fold: str, workspace: Workspace) -> Members:
    """Return the networks of the live model.

    Raises:
        MissingDataError: There is none.
    """
    model = f"live-{fold}"
    folders = sorted((workspace.runs / model).glob("seed-*"))
    return [load_network(f"{model}/{folder.name}", workspace) for folder in folders] or [
        load_network(f"{model}/seed-0", workspace)
    ]


def load_network(name: str, workspace: Workspace) -> Member:
    """Return the network in the folder RUNS/NAME.

    Raises:
        MissingDataError: The folder has no checkpoint.
    """
    path = workspace.runs / name / CHECKPOINT
    if not path.exists():
        raise MissingDataError(f"needs {path}")
    checkpoint = Checkpoint.load(path)
    return Member(CheckpointClassifier(checkpoint), training_summary(checkpoint)["steps"])


def _single(fold: str, workspace: Workspace) -> Members:
    return load_seeds(fold, workspace)[:1]


def _with_statistics(fold: str, workspace: Workspace) -> Members:
    return [*load_seeds(fold, workspace), load_network(f"live-{fold}/statistics", workspace)]


def _with_trees(fold: str, workspace: Workspace) -> Members:
    return [*_with_statistics(fold, workspace), _baseline("trees", fold, workspace)]


def _with_graph(fold: str, workspace: Workspace) -> Members:
    return [*_with_trees(fold, workspace), _baseline("stgcn", fold, workspace)]


def _baseline(name: str, fold: str, workspace: Workspace) -> Member:
    seed = 0
    return Member(train_baseline(name, fold, seed, workspace)[0])


def _student(fold: str, workspace: Workspace) -> Members:
    return [load_network(f"student-{fold}", workspace)]


STEPS: Final[dict[str, tuple[str, Callable[[str, Workspace], Members]]]] = {
    "single": ("one network", _single),
    "seeds": ("mean of the logits of several seeds", load_seeds),
    "statistics": ("+ network on statistics, as shipped", _with_statistics),
    "trees": ("+ boosted trees", _with_trees),
    "graph": ("+ ST-GCN++", _with_graph),
    "student": ("distilled student", _student),
}
"""Title of each step, and the function that returns its networks."""


def jobs() -> list[Job]:
    """Return a job for each step and fold."""
    return [
        Job(f"teachers-{step}-{fold}", f"teachers: {title}", partial(_run, step, fold))
        for step, (title, _) in STEPS.items()
        for fold in OTHER_FOLD
    ]


def _run(step: str, fold: str, workspace: Workspace) -> Result:
    members = STEPS[step][1](fold, workspace)
    classifiers = [member.classifier for member in members]
    classifier = classifiers[0] if len(classifiers) == 1 else LogitMean(classifiers)
    training = workspace.split(f"dancers:{fold}")
    test = workspace.split(f"dancers:{OTHER_FOLD[fold]}")
    return {
        "members": len(members),
        "steps": members[0].steps,
        **measure(classifier, workspace, training, test),
    }
