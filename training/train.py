"""The command `train`: train a network on files, with progress, log and checkpoints."""

import csv
import math
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.media.track import NOT_DANCING, Track, read_tracks
from dancetype.engine.progress import console, progress_bar
from dancetype.training.checkpoint import Checkpoint
from dancetype.training.data import aist
from dancetype.training.data.negatives import (
    NegativeSequence,
    credit_negatives,
    negatives_in_split,
    read_negatives,
    rendered_negative,
)
from dancetype.training.data.splits import Split, find_split
from dancetype.training.evaluate import describe_overlap
from dancetype.training.recipe import Recipe
from dancetype.training.report import percent, save_curves
from dancetype.training.trainer import Trainer

CHECKPOINT: Final = "checkpoint.pt"
"""File name of the checkpoint in the folder of a run."""


def run_training(
    recipe: Recipe,
    *,
    data: Path,
    split: str,
    validation: str | None,
    out: Path,
    tracks: Sequence[Path] = (),
    negatives: Path | None = None,
    teachers: Sequence[Path] = (),
    on_epoch: Callable[[int], object] = lambda number: None,
) -> None:
    """Train a network, or continue an interrupted run.

    Writes `checkpoint.pt`, `log.csv` and `curves.png`.

    Args:
        recipe: Settings of the run.
        data: AIST++ folder.
        split: Split of `data` to train on.
        validation: Split of `data` to validate on, or None.
        out: Folder of the run.
        tracks: Folders of tracks to train on as well. Tracks of sequences outside the split are
            ignored, so that no sequence of another split is trained on.
        negatives: Folder of captured motion of people who do not dance; see `negatives_in_split`.
            Tracks of other captured motion are ignored.
        teachers: Checkpoints whose predictions are a part of the targets.
        on_epoch: Called with the number of each finished epoch.

    Raises:
        FileError: The folder contains a run of another recipe or split.
        ExpectedError: The data cannot be used.
    """
    train_split = find_split(data, split)
    validation_split = Split("nothing", []) if validation is None else find_split(data, validation)
    idle = [] if negatives is None else negatives_in_split(read_negatives(negatives), split)
    track_groups = tuple(_tracks_in_split(folder, train_split, idle) for folder in tracks)
    for folder, group in zip(tracks, track_groups, strict=True):
        split += f", {len(group)} tracks of {folder.name}"
    if negatives is not None:
        split += f", {len(idle)} sequences of {negatives.name}"
    if teachers:
        split += f", {len(teachers)} teachers"
    path = out / CHECKPOINT
    resume = Checkpoint.load(path) if path.exists() else None
    if resume is not None and (resume.recipe, resume.split) != (recipe, split):
        raise different_run_error(out, resume)
    trainer = Trainer(
        recipe,
        aist.read_sequences(data, train_split.sequences),
        aist.read_sequences(data, validation_split.sequences) if validation else [],
        split=split,
        tracks=track_groups,
        negatives=idle,
        teachers=[Checkpoint.load(teacher) for teacher in teachers],
        resume=resume,
    )
    trainer.checkpoint.negatives_credit = credit_negatives(idle)
    title = f"{recipe.name}, trained on {split}, validated on {validation_split.name}"
    console.print(f"{title}; {describe_overlap(train_split.dancers, validation_split.dancers)}")
    fit(trainer, out, title=title, on_epoch=on_epoch)
    temperature = trainer.calibrate()
    trainer.checkpoint.save(path)
    console.print(f"temperature {temperature:.2f}")
    console.print(f"{path}: trained; next, dancetype evaluate --model {path} or dancetype export")


def different_run_error(out: Path, checkpoint: Checkpoint) -> FileError:
    """Return the error for a folder whose checkpoint is not of the requested run."""
    return FileError(
        f"{out} contains a different run: recipe {checkpoint.recipe.name} on split "
        f"{checkpoint.split}; choose another folder, or remove this one"
    )


def fit(
    trainer: Trainer,
    out: Path,
    *,
    title: str,
    on_epoch: Callable[[int], object] = lambda number: None,
) -> None:
    """Train all epochs; print the results and save checkpoint, log and curves after each."""
    recipe, history = trainer.checkpoint.recipe, trainer.checkpoint.history
    out.mkdir(parents=True, exist_ok=True)
    with progress_bar(console) as progress:
        task = progress.add_task(recipe.name, total=trainer.steps_per_epoch)
        for epoch in trainer.epochs(on_step=lambda: progress.advance(task)):
            trainer.checkpoint.save(out / CHECKPOINT)
            with (out / "log.csv").open("w", newline="", encoding="utf-8") as file:
                log = csv.DictWriter(file, fieldnames=list(history[0]))
                log.writeheader()
                log.writerows(history)
            save_curves(history, out / "curves.png", title=title)
            progress.reset(task)
            line = (
                f"epoch {epoch.epoch}/{recipe.optimiser.epochs}  "
                f"loss {epoch.loss:.3f}  accuracy {percent(epoch.accuracy)}"
            )
            if not math.isnan(epoch.validation_loss):
                line += (
                    f"  validation loss {epoch.validation_loss:.3f}  "
                    f"validation accuracy {percent(epoch.validation_accuracy)}"
                )
            progress.console.print(line)
            on_epoch(epoch.epoch)


def _tracks_in_split(
    folder: Path, split: Split, negatives: Sequence[NegativeSequence]
) -> list[Track]:
    # Tracks without a sequence are in no split and can always be used.
    allowed = {"", *split.sequences}
    captured = {sequence.name for sequence in negatives}
    tracks = [
        track
        for track in read_tracks(folder)
        if track.sequence in allowed
        and (not captured or (name := rendered_negative(track)) is None or name in captured)
    ]
    check_track_genres(folder, tracks, CODES)
    return tracks


def check_track_genres(folder: Path, tracks: Sequence[Track], codes: Collection[str]) -> None:
    """Check that all tracks have a known genre, or `NOT_DANCING`.

    Raises:
        FileError: A track's genre is not in `codes`.
    """
    for track in tracks:
        if track.genre not in {*codes, NOT_DANCING}:
            raise FileError(
                f"{folder / track.name}.npz: unknown genre {track.genre!r}; the model is trained "
                f"on {', '.join(codes)}, and {NOT_DANCING}"
            )
