"""What the verbs `train` and `evaluate` do, with a progress bar and a log."""

import csv
import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.media.track import NOT_DANCING, Track, read_tracks
from dancetype.engine.recognizer import WindowClassifier
from dancetype.training.data import aist
from dancetype.training.data.aist import read_sequences
from dancetype.training.data.splits import Split, find_split
from dancetype.training.evaluate import Evaluation, evaluate_sequences, evaluate_tracks
from dancetype.training.recipe import Recipe
from dancetype.training.report import percent, save_curves, shared_dancers

if TYPE_CHECKING:
    from dancetype.training.checkpoint import Checkpoint
    from dancetype.training.train import Trainer

CHECKPOINT: Final = "checkpoint.pt"

console: Final = Console(stderr=True, highlight=False, markup=False)


def load_split(data: Path, name: str) -> list[aist.Sequence]:
    """Reads all sequences of a split, with a line for each that had to be left out."""
    return read_split(data, find_split(data, name))


def read_split(data: Path, split: Split) -> list[aist.Sequence]:
    """The same of a split that was found before."""
    return read_sequences(data, split.sequences, on_drop=console.print)


def progress_bar() -> Progress:
    """On stderr, gone once it is done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def run_training(
    recipe: Recipe,
    *,
    data: Path,
    split: str,
    validation: str,
    out: Path,
    tracks: Sequence[Path] = (),
) -> None:
    """Trains into a folder: `checkpoint.pt`, `log.csv`, `curves.png`.

    Tracks of sequences that are not in the split are left out, so that it stays a split.

    Raises:
        FileError: the folder holds a run of another recipe or split.
        ExpectedError: the data cannot be used.
    """
    from dancetype.training.checkpoint import Checkpoint
    from dancetype.training.train import Trainer

    learn, watch = find_split(data, split), find_split(data, validation)
    filmed = tuple(_tracks_of(folder, learn) for folder in tracks)
    for folder, kept in zip(tracks, filmed, strict=True):
        split += f", {len(kept)} tracks of {folder.name}"
    file = out / CHECKPOINT
    resume = Checkpoint.load(file) if file.exists() else None
    if resume is not None and (resume.recipe, resume.split) != (recipe, split):
        raise other_run(out, resume)
    trainer = Trainer(
        recipe,
        read_split(data, learn),
        read_split(data, watch),
        split=split,
        tracks=filmed,
        resume=resume,
    )
    title = f"{recipe.name}, trained on {split}, validated on {validation}"
    console.print(f"{title}; {shared_dancers(learn.dancers, watch.dancers)}")
    fit(trainer, out, title=title)
    temperature = trainer.calibrate()
    trainer.checkpoint.save(file)
    console.print(f"temperature {temperature:.2f}")
    console.print(f"{file}: trained; next, dancetype evaluate --model {file} or dancetype export")


def other_run(out: Path, checkpoint: "Checkpoint") -> FileError:
    """What to say where a folder holds another run than the one asked for."""
    return FileError(
        f"{out} holds a run of recipe {checkpoint.recipe.name} on split {checkpoint.split} that is "
        "not the one asked for; choose another folder, or remove it"
    )


def fit(trainer: "Trainer", out: Path, *, title: str) -> None:
    """Trains to the end, with a line an epoch, and keeps checkpoint, log and curves in `out`."""
    recipe = trainer.checkpoint.recipe
    out.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        task = progress.add_task(recipe.name, total=trainer.steps_per_epoch)
        for epoch in trainer.epochs(on_step=lambda _: progress.advance(task)):
            trainer.checkpoint.save(out / CHECKPOINT)
            _write_log(trainer.checkpoint.history, out / "log.csv")
            save_curves(trainer.checkpoint.history, out / "curves.png", title=title)
            progress.reset(task)
            watched = (
                ""
                if math.isnan(epoch.validation_loss)
                else f"  validation loss {epoch.validation_loss:.3f}  "
                f"windows {percent(epoch.validation_accuracy)}"
            )
            progress.console.print(
                f"epoch {epoch.epoch}/{recipe.optimiser.epochs}  "
                f"loss {epoch.loss:.3f}  windows {percent(epoch.accuracy)}{watched}"
            )


def _tracks_of(folder: Path, split: Split) -> list[Track]:
    tracks = [
        track
        for track in read_tracks(folder)
        if not track.sequence or track.sequence in split.sequences
    ]
    check_genres(folder, tracks, CODES)
    return tracks


def check_genres(folder: Path, tracks: Sequence[Track], codes: Collection[str]) -> None:
    """Refuses tracks of a genre that nobody has heard of.

    Raises:
        FileError: with its code.
    """
    for track in tracks:
        if track.genre not in {*codes, NOT_DANCING}:
            raise FileError(
                f"{folder / track.name}.npz: {track.genre!r} is none of the genres to be learned: "
                f"{', '.join(codes)}, and {NOT_DANCING}"
            )


def _write_log(history: list[dict[str, float]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)


class Judge:
    """A model to be evaluated.

    Args:
        model: an ONNX file or a checkpoint; the shipped model where None.
    """

    def __init__(self, model: Path | None) -> None:
        self._classifier: WindowClassifier
        if model is None or model.suffix == ".onnx":
            self._classifier = Classifier(model, device="cpu")
        else:
            from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier

            self._classifier = CheckpointClassifier(Checkpoint.load(model))
        self._contract = self._classifier.contract
        self._name = "the shipped model" if model is None else model.name

    def on_split(self, data: Path, name: str) -> tuple[Evaluation, str]:
        """Evaluates on motion capture; the title names both splits and whom they share."""
        split = find_split(data, name)
        sequences = read_split(data, split)
        with progress_bar() as progress:
            task = progress.add_task("evaluating", total=len(sequences))
            evaluation = evaluate_sequences(
                self._classifier, sequences, on_clip=lambda: progress.advance(task)
            )
        shares = shared_dancers(list(self._contract.dancers), split.dancers)
        return evaluation, self._title(f"split {name}", shares)

    def on_tracks(self, folder: Path) -> tuple[Evaluation, str]:
        """Evaluates on the landmark tracks that show a dance."""
        tracks = [track for track in read_tracks(folder) if track.genre != NOT_DANCING]
        if not tracks:
            raise FileError(f"{folder}: no track in it shows a dance")
        dancers = [track.dancer for track in tracks if track.dancer]
        shares = shared_dancers(list(self._contract.dancers), dancers)
        title = self._title(f"{len(tracks)} landmark tracks in {folder}", shares)
        return evaluate_tracks(self._classifier, tracks), title

    def _title(self, tested: str, shares: str) -> str:
        return (
            f"{self._name} (recipe {self._contract.recipe}, trained on {self._contract.split}) "
            f"on {tested}; {shares}"
        )
