"""Batches to train on; batch k of a recipe is the same in every process and order."""

from typing import Final, Literal, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec, cut_window
from dancetype.training.augment.camera import augment_track, simulate_camera
from dancetype.training.data.aist import FRAMES_PER_SECOND, AistSequence
from dancetype.training.data.sampling import Dance, chances, idlers, of_sequences, of_tracks
from dancetype.training.recipe import Recipe

NO_GENRE: Final = -1
"""Index in place of a genre's if nobody dances."""


def first_window(sequence: AistSequence, spec: WindowSpec) -> Array:
    """Return the window (L, F) at the start of a sequence, or all of a shorter one.

    Raises:
        FileError: The sequence is shorter than the shortest window.
    """
    end = min(sequence.seconds, spec.seconds) + 1e-6
    features = cut_window(sequence.times, sequence.joints, spec, end=end).features
    if features is None:
        raise _too_short(sequence)
    return features


def _too_short(sequence: AistSequence) -> FileError:
    text = sequence.name.text
    return FileError(f"{text}: {sequence.seconds:.1f} s is too short a sequence")


class Prepared(TypedDict):
    """Content of the file of `dancetype prepare`.

    Attributes:
        data: [N,T,17,C] float32.
        labels: [N] int64.
        genre_to_index: Genre codes and their labels.
    """

    data: Tensor
    labels: Tensor
    genre_to_index: dict[str, int]


def prepare(
    sequences: list[AistSequence],
    *,
    frames: int,
    select: Literal["first", "even"],
    velocity: bool,
) -> Prepared:
    """Return one window per sequence, normalised as every window is.

    Args:
        sequences: N sequences.
        frames: Frames per window, T.
        select: "first" for the first T of the 60 frames per second, "even" for T frames spread
            over the whole sequence.
        velocity: True for velocities (C = 6) after the positions (C = 3).

    Raises:
        FileError: A sequence is too short.
    """
    longest = max(sequence.seconds for sequence in sequences)
    seconds = (frames - 1) / FRAMES_PER_SECOND if select == "first" else longest
    shortest = seconds if select == "first" else min(s.seconds for s in sequences)
    spec = WindowSpec(seconds, shortest, frames, axes="xyz", velocity=velocity, smooth=False)
    windows = np.stack([first_window(sequence, spec) for sequence in sequences])
    genres = [CODES.index(sequence.name.genre) for sequence in sequences]
    return {
        "data": torch.from_numpy(windows.reshape(len(windows), frames, 17, spec.channels)),
        "labels": torch.tensor(genres, dtype=torch.int64),
        "genre_to_index": {code: index for index, code in enumerate(CODES)},
    }


class ClipWindows(Dataset[tuple[Tensor, Tensor]]):
    """Shuffled batches of one window per sequence and epoch; `labels` gives the indices' order."""

    def __init__(
        self, sequences: list[AistSequence], recipe: Recipe, *, labels: tuple[str, ...] = CODES
    ) -> None:
        spec = recipe.window.spec()
        self._windows = torch.from_numpy(np.stack([first_window(s, spec) for s in sequences]))
        self._labels = torch.tensor([labels.index(s.name.genre) for s in sequences])
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
        """Return windows (N, L, F) and the indices (N,) of their genres."""
        chosen = self._batches[step]
        return self._windows[chosen], self._labels[chosen]


class RandomWindows(Dataset[tuple[Tensor, Tensor]]):
    """Windows drawn at random from dances, each with its own simulated camera.

    Args:
        sequences: Motion capture to draw from.
        recipe: Recipe with random sampling.
        tracks: Folders of tracks to draw from as well.
        labels: Genre codes in the order of the indices.

    Raises:
        FileError: A sequence is shorter than the shortest window.
    """

    def __init__(
        self,
        sequences: list[AistSequence],
        recipe: Recipe,
        *,
        tracks: tuple[list[Track], ...] = (),
        labels: tuple[str, ...] = CODES,
    ) -> None:
        self._recipe = recipe
        self._labels = labels
        self._spec = recipe.window.spec()
        for sequence in sequences:
            if sequence.seconds < self._spec.min_seconds:
                raise _too_short(sequence)
        sampling = recipe.sampling
        groups = [of_sequences(sequences)]
        groups += [of_tracks(folder, min_seconds=self._spec.min_seconds) for folder in tracks]
        shares = [1 - sampling.tracks if tracks else 1.0]
        shares += [sampling.tracks / len(tracks) for _ in tracks]
        if sampling.idle:
            # Half of the idlers come from tracks that have some: otherwise a model could learn
            # that everybody in a track is dancing.
            groups.append(idlers(recipe.seed))
            shares.append(max(sampling.tracks, 1e-6))
        self._dances = [dance for group in groups for dance in group]
        self._chances = chances(groups, shares, advanced=sampling.advanced, idle=sampling.idle)

    def __len__(self) -> int:
        return self._recipe.optimiser.epochs * self._recipe.optimiser.steps_per_epoch

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Return windows (N, L, F) and the indices (N,) of their genres, or `NO_GENRE`."""
        rng = np.random.default_rng([self._recipe.seed, step])
        chosen = rng.choice(len(self._dances), self._recipe.optimiser.batch, p=self._chances)
        dances = [self._dances[index] for index in chosen]
        windows = [self._window(dance, rng) for dance in dances]
        labels = [
            NO_GENRE if dance.genre == NOT_DANCING else self._labels.index(dance.genre)
            for dance in dances
        ]
        return torch.from_numpy(np.stack(windows)), torch.tensor(labels)

    def _window(self, dance: Dance, rng: np.random.Generator) -> Array:
        sampling = self._recipe.sampling
        full = rng.random() < sampling.full
        seconds = self._spec.seconds if full else rng.uniform(*sampling.seconds)
        tempo = np.exp(rng.normal(0, sampling.tempo))
        times, joints = _stretch(dance, seconds / tempo, rng)
        times = times * tempo
        if self._recipe.camera is not None:
            shoot = augment_track if dance.filmed else simulate_camera
            times, joints = shoot(times, joints, self._recipe.camera, rng)
        window = cut_window(times, joints, self._spec, end=times[-1])
        # The camera may drop half a second in one piece, and leave too little.
        return self._window(dance, rng) if window.features is None else window.features


def _stretch(
    dance: Dance, seconds: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], Array]:
    """Cut out a stretch from a random time on, or all of a shorter dance."""
    start = dance.times[0] + rng.uniform(0, max(dance.seconds - seconds, 0))
    first, last = np.searchsorted(dance.times, [start - 1e-6, start + seconds + 1e-6])
    return dance.times[first:last], dance.joints[first:last]
