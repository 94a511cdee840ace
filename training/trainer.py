"""Training loop of a network."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from dancetype.engine.errors import SettingsError
from dancetype.engine.genres import GENRES
from dancetype.engine.media.track import Track
from dancetype.training.batches import ClipWindows, RandomWindows, validation_windows
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.data import aist
from dancetype.training.data.negatives import NegativeSequence
from dancetype.training.device import ComputeDevice
from dancetype.training.distillation import TeacherEnsemble, blend_targets
from dancetype.training.model import create_network
from dancetype.training.probabilities import (
    cross_entropy,
    fit_genres,
    smooth_targets,
    split_logits,
)
from dancetype.training.recipe import OptimiserSettings, Recipe


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


def _check_teachers(teachers: Sequence[Checkpoint], recipe: Recipe, genres: Sequence[str]) -> None:
    """Check that the predictions of the teachers can be targets of the recipe.

    Raises:
        SettingsError: A teacher has another window, other genres, or no output for people who do
            not dance.
    """
    for teacher in teachers:
        if teacher.recipe.window != recipe.window or tuple(teacher.genres) != tuple(genres):
            raise SettingsError(
                f"the teacher {teacher.recipe.name} has another window or other genres than the "
                f"recipe {recipe.name}; train it with the same ones"
            )


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
        negatives: Captured motion of people who do not dance, to train on as well.
        teachers: Networks whose predictions are a part of the targets.
        genres: Code and name of each genre, in the order of the network's output.
        resume: Checkpoint of the same recipe to continue from.
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
        negatives: Sequence[NegativeSequence] = (),
        teachers: Sequence[Checkpoint] = (),
        genres: Mapping[str, str] = GENRES,
        resume: Checkpoint | None = None,
    ) -> None:
        self._recipe = recipe
        self._labels = tuple(genres)
        self._compute = ComputeDevice.best()
        _check_teachers(teachers, recipe, self._labels)
        self._teachers = TeacherEnsemble(teachers, self._compute) if teachers else None
        # Loading the teachers draws random numbers.
        torch.manual_seed(recipe.seed)
        self._data: ClipWindows | RandomWindows
        if recipe.sampling.windows == "clip":
            self._data = ClipWindows(sequences, recipe, labels=self._labels)
        else:
            self._data = RandomWindows.of_recordings(
                sequences,
                recipe,
                tracks=tracks,
                negatives=negatives,
                labels=self._labels,
                device=self._compute.device,
            )
        network = create_network(recipe.network, window=recipe.window.spec(), genres=len(genres))
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
        first = epoch * self.steps_per_epoch
        losses, correct, count = [], 0, 0
        for step in range(first, first + self.steps_per_epoch):
            windows, targets = (part.to(self._compute.device) for part in self._data[step])
            self._optimiser.zero_grad(set_to_none=True)
            with self._compute.autocast():
                logits = self._network(windows)
            logits = logits.float()
            loss = self._loss(logits, windows, targets)
            self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self._scaler.unscale_(self._optimiser)
            nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
            self._scaler.step(self._optimiser)
            self._scaler.update()
            self._schedule.step()
            self._average.update_parameters(self._network)
            losses.append(loss.item())
            # Mixtures count as their larger part.
            labels = targets.argmax(dim=1)
            dances = labels < len(self._labels)
            predicted = logits[:, : len(self._labels)].argmax(dim=-1)
            correct += int((predicted == labels)[dances].sum())
            count += int(dances.sum())
            on_step()
        return float(np.mean(losses)), correct / max(count, 1)

    def _loss(self, logits: Tensor, windows: Tensor, targets: Tensor) -> Tensor:
        settings = self._recipe.optimiser
        targets = smooth_targets(targets, settings.label_smoothing)
        if self._teachers is not None:
            targets = blend_targets(targets, self._teachers(windows), settings.teacher_weight)
        return cross_entropy(logits, targets, self._recipe.network.rejection)

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
        """Fit the checkpoint's confidence on the validation data, and return its temperature.

        If validation shares dancers with training, the recipe's temperature is used instead,
        because the accuracy on dancers that were trained on is too high for a realistic fit.
        """
        temperature, smoothing = self._recipe.temperature, 0.0
        if self._validation_dancers_are_new and len(self._validation[0]):
            temperature, smoothing = fit_genres(*self._validation_logits())
        self.checkpoint.calibration = replace(
            self.checkpoint.calibration, temperature=temperature, smoothing=smoothing
        )
        return temperature

    def _classifier(self) -> CheckpointClassifier:
        if not self.checkpoint.weights:
            self._update_checkpoint(0)
        return CheckpointClassifier(self.checkpoint)

    def _validate(self) -> tuple[float, float]:
        if not len(self._validation[0]):
            return math.nan, math.nan
        logits, labels = self._validation_logits()
        loss = nn.functional.cross_entropy(logits, labels)
        return loss.item(), (logits.argmax(dim=-1) == labels).float().mean().item()

    def _validation_logits(self) -> tuple[Tensor, Tensor]:
        """Return the genres' logits (W, K) and the labels (W,) of the validation windows."""
        windows, labels = self._validation
        logits = self._classifier().logits(windows)
        return split_logits(logits, self._recipe.network.rejection)[0], labels


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
    return kind(
        network.parameters(),
        settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def _create_schedule(
    optimiser: torch.optim.Optimizer, settings: OptimiserSettings, steps_per_epoch: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if settings.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0)
    total = settings.epochs * steps_per_epoch + 1
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=total, pct_start=0.15
    )
