"""Batches to train on; batch k of a recipe is the same whoever asks, and in whatever order."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from engine.genres import CODES
from engine.skeleton import Array
from engine.window import WindowSpec, cut_window
from training.aist import FRAMES_PER_SECOND, Sequence, SequenceError
from training.camera import film
from training.recipe import Recipe


def first_window(sequence: Sequence, spec: WindowSpec) -> Array:
    """(L, F): the window at the start of a sequence, or all of it where it is shorter.

    Raises:
        SequenceError: the sequence is shorter than the shortest window.
    """
    end = min(sequence.seconds, spec.seconds) + 1e-6
    features = cut_window(sequence.times, sequence.joints, spec, end=end).features
    if features is None:
        raise _too_short(sequence)
    return features


def _too_short(sequence: Sequence) -> SequenceError:
    text = sequence.name.text
    return SequenceError(f"{text}: {sequence.seconds:.1f} s is too short a sequence")


class ClipWindows(Dataset[tuple[Tensor, Tensor]]):
    """One window a sequence and epoch, as the project began: shuffled, in batches."""

    def __init__(self, sequences: list[Sequence], recipe: Recipe) -> None:
        spec = recipe.window.spec()
        self._windows = torch.from_numpy(np.stack([first_window(s, spec) for s in sequences]))
        self._labels = torch.tensor([CODES.index(s.name.genre) for s in sequences])
        batch = recipe.optimiser.batch
        self._batches = [
            torch.from_numpy(indices)
            for epoch in range(recipe.optimiser.epochs)
            for indices in np.array_split(
                np.random.default_rng([recipe.seed, epoch]).permutation(len(sequences)),
                -(-len(sequences) // batch),
            )
        ]

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Windows (N, L, F) and the indices (N,) of their genres."""
        chosen = self._batches[step]
        return self._windows[chosen], self._labels[chosen]


class RandomWindows(Dataset[tuple[Tensor, Tensor]]):
    """Windows drawn at random from the sequences, each seen by a camera of its own.

    Genres come up equally often, and the share of advanced choreography is the recipe's.

    Args:
        sequences: what to draw from.
        recipe: with random sampling.

    Raises:
        SequenceError: a sequence is shorter than the shortest window.
    """

    def __init__(self, sequences: list[Sequence], recipe: Recipe) -> None:
        self._sequences = sequences
        self._recipe = recipe
        self._spec = recipe.window.spec()
        self._weights = _weights(sequences, recipe.sampling.advanced)
        shortest = min(sequences, key=lambda sequence: sequence.seconds)
        if shortest.seconds < self._spec.min_seconds:
            raise _too_short(shortest)

    def __len__(self) -> int:
        return self._recipe.optimiser.epochs * self._recipe.optimiser.steps_per_epoch

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Windows (N, L, F) and the indices (N,) of their genres."""
        rng = np.random.default_rng([self._recipe.seed, step])
        chosen = rng.choice(len(self._sequences), self._recipe.optimiser.batch, p=self._weights)
        windows = [self._window(self._sequences[index], rng) for index in chosen]
        labels = [CODES.index(self._sequences[index].name.genre) for index in chosen]
        return torch.from_numpy(np.stack(windows)), torch.tensor(labels)

    def _window(self, sequence: Sequence, rng: np.random.Generator) -> Array:
        sampling = self._recipe.sampling
        full = rng.random() < sampling.full
        seconds = self._spec.seconds if full else rng.uniform(*sampling.seconds)
        tempo = np.exp(rng.normal(0, sampling.tempo))
        frames = min(round(seconds / tempo * FRAMES_PER_SECOND) + 1, len(sequence.joints))
        start = int(rng.integers(len(sequence.joints) - frames + 1))
        stretch = slice(start, start + frames)
        times, joints = sequence.times[stretch] * tempo, sequence.joints[stretch]
        if self._recipe.camera is not None:
            times, joints = film(times, joints, self._recipe.camera, rng)
        window = cut_window(times, joints, self._spec, end=times[-1])
        # Now and then the camera drops half a second at once, and too little is left.
        return self._window(sequence, rng) if window.features is None else window.features


def _weights(sequences: list[Sequence], advanced: float) -> NDArray[np.float64]:
    """Chance of each sequence: genres alike, advanced choreography by its share, then by length."""
    weights = np.array([sequence.seconds for sequence in sequences])
    genres = np.array([sequence.name.genre for sequence in sequences])
    situations = np.array([sequence.name.situation for sequence in sequences])
    for genre in np.unique(genres):
        for situation, share in (("FM", advanced), ("BM", 1 - advanced)):
            group = (genres == genre) & (situations == situation)
            weights[group] *= share / max(weights[group].sum(), 1e-9)
        weights[genres == genre] /= weights[genres == genre].sum()
    weights /= weights.sum()
    return weights
