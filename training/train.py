"""Training of a network: `Trainer` is the training loop, `run_training` the command."""

import csv
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES, GENRES
from dancetype.engine.media.track import NOT_DANCING, Track, read_tracks
from dancetype.engine.progress import console, progress_bar
from dancetype.training.batches import (
    NO_GENRE,
    ClipWindows,
    RandomWindows,
    target_probabilities,
    validation_windows,
)
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.data import aist
from dancetype.training.data.splits import Split, find_split
from dancetype.training.device import ComputeDevice
from dancetype.training.evaluate import describe_overlap
from dancetype.training.model import GenreLSTM
from dancetype.training.recipe import OptimiserSettings, Recipe
from dancetype.training.report import percent, save_curves

CHECKPOINT: Final = "checkpoint.pt"
"""File name of the checkpoint in the folder of a run."""


def run_training(
    recipe: Recipe,
    *,
    data: Path,
    split: str,
    validation: str,
    out: Path,
    tracks: Sequence[Path] = (),
) -> None:
    """Train a network, or continue an interrupted run.

    Writes `checkpoint.pt`, `log.csv` and `curves.png`.

    Args:
        recipe: Settings of the run.
        data: AIST++ folder.
        split: Split of `data` to train on.
        validation: Split of `data` to validate on.
        out: Folder of the run.
        tracks: Folders of tracks to train on as well. Tracks of sequences outside the split are
            ignored, so that no sequence of another split is trained on.

    Raises:
        FileError: The folder contains a run of another recipe or split.
        ExpectedError: The data cannot be used.
    """
    train_split, validation_split = find_split(data, split), find_split(data, validation)
    track_groups = tuple(_tracks_in_split(folder, train_split) for folder in tracks)
    for folder, group in zip(tracks, track_groups, strict=True):
        split += f", {len(group)} tracks of {folder.name}"
    path = out / CHECKPOINT
    resume = Checkpoint.load(path) if path.exists() else None
    if resume is not None and (resume.recipe, resume.split) != (recipe, split):
        raise different_run_error(out, resume)
    trainer = Trainer(
        recipe,
        aist.read_sequences(data, train_split.sequences),
        aist.read_sequences(data, validation_split.sequences),
        split=split,
        tracks=track_groups,
        resume=resume,
    )
    title = f"{recipe.name}, trained on {split}, validated on {validation}"
    console.print(f"{title}; {describe_overlap(train_split.dancers, validation_split.dancers)}")
    fit(trainer, out, title=title)
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


def fit(trainer: "Trainer", out: Path, *, title: str) -> None:
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


def _tracks_in_split(folder: Path, split: Split) -> list[Track]:
    # Tracks without a sequence are in no split and can always be used.
    allowed = {"", *split.sequences}
    tracks = [track for track in read_tracks(folder) if track.sequence in allowed]
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


@dataclass(frozen=True, slots=True)
class Epoch:
    """Results of one epoch.

    Attributes:
        epoch: Number of the epoch, from 1.
        loss: Mean training loss.
        accuracy: Share of training windows classified correctly, without those of idle people.
        validation_loss: Validation loss; NaN without validation data.
        validation_accuracy: Share of validation windows classified correctly; NaN without
            validation data.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


class Trainer:
    """Training loop.

    The same recipe, data and number of threads give the same weights, even if the run was
    interrupted after an epoch and resumed.

    Args:
        recipe: Settings of the run.
        sequences: Motion capture to train on.
        validation: Motion capture to validate on. Validation results are only reported; they
            do not select an epoch.
        split: Name of the training data.
        tracks: Groups of tracks to train on as well.
        validation_tracks: Tracks to validate on as well.
        genres: Code and name of each genre, in the order of the network's output.
        resume: Checkpoint of the same recipe to continue from.
        workers: Number of processes that sample windows.
    """

    def __init__(
        self,
        recipe: Recipe,
        sequences: list[aist.AistSequence],
        validation: list[aist.AistSequence],
        *,
        split: str,
        tracks: tuple[list[Track], ...] = (),
        validation_tracks: Sequence[Track] = (),
        genres: Mapping[str, str] = GENRES,
        resume: Checkpoint | None = None,
        workers: int = 1,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self._recipe = recipe
        self._workers = workers
        self._labels = tuple(genres)
        self._compute = ComputeDevice.best()
        self._data: ClipWindows | RandomWindows
        if recipe.sampling.windows == "clip":
            self._data = ClipWindows(sequences, recipe, labels=self._labels)
        else:
            self._data = RandomWindows(sequences, recipe, tracks=tracks, labels=self._labels)
        network = GenreLSTM(recipe.network, window=recipe.window.spec(), genres=len(genres))
        self._network = network.to(self._compute.device)
        settings = recipe.optimiser
        # Average the buffers too, so that the batch statistics match the averaged weights.
        self._average = AveragedModel(
            self._network, avg_fn=_moving_average(settings.average), use_buffers=True
        )
        self._optimiser = _create_optimiser(self._network, settings)
        self._schedule = _create_schedule(self._optimiser, settings, self.steps_per_epoch)
        self._scaler = self._compute.scaler()
        dancers = {sequence.name.dancer for sequence in sequences}
        dancers |= {track.dancer for group in tracks for track in group} - {""}
        self.checkpoint = resume or Checkpoint(
            recipe, split, sorted(dancers), 0, {}, genres=dict(genres)
        )
        if resume is not None:
            self._load_state(resume.resume)
        self._validation = validation_windows(
            validation, validation_tracks, self._classifier(), recipe
        )
        validation_dancers = {sequence.name.dancer for sequence in validation}
        validation_dancers |= {track.dancer for track in validation_tracks}
        # An unknown dancer, "", may also be in the training data.
        self._validation_dancers_are_new = bool(validation_dancers) and not (
            validation_dancers & {"", *dancers}
        )

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches per epoch."""
        return len(self._data) // self._recipe.optimiser.epochs

    def epochs(self, on_step: Callable[[], object] = lambda: None) -> Iterator[Epoch]:
        """Train, and yield the results of each epoch after updating `checkpoint`.

        Args:
            on_step: Callback after each batch.
        """
        for number in range(self.checkpoint.epoch, self._recipe.optimiser.epochs):
            loss, accuracy = self._train_epoch(number, on_step)
            self._update_checkpoint(number + 1)
            epoch = Epoch(number + 1, loss, accuracy, *self._validate())
            self.checkpoint.history.append(asdict(epoch))
            yield epoch

    def _train_epoch(self, epoch: int, on_step: Callable[[], object]) -> tuple[float, float]:
        """Train one epoch, and return its mean loss and accuracy."""
        torch.manual_seed(self._recipe.seed + epoch)
        self._network.train()
        smoothing, first = self._recipe.optimiser.label_smoothing, epoch * self.steps_per_epoch
        steps = range(first, first + self.steps_per_epoch)
        losses, correct, count = [], 0, 0
        for windows, labels in DataLoader(
            self._data, batch_size=None, sampler=steps, num_workers=self._workers
        ):
            windows, labels = windows.to(self._compute.device), labels.to(self._compute.device)
            self._optimiser.zero_grad(set_to_none=True)
            with self._compute.autocast():
                logits = self._network(windows)
            targets = target_probabilities(labels, smoothing, genres=len(self._labels))
            loss = nn.functional.cross_entropy(logits.float(), targets)
            self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self._scaler.unscale_(self._optimiser)
            nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
            self._scaler.step(self._optimiser)
            self._scaler.update()
            self._schedule.step()
            self._average.update_parameters(self._network)
            losses.append(loss.item())
            correct += int((logits.argmax(dim=-1) == labels).sum())
            count += int((labels != NO_GENRE).sum())
            on_step()
        return float(np.mean(losses)), correct / count

    def _stateful_components(self) -> dict[str, Any]:
        return {
            "network": self._network,
            "average": self._average,
            "optimiser": self._optimiser,
            "schedule": self._schedule,
            "scaler": self._scaler,
        }

    def _update_checkpoint(self, epochs: int) -> None:
        averaged = self._recipe.optimiser.average > 0
        network = self._average.module if averaged else self._network
        self.checkpoint.epoch = epochs
        self.checkpoint.weights = {k: v.cpu().clone() for k, v in network.state_dict().items()}
        self.checkpoint.resume = {
            name: component.state_dict() for name, component in self._stateful_components().items()
        }

    def _load_state(self, saved: Mapping[str, Any]) -> None:
        for name, component in self._stateful_components().items():
            # A disabled scaler has no state. The run may have started on another device, and the
            # scaler may be enabled only there, or only here.
            if saved.get(name) and (component is not self._scaler or self._scaler.is_enabled()):
                component.load_state_dict(saved[name])

    def calibrate(self) -> float:
        """Fit the checkpoint's temperature on the validation data, and return it.

        If validation shares dancers with training, the recipe's temperature is used instead,
        because the accuracy on dancers that were trained on is too high for a realistic fit.
        """
        if self._validation_dancers_are_new and len(self._validation[0]):
            # The predictions must not be scaled by an earlier temperature.
            self.checkpoint.temperature = 1.0
            self.checkpoint.temperature = fit_temperature(*self._predict_validation())
        else:
            self.checkpoint.temperature = self._recipe.temperature
        return self.checkpoint.temperature

    def _classifier(self) -> CheckpointClassifier:
        if not self.checkpoint.weights:
            self._update_checkpoint(0)
        return CheckpointClassifier(self.checkpoint)

    def _validate(self) -> tuple[float, float]:
        if not len(self._validation[0]):
            return math.nan, math.nan
        log_probabilities, labels = self._predict_validation()
        loss = nn.functional.nll_loss(log_probabilities, labels)
        return loss.item(), (log_probabilities.argmax(dim=-1) == labels).float().mean().item()

    def _predict_validation(self) -> tuple[Tensor, Tensor]:
        """Return log-probabilities (W, K) and labels (W,) of the validation windows."""
        windows, labels = self._validation
        return torch.from_numpy(self._classifier()(windows)).clamp_min(1e-9).log(), labels


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the divisor of the logits that minimises the cross-entropy.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Args:
        logits: Logits (N, K) for dancers that were not trained on.
        labels: Labels (N,).
    """
    candidates = np.geomspace(0.25, 4, 161)
    losses = [nn.functional.cross_entropy(logits / value, labels).item() for value in candidates]
    return float(candidates[int(np.argmin(losses))])


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return the update rule for `AveragedModel`; integer buffers are copied.

    The decay is smaller in the first steps, so that the random initial weights are soon forgotten.
    """

    def update(averaged: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        if not averaged.is_floating_point():
            return current
        return torch.lerp(averaged, current, 1 - min(decay, (1 + int(steps)) / (10 + int(steps))))

    return update


def _create_optimiser(network: nn.Module, settings: OptimiserSettings) -> torch.optim.Optimizer:
    kind = torch.optim.Adam if settings.kind == "adam" else torch.optim.AdamW
    return kind(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)


def _create_schedule(
    optimiser: torch.optim.Optimizer, settings: OptimiserSettings, steps_per_epoch: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if settings.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0)
    total = settings.epochs * steps_per_epoch + 1
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=total, pct_start=0.15
    )
