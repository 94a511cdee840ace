"""From data to a model file: training, calibration, decision, figures and export.

Half A and half B of the data share no dancer. The models trained on them are only tested and used
for calibration; the exported model is trained on all data. All three are trained in the same way:
each is the mean of several networks that differ in their seed, and of one of another kind if the
recipe has one.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch

from dancetype.engine.errors import SettingsError
from dancetype.engine.files import atomic_write
from dancetype.engine.media.track import NOT_DANCING, Track, read_tracks
from dancetype.engine.progress import console, progress_bar
from dancetype.engine.workers import ReportProgress, Work, WorkerPool, discard_output
from dancetype.export.model_card import update_card
from dancetype.export.onnx import export
from dancetype.training.calibration import (
    OperatingPoint,
    UnseenData,
    calibrate,
    choose_decision,
    motions_from_tracks,
    operating_points,
    record_motions,
)
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.data import aist
from dancetype.training.data.idle import HELD_OUT_KINDS, idle_motions
from dancetype.training.data.negatives import (
    NegativeSequence,
    negatives_in_split,
    read_negatives,
    rendered_negative,
)
from dancetype.training.data.splits import find_split
from dancetype.training.evaluate import evaluate_sequences, evaluate_tracks
from dancetype.training.live import evaluate_live
from dancetype.training.probabilities import Calibration
from dancetype.training.recipe import Recipe
from dancetype.training.train import CHECKPOINT, run_training

ALL: Final = "all"
OTHER_HALF: Final = {"dancers:A": "dancers:B", "dancers:B": "dancers:A"}
"""Training split and test split of each half."""

MEMBERS: Final = 2
"""Number of networks in the shipped model, besides that of statistics."""

MIN_QUIET: Final = 0.95
MAX_WRONG: Final = 0.065
"""Limits of the decision for the models of the halves: shares of the time of people who do not
dance, and of dancers. The exported model has learned from twice as many dancers, and is wrong less
often.
"""

_IDLE_PEOPLE: Final = 60
_IDLE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Data of all trainings.

    Attributes:
        aist: AIST++ folder.
        tracks: Folders of rendered tracks.
        negatives: Folder of captured motion of people who do not dance, or None.
    """

    aist: Path
    tracks: tuple[Path, ...]
    negatives: Path | None


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """Training of one network; picklable.

    Attributes:
        recipe: Settings, with the seed.
        split: Split to train on.
        out: Folder of the run.
    """

    recipe: Recipe
    split: str
    out: Path


def build_model(
    recipe: Recipe, data: TrainingData, out: Path, *, members: int, jobs: int
) -> dict[str, Any]:
    """Train, calibrate and export a model, and return its figures.

    An interrupted build continues. Writes `live.onnx`, its model card `README.md`, `figures.json`
    and the folders of the trainings.

    Args:
        recipe: Recipe of all networks, with the seed of the first one.
        data: Data to train on.
        out: Folder of the build.
        members: Number of networks in the model, besides that of statistics.
        jobs: Number of trainings that run at the same time.

    Raises:
        ExpectedError: The data cannot be used, or a training failed.
    """
    if recipe.camera is None:
        raise SettingsError(
            f"the recipe {recipe.name} has no [camera], which records the motion to calibrate on; "
            "add one, as in the recipe live"
        )
    splits = (*OTHER_HALF, ALL)
    *half_tasks, final_task = train_networks(recipe, data, out, splits, members=members, jobs=jobs)
    with console.status("calibrating on unseen dancers"):
        halves = [read_half(data, OTHER_HALF[task.split]) for task in half_tasks]
        calibration, points = _calibrate(
            [calibrate_half(half, task) for half, task in zip(halves, half_tasks, strict=True)]
        )
        point = _choose(points)
    with console.status("testing on unseen dancers"):
        tests = [
            evaluate_half(half, task, other)
            for half, task, other in zip(halves, half_tasks, reversed(half_tasks), strict=True)
        ]
        figures = {
            "calibration": asdict(calibration),
            "decision": asdict(point.decision),
            "operating_points": [_summary(each) for each in points],
            "tests": tests,
        }
    final = Checkpoint.load(final_task.out / CHECKPOINT)
    final.calibration, final.decision = calibration, point.decision
    final.figures = {
        f"{test['tested']}, by the same recipe trained on {test['trained']}": test["motion_capture"]
        for test in tests
    }
    difference = export(final, out / "live.onnx")
    console.print(f"{out / 'live.onnx'}: agrees with PyTorch to {difference:.0e}")
    with atomic_write(out / "figures.json") as temporary:
        temporary.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    update_card(out / "README.md", figures)
    return figures


def train_networks(
    recipe: Recipe,
    data: TrainingData,
    out: Path,
    splits: Sequence[str],
    *,
    members: int,
    jobs: int,
) -> list[TrainingTask]:
    """Train the networks of each split, and combine them into a model.

    The networks are in the folders `live-SPLIT/seed-NUMBER` and `live-SPLIT/statistics` of `out`,
    and their mean is in `live-SPLIT`, with `dancers:A` shortened to `A`.

    Returns:
        The finished training of each model.

    Raises:
        ExpectedError: A training failed.
    """
    models = [
        TrainingTask(recipe, split, out / f"live-{split.removeprefix('dancers:')}")
        for split in splits
    ]
    networks = {model.out: _networks(model, members) for model in models}
    _train_all([task for tasks in networks.values() for task in tasks], data, jobs=jobs)
    for folder, tasks in networks.items():
        combined = Checkpoint.combine([Checkpoint.load(task.out / CHECKPOINT) for task in tasks])
        combined.save(folder / CHECKPOINT)
    return models


def _networks(model: TrainingTask, members: int) -> list[TrainingTask]:
    """Return the training of each network of a model."""
    recipe = model.recipe
    tasks = [
        replace(
            model,
            recipe=recipe.with_overrides(seed=seed, epochs=None),
            out=model.out / f"seed-{seed}",
        )
        for seed in range(recipe.seed, recipe.seed + members)
    ]
    if recipe.statistics is not None:
        alone = recipe.model_copy(update={"network": recipe.statistics})
        tasks.append(replace(model, recipe=alone, out=model.out / "statistics"))
    return tasks


def _train_all(tasks: Sequence[TrainingTask], data: TrainingData, *, jobs: int) -> None:
    """Train networks in several processes; a finished training is not repeated.

    Raises:
        ExpectedError: A training failed.
    """
    with (
        WorkerPool(open_trainer, processes=jobs) as pool,
        progress_bar(console, unit="epochs") as progress,
    ):
        total = sum(task.recipe.optimiser.epochs for task in tasks)
        bar = progress.add_task("training", total=total)
        work = [(task, data) for task in tasks]
        for _, error in pool.run(work, lambda _task, _epoch: progress.advance(bar)):
            if isinstance(error, BaseException):
                raise error


@contextmanager
def open_trainer() -> Iterator[Work]:
    """Open a worker that trains networks; an `OpenWorker` for pairs of a task and its data."""
    # More processes use the cores better than more threads.
    torch.set_num_threads(1)
    discard_output()
    yield _train


def _train(work: tuple[TrainingTask, TrainingData], report: ReportProgress) -> None:
    task, data = work
    run_training(
        task.recipe,
        data=data.aist,
        split=task.split,
        validation=OTHER_HALF.get(task.split),
        out=task.out,
        tracks=data.tracks,
        negatives=data.negatives,
        on_epoch=report,
    )


@dataclass(frozen=True, slots=True)
class HalfData:
    """Data of one half, to test a network on that was trained on the other.

    Attributes:
        split: Split of the half.
        sequences: Motion capture of its dancers.
        tracks: Rendered tracks of its dancers and of its captured negatives.
        negatives: Captured motion of people who do not dance.
    """

    split: str
    sequences: list[aist.AistSequence]
    tracks: list[Track]
    negatives: list[NegativeSequence]


def read_half(data: TrainingData, split: str) -> HalfData:
    """Read the data of one half.

    Raises:
        FileError: The data cannot be used.
    """
    names = find_split(data.aist, split).sequences
    negatives: list[NegativeSequence] = []
    if data.negatives is not None:
        negatives = negatives_in_split(read_negatives(data.negatives), split)
    captured = {sequence.name for sequence in negatives}
    tracks = [track for folder in data.tracks for track in read_tracks(folder)]
    return HalfData(
        split,
        aist.read_sequences(data.aist, names),
        [t for t in tracks if t.sequence in names or rendered_negative(t) in captured],
        negatives,
    )


def calibrate_half(half: HalfData, task: TrainingTask) -> UnseenData:
    """Calibrate the network of the other half, and save it.

    Returns:
        The network and the data that it was calibrated on.
    """
    path = task.out / CHECKPOINT
    checkpoint = Checkpoint.load(path)
    unseen = _unseen_data(half, task, CheckpointClassifier(checkpoint))
    checkpoint.calibration, points = _calibrate([unseen])
    checkpoint.decision = _choose(points).decision
    checkpoint.save(path)
    return unseen


def load_cross_calibrated(path: Path, other: Path) -> CheckpointClassifier:
    """Return a network with the calibration and the decision of the network of the other half.

    These were fitted on the dancers that the network was trained on, and not on its test data.

    Args:
        path: Checkpoint of the network.
        other: Checkpoint of the other network.
    """
    checkpoint, calibrated = Checkpoint.load(path), Checkpoint.load(other)
    checkpoint.calibration, checkpoint.decision = calibrated.calibration, calibrated.decision
    return CheckpointClassifier(checkpoint)


def _choose(points: Sequence[OperatingPoint]) -> OperatingPoint:
    return choose_decision(points, min_quiet=MIN_QUIET, max_wrong=MAX_WRONG)


def _calibrate(halves: Sequence[UnseenData]) -> tuple[Calibration, list[OperatingPoint]]:
    calibration = calibrate(halves)
    for half in halves:
        half.classifier.calibration = calibration
    return calibration, operating_points(halves)


def _unseen_data(
    half: HalfData, task: TrainingTask, classifier: CheckpointClassifier
) -> UnseenData:
    """Return a network and the motions of the half that it was not trained on."""
    seed, camera = task.recipe.seed, task.recipe.camera
    assert camera is not None
    motions = idle_motions(_IDLE_PEOPLE, seed=seed + 1, kinds=HELD_OUT_KINDS, seconds=_IDLE_SECONDS)
    captured = [(NOT_DANCING, motion.joints) for motion in motions]
    captured += [(NOT_DANCING, sequence.joints) for sequence in half.negatives]
    if all(track.genre == NOT_DANCING for track in half.tracks):
        captured += [(sequence.name.genre, sequence.joints) for sequence in half.sequences]
    return UnseenData(
        classifier,
        half.sequences,
        motions_from_tracks(half.tracks) + record_motions(captured, camera, seed=seed),
    )


def evaluate_half(half: HalfData, task: TrainingTask, other: TrainingTask) -> dict[str, Any]:
    """Return the figures of a network on the dancers of the other half."""
    classifier = load_cross_calibrated(task.out / CHECKPOINT, other.out / CHECKPOINT)
    figures: dict[str, Any] = {
        "trained": task.split,
        "tested": half.split,
        "motion_capture": evaluate_sequences(classifier, half.sequences).figures(),
    }
    dances = [track for track in half.tracks if track.genre != NOT_DANCING]
    if dances:
        live = evaluate_live(classifier, half.tracks).figures()
        figures["rendered"] = evaluate_tracks(classifier, dances).figures()
        figures["live"] = {name: live[name] for name in ("dance", "no_dance")}
    return figures


def _summary(point: OperatingPoint) -> dict[str, float]:
    decision = point.decision
    return {
        "time_constant": decision.time_constant,
        "enter": decision.enter[0],
        "leave": decision.leave[0],
        "right": point.right,
        "wrong": point.wrong,
        "quiet": point.quiet,
    }
