"""Training batches; batch k of a recipe is the same in every process and in any order."""

from collections.abc import Sequence
from typing import Final, Literal, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from dancetype.engine.clip import clip_windows
from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec, cut_window
from dancetype.training.augment.camera import augment_track, simulate_camera
from dancetype.training.data.aist import FRAMES_PER_SECOND, AistSequence
from dancetype.training.data.sampling import (
    TrainingClip,
    clips_from_sequences,
    clips_from_tracks,
    idle_clips,
    sampling_probabilities,
)
from dancetype.training.evaluate import model_view
from dancetype.training.recipe import Recipe

NO_GENRE: Final = -1
"""Label of a window in which no person dances."""

_VALIDATION_HOP: Final = 2.0  # seconds


def first_window(sequence: AistSequence, spec: WindowSpec) -> Array:
    """Return the window (L, F) at the start of a sequence, or all of a shorter sequence.

    Raises:
        FileError: The sequence is shorter than the shortest window.
    """
    end = min(sequence.seconds, spec.seconds) + 1e-6
    features = cut_window(sequence.times, sequence.joints, spec, end=end).features
    if features is None:
        raise _too_short_error(sequence, spec)
    return features


def _too_short_error(sequence: AistSequence, spec: WindowSpec) -> FileError:
    return FileError(
        f"{sequence.name.text}: the sequence is {sequence.seconds:.1f} s long, but a window needs "
        f"at least {spec.min_seconds:.1f} s"
    )


class PreparedDataset(TypedDict):
    """Content of the file written by `dancetype prepare`.

    Attributes:
        data: Windows (N, T, 17, C), float32.
        labels: Indices of the genres (N,), int64.
        genre_to_index: Index of each genre code.
    """

    data: Tensor
    labels: Tensor
    genre_to_index: dict[str, int]


def prepare_dataset(
    sequences: list[AistSequence],
    *,
    frames: int,
    select: Literal["first", "even"],
    velocity: bool,
) -> PreparedDataset:
    """Return one window per sequence, normalised in the same way as for training and inference.

    Args:
        sequences: N sequences.
        frames: Frames per window, T.
        select: "first" for the first T frames at 60 frames per second, "even" for T frames spread
            over the whole sequence.
        velocity: True to append velocities (C = 6) to the positions (C = 3).

    Raises:
        FileError: A sequence is too short.
    """
    longest = max(sequence.seconds for sequence in sequences)
    seconds = (frames - 1) / FRAMES_PER_SECOND if select == "first" else longest
    min_seconds = seconds if select == "first" else min(s.seconds for s in sequences)
    spec = WindowSpec(seconds, min_seconds, frames, axes="xyz", velocity=velocity, smooth=False)
    windows = np.stack([first_window(sequence, spec) for sequence in sequences])
    labels = [CODES.index(sequence.name.genre) for sequence in sequences]
    return {
        "data": torch.from_numpy(windows.reshape(len(windows), frames, 17, spec.channels)),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "genre_to_index": {code: index for index, code in enumerate(CODES)},
    }


class ClipWindows(Dataset[tuple[Tensor, Tensor]]):
    """Shuffled batches with the first window of each sequence once per epoch.

    Args:
        sequences: Motion capture to train on.
        recipe: Recipe whose `sampling.windows` is "clip".
        labels: Genre codes in the order of the label indices.

    Raises:
        FileError: A sequence is shorter than the shortest window.
    """

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
        """Return windows (N, L, F) and their labels (N,)."""
        indices = self._batches[step]
        return self._windows[indices], self._labels[indices]


class RandomWindows(Dataset[tuple[Tensor, Tensor]]):
    """Batches of randomly sampled windows, each augmented by a random simulated camera.

    Args:
        sequences: Motion capture to sample from.
        recipe: Recipe whose `sampling.windows` is "random".
        tracks: Groups of tracks to sample from as well; each group gets the same share.
        labels: Genre codes in the order of the label indices.

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
                raise _too_short_error(sequence, self._spec)
        sampling = recipe.sampling
        groups = [clips_from_sequences(sequences)]
        groups += [clips_from_tracks(group, min_seconds=self._spec.min_seconds) for group in tracks]
        shares = [1 - sampling.tracks if tracks else 1.0]
        shares += [sampling.tracks / len(tracks) for _ in tracks]
        if sampling.idle:
            # Idle tracks, if there are any, supply half of the idle windows. Otherwise a model
            # could learn that every person in a track is dancing.
            groups.append(idle_clips(recipe.seed))
            shares.append(max(sampling.tracks, 1e-6))
        self._clips = [clip for group in groups for clip in group]
        self._probabilities = sampling_probabilities(
            groups, shares, advanced=sampling.advanced, idle=sampling.idle
        )

    def __len__(self) -> int:
        return self._recipe.optimiser.epochs * self._recipe.optimiser.steps_per_epoch

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Return windows (N, L, F) and their labels (N,), which may be `NO_GENRE`."""
        rng = np.random.default_rng([self._recipe.seed, step])
        indices = rng.choice(len(self._clips), self._recipe.optimiser.batch, p=self._probabilities)
        clips = [self._clips[index] for index in indices]
        windows = [self._sample_window(clip, rng) for clip in clips]
        labels = [
            NO_GENRE if clip.genre == NOT_DANCING else self._labels.index(clip.genre)
            for clip in clips
        ]
        return torch.from_numpy(np.stack(windows)), torch.tensor(labels)

    def _sample_window(self, clip: TrainingClip, rng: np.random.Generator) -> Array:
        sampling = self._recipe.sampling
        is_full = rng.random() < sampling.full
        seconds = self._spec.seconds if is_full else rng.uniform(*sampling.seconds)
        time_warp = np.exp(rng.normal(0, sampling.tempo))
        times, joints = _random_segment(clip, seconds / time_warp, rng)
        times = times * time_warp
        if self._recipe.camera is not None:
            augment = augment_track if clip.estimated else simulate_camera
            times, joints = augment(times, joints, self._recipe.camera, rng)
        features = cut_window(times, joints, self._spec, end=times[-1]).features
        # The camera may drop half a second of consecutive frames, which leaves no valid window.
        return self._sample_window(clip, rng) if features is None else features


def _random_segment(
    clip: TrainingClip, seconds: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], Array]:
    """Return times and joints of a random segment, or of all of a shorter clip."""
    start = clip.times[0] + rng.uniform(0, max(clip.seconds - seconds, 0))
    first, last = np.searchsorted(clip.times, [start - 1e-6, start + seconds + 1e-6])
    return clip.times[first:last], clip.joints[first:last]


def target_probabilities(labels: Tensor, smoothing: float, *, genres: int) -> Tensor:
    """Return target probabilities (N, `genres`) for labels (N,); uniform for `NO_GENRE`.

    Source: label smoothing of Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016;
    outlier exposure of Hendrycks et al., "Deep Anomaly Detection with Outlier Exposure", ICLR 2019.
    """
    uniform = torch.full((len(labels), genres), 1 / genres, device=labels.device)
    one_hot = torch.nn.functional.one_hot(labels.clamp_min(0), genres)
    uniform_share = torch.where(labels == NO_GENRE, 1.0, smoothing)[:, None]
    return (1 - uniform_share) * one_hot + uniform_share * uniform


def validation_windows(
    sequences: Sequence[AistSequence],
    tracks: Sequence[Track],
    classifier: WindowClassifier,
    recipe: Recipe,
) -> tuple[Array, Tensor]:
    """Return windows (W, L, F) as in training, but without augmentation, and labels (W,)."""
    spec, codes = classifier.contract.window, classifier.contract.labels
    if recipe.sampling.windows == "clip":
        windows_by_clip = [first_window(sequence, spec)[None] for sequence in sequences]
    else:
        motions = [(s.times, model_view(s, classifier.contract)) for s in sequences]
        motions += [(track.times, track.joints) for track in tracks]
        windows_by_clip = [
            clip_windows(times, joints, classifier, hop=_VALIDATION_HOP)
            for times, joints in motions
        ]
    genres = [sequence.name.genre for sequence in sequences] + [track.genre for track in tracks]
    labels = np.array([codes.index(genre) for genre in genres], np.int64)
    counts = np.array([len(windows) for windows in windows_by_clip], np.int64)
    empty = np.empty((0, spec.length, spec.features), np.float32)
    return np.concatenate([empty, *windows_by_clip]), torch.from_numpy(np.repeat(labels, counts))
