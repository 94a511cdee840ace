"""Trains a network by a recipe."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from dancetype.engine.clip import clip_windows
from dancetype.engine.genres import GENRES
from dancetype.engine.media.track import Track
from dancetype.engine.skeleton import Array
from dancetype.training.calibration import fit_temperature
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.data.aist import Sequence
from dancetype.training.data.batches import NO_GENRE, ClipWindows, RandomWindows, first_window
from dancetype.training.device import Arithmetic
from dancetype.training.evaluate import seen_as
from dancetype.training.model import GenreLSTM
from dancetype.training.recipe import OptimiserSettings, Recipe

_VALIDATION_HOP = 2.0


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch came to; accuracies are of windows, from 0 to 1.

    Where there is nothing to watch, what it says of validation is NaN.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


class Trainer:
    """One training run, an epoch at a time.

    The same recipe, data and number of threads give the same weights, also where the run was
    broken off after an epoch and taken up again.

    Args:
        recipe: what to do.
        sequences: what to learn from.
        validation: what to watch; nothing is chosen by it.
        split: name of what is learned from.
        tracks: folders of tracks to learn from as well.
        validation_tracks: tracks to watch as well.
        genres: code and name of each that there is to tell apart.
        resume: a checkpoint of the same recipe to go on from.
        workers: processes that draw windows.
    """

    def __init__(
        self,
        recipe: Recipe,
        sequences: list[Sequence],
        validation: list[Sequence],
        *,
        split: str,
        tracks: tuple[list[Track], ...] = (),
        validation_tracks: list[Track] | None = None,
        genres: Mapping[str, str] = GENRES,
        resume: Checkpoint | None = None,
        workers: int = 1,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self._recipe = recipe
        self._workers = workers
        spec = recipe.window.spec()
        self._arithmetic = Arithmetic.best()
        self._device = self._arithmetic.device
        self._network = GenreLSTM(recipe.network, window=spec, genres=len(genres))
        self._network.to(self._device)
        self._labels = tuple(genres)
        self._data = _data(sequences, recipe, tracks, self._labels)
        optimiser = recipe.optimiser
        self._optimiser = _optimiser(self._network, optimiser)
        self._schedule = _schedule(self._optimiser, optimiser, self.steps_per_epoch)
        self._scaler = self._arithmetic.scaler()
        # With its buffers: weights and the statistics of batches have to be of the same age.
        self._average = AveragedModel(
            self._network, avg_fn=_moving_average(optimiser.average), use_buffers=True
        )
        filmed = {track.dancer for folder in tracks for track in folder if track.dancer}
        dancers = sorted({sequence.name.dancer for sequence in sequences} | filmed)
        self.checkpoint = resume or Checkpoint(recipe, split, dancers, 0, {}, genres=dict(genres))
        if resume is not None:
            self._take_up(resume)
        watched = validation_tracks or []
        self._validation = _validation_windows(validation, watched, self._classifier(), recipe)
        watching = {sequence.name.dancer for sequence in validation}
        watching |= {track.dancer for track in watched}
        self._unseen = bool(watching) and not watching & {"", *dancers}

    def epochs(self, on_step: Callable[[float], None] = lambda loss: None) -> Iterator[Epoch]:
        """Trains, and after each epoch updates `checkpoint` and says how it went.

        Args:
            on_step: called with the loss of each batch.
        """
        for number in range(self.checkpoint.epoch, self._recipe.optimiser.epochs):
            loss, accuracy = self._train(number, on_step)
            self._update_checkpoint(number + 1)
            validation_loss, validation_accuracy = self._validate()
            epoch = Epoch(number + 1, loss, accuracy, validation_loss, validation_accuracy)
            self.checkpoint.history.append({name: getattr(epoch, name) for name in epoch.__slots__})
            yield epoch

    @property
    def steps_per_epoch(self) -> int:
        """Batches an epoch."""
        return len(self._data) // self._recipe.optimiser.epochs

    def _train(self, epoch: int, on_step: Callable[[float], None]) -> tuple[float, float]:
        torch.manual_seed(self._recipe.seed + epoch)
        self._network.train()
        losses, right, count = [], 0, 0
        first = epoch * self.steps_per_epoch
        for windows, labels in self._batches(range(first, first + self.steps_per_epoch)):
            windows, labels = windows.to(self._device), labels.to(self._device)
            self._optimiser.zero_grad(set_to_none=True)
            with self._arithmetic.autocast():
                logits = self._network(windows)
            smoothing = self._recipe.optimiser.label_smoothing
            wanted = targets(labels, smoothing, genres=len(self._labels))
            loss = nn.functional.cross_entropy(logits.float(), wanted)
            self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self._scaler.unscale_(self._optimiser)
            nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
            self._scaler.step(self._optimiser)
            self._scaler.update()
            self._schedule.step()
            self._average.update_parameters(self._network)
            losses.append(loss.item())
            right += int((logits.argmax(dim=-1) == labels).sum())
            count += int((labels != NO_GENRE).sum())
            on_step(losses[-1])
        return float(np.mean(losses)), right / count

    def _batches(self, steps: range) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(
            DataLoader(self._data, batch_size=None, sampler=steps, num_workers=self._workers)
        )

    def _update_checkpoint(self, epochs: int) -> None:
        averaged = self._recipe.optimiser.average > 0
        best = self._average.module if averaged else self._network
        self.checkpoint.epoch = epochs
        self.checkpoint.weights = {k: v.cpu().clone() for k, v in best.state_dict().items()}
        self.checkpoint.resume = {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def _take_up(self, checkpoint: Checkpoint) -> None:
        if checkpoint.resume:
            self._network.load_state_dict(checkpoint.resume["network"])
            self._average.load_state_dict(checkpoint.resume["average"])
            self._optimiser.load_state_dict(checkpoint.resume["optimiser"])
            self._schedule.load_state_dict(checkpoint.resume["schedule"])
            # Empty where it was not needed, be it here or where the run began.
            if self._scaler.is_enabled() and checkpoint.resume.get("scaler"):
                self._scaler.load_state_dict(checkpoint.resume["scaler"])

    def calibrate(self) -> float:
        """Sets the checkpoint's temperature, fitted on the validation dancers, and returns it.

        On dancers that it was trained on, every network is right too often to tell: where the
        validation has no others, the recipe's temperature stands.
        """
        if self._unseen and len(self._validation[0]):
            self.checkpoint.temperature = 1.0
            self.checkpoint.temperature = fit_temperature(*self._validation_answers())
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
        log_probabilities, labels = self._validation_answers()
        loss = nn.functional.nll_loss(log_probabilities, labels)
        return loss.item(), (log_probabilities.argmax(dim=-1) == labels).float().mean().item()

    def _validation_answers(self) -> tuple[Tensor, Tensor]:
        """Logarithms of the probabilities (W, K) of the validation windows, and the truth (W,)."""
        windows, labels = self._validation
        return torch.from_numpy(self._classifier()(windows)).clamp_min(1e-9).log(), labels


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """How `AveragedModel` takes in a step; what is no measure but an index is copied.

    In the first steps it forgets faster, so that the random weights of the start do not linger.
    """

    def average(averaged: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        if not averaged.is_floating_point():
            return current
        return torch.lerp(averaged, current, 1 - min(decay, (1 + int(steps)) / (10 + int(steps))))

    return average


def targets(labels: Tensor, smoothing: float, *, genres: int) -> Tensor:
    """Probabilities (N, `genres`) to be learned for labels (N,); all alike where nobody dances.

    Source: label smoothing of Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016;
    outlier exposure of Hendrycks et al., "Deep Anomaly Detection with Outlier Exposure", ICLR 2019.
    """
    even = torch.full((len(labels), genres), 1 / genres, device=labels.device)
    one = nn.functional.one_hot(labels.clamp_min(0), genres)
    smoothing_each = torch.where(labels == NO_GENRE, 1.0, smoothing)[:, None]
    return (1 - smoothing_each) * one + smoothing_each * even


def _data(
    sequences: list[Sequence],
    recipe: Recipe,
    tracks: tuple[list[Track], ...],
    labels: tuple[str, ...],
) -> RandomWindows | ClipWindows:
    if recipe.sampling.windows == "clip":
        return ClipWindows(sequences, recipe, labels=labels)
    return RandomWindows(sequences, recipe, tracks=tracks, labels=labels)


def _optimiser(network: nn.Module, settings: OptimiserSettings) -> torch.optim.Optimizer:
    kind = torch.optim.Adam if settings.kind == "adam" else torch.optim.AdamW
    return kind(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)


def _schedule(
    optimiser: torch.optim.Optimizer, settings: OptimiserSettings, steps_per_epoch: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if settings.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0)
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        settings.learning_rate,
        total_steps=settings.epochs * steps_per_epoch + 1,
        pct_start=0.15,
    )


def _validation_windows(
    sequences: list[Sequence], tracks: list[Track], classifier: CheckpointClassifier, recipe: Recipe
) -> tuple[Array, Tensor]:
    """Windows (W, L, F) cut as in training, but from a clean view, and their genres (W,)."""
    spec, labels = classifier.contract.window, classifier.contract.labels
    if recipe.sampling.windows == "clip":
        each = [first_window(sequence, spec)[None] for sequence in sequences]
    else:
        seen = [(s.times, seen_as(s, classifier.contract)) for s in sequences]
        seen += [(track.times, track.joints) for track in tracks]
        each = [clip_windows(*dance, classifier, hop=_VALIDATION_HOP) for dance in seen]
    genres = [sequence.name.genre for sequence in sequences] + [track.genre for track in tracks]
    indices = [
        torch.full((len(windows),), labels.index(genre))
        for windows, genre in zip(each, genres, strict=True)
    ]
    empty = np.empty((0, spec.length, spec.features), np.float32)
    return np.concatenate([empty, *each]), torch.cat([torch.empty(0, dtype=torch.int64), *indices])
