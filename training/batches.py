"""Training batches; batch k of a recipe is the same in every process and in any order."""

from collections.abc import Sequence
from typing import Final, Literal, Self, TypedDict

import numpy as np
import torch
from torch import Generator, Tensor

from dancetype.engine.clip import clip_windows
from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.media.track import Track
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec, cut_window
from dancetype.training.augment.camera import every_frame, exposure_times, simulate_camera
from dancetype.training.augment.variation import (
    mix_windows,
    partner_weights,
    vary_motion,
    warp_times,
)
from dancetype.training.data.aist import FRAMES_PER_SECOND, AistSequence
from dancetype.training.data.motion import MotionStore, one_hot_targets
from dancetype.training.data.negatives import NegativeSequence
from dancetype.training.data.sampling import TrainingClips, collect_clips
from dancetype.training.evaluate import model_view
from dancetype.training.recipe import Recipe
from dancetype.training.tensors import log_normal, uniform
from dancetype.training.windows import window_features

_CPU: Final = torch.device("cpu")
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


class ClipWindows:
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
        self._targets = one_hot_targets([s.name.genre for s in sequences], labels)
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
        """Return windows (N, L, F) and target probabilities (N, K + 1); see `one_hot_targets`."""
        indices = self._batches[step]
        return self._windows[indices], self._targets[indices]


class RandomWindows:
    """Batches of randomly sampled windows, varied and recorded by a simulated camera.

    Args:
        clips: Clips to sample from.
        recipe: Recipe whose `sampling.windows` is "random".
        labels: Genre codes in the order of the label indices.
        device: Device of the batches.
    """

    def __init__(
        self,
        clips: TrainingClips,
        recipe: Recipe,
        *,
        labels: tuple[str, ...] = CODES,
        device: torch.device = _CPU,
    ) -> None:
        self._recipe = recipe
        self._spec = recipe.window.spec()
        self._generator = torch.Generator(device)
        self._motions = MotionStore(
            clips, labels=labels, device=device, face_camera=recipe.camera is not None
        )

    @classmethod
    def of_recordings(
        cls,
        sequences: Sequence[AistSequence],
        recipe: Recipe,
        *,
        tracks: Sequence[Sequence[Track]] = (),
        negatives: Sequence[NegativeSequence] = (),
        labels: tuple[str, ...] = CODES,
        device: torch.device = _CPU,
    ) -> Self:
        """Return the windows of motion capture, groups of tracks and captured negatives.

        Raises:
            FileError: A sequence is shorter than the shortest window.
        """
        spec = recipe.window.spec()
        for sequence in sequences:
            if sequence.seconds < spec.min_seconds:
                raise _too_short_error(sequence, spec)
        clips = collect_clips(
            sequences,
            tracks,
            negatives,
            recipe.sampling,
            min_seconds=spec.min_seconds,
            seed=recipe.seed,
        )
        return cls(clips, recipe, labels=labels, device=device)

    def __len__(self) -> int:
        return self._recipe.optimiser.epochs * self._recipe.optimiser.steps_per_epoch

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Return windows (N, L, F) and target probabilities (N, K + 1); see `one_hot_targets`."""
        rng = np.random.default_rng([self._recipe.seed, step])
        generator = self._generator.manual_seed(int(rng.integers(2**63)))
        clips = self._motions.draw(self._recipe.optimiser.batch, generator)
        windows = window_features(*self._record(clips, generator), self._spec)
        targets = self._motions.targets[clips]
        return mix_windows(windows, targets, self._recipe.augmentation, rng)

    def _record(self, clips: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Return times (N, T) and joints (N, T, 17, 3) of a random part of each clip."""
        motions, count = self._motions, len(clips)
        camera, augmentation = self._recipe.camera, self._recipe.augmentation
        tempo = log_normal((count, 1), self._recipe.sampling.tempo, generator)
        # A clip that is shorter than the window gives a shorter window.
        span = torch.minimum(
            self._draw_seconds(count, generator) / tempo[:, 0], motions.seconds[clips]
        )
        start = uniform((count,), 0, 1, generator) * (motions.seconds[clips] - span)
        if camera is None:
            times, joints = motions.frames(clips, start, every_frame(span, FRAMES_PER_SECOND))
            return times * tempo, joints
        times, joints = motions.frames(clips, start, exposure_times(span, camera, generator))
        times = warp_times(times, augmentation.time_warp, generator) * tempo
        weights = partner_weights(times, augmentation, generator)
        joints = motions.add_partners(clips, times, joints, weights, generator)
        joints = vary_motion(joints, augmentation, generator)
        estimated = motions.estimated[clips]
        dimensions = len(self._spec.axes)
        return times, simulate_camera(
            times,
            joints,
            camera,
            generator,
            estimated=estimated,
            # Exercise is often filmed from the side.
            any_heading=motions.targets[clips, -1] > 0,
            dimensions=dimensions,
        )

    def _draw_seconds(self, count: int, generator: Generator) -> Tensor:
        sampling = self._recipe.sampling
        seconds = uniform((count,), *sampling.seconds, generator)
        full = uniform((count,), 0, 1, generator) < sampling.full
        return torch.where(full, self._spec.seconds, seconds)


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
