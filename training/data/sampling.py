"""Clips that random windows are sampled from: dances and people who do not dance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.engine.skeleton import Array
from dancetype.training.data import aist
from dancetype.training.data.idle import TRAINED_KINDS, idle_motions
from dancetype.training.data.negatives import NegativeSequence
from dancetype.training.recipe import SamplingSettings

_IDLE_CLIPS = 600


@dataclass(frozen=True, slots=True)
class TrainingClip:
    """Clip to sample windows from.

    Attributes:
        name: Name of the sequence, track or idle motion.
        genre: Genre code, or `NOT_DANCING`.
        advanced: True for advanced (free) choreography.
        times: (T,) seconds, increasing.
        joints: (T, 17, 3) metres; in the axes of a `Pose` if `estimated`, otherwise in those of
            the motion capture.
        estimated: True for the output of a pose estimator.
    """

    name: str
    genre: str
    advanced: bool
    times: NDArray[np.float64]
    joints: Array
    estimated: bool

    @property
    def seconds(self) -> float:
        """Time from the first frame to the last."""
        return float(self.times[-1] - self.times[0])


@dataclass(frozen=True, slots=True)
class TrainingClips:
    """Clips and the probability with which a window is sampled from each.

    Attributes:
        clips: C clips without gaps.
        probabilities: (C,), with the sum 1.
    """

    clips: list[TrainingClip]
    probabilities: NDArray[np.float64]


def clips_from_sequences(sequences: Iterable[aist.AistSequence]) -> list[TrainingClip]:
    """Return one clip per sequence of motion capture."""
    return [
        TrainingClip(
            sequence.name.text,
            sequence.name.genre,
            sequence.name.situation == "FM",
            sequence.times,
            sequence.joints,
            estimated=False,
        )
        for sequence in sequences
    ]


def clips_from_tracks(tracks: Iterable[Track], *, min_seconds: float) -> list[TrainingClip]:
    """Return one clip per segment of at least `min_seconds`.

    Tracks without a person in half of their frames are left out.
    """
    clips = []
    for track in tracks:
        if track.poses < len(track.times) / 2:
            continue
        for segment in track.segments(min_seconds=min_seconds):
            present = segment.present
            clips.append(
                TrainingClip(
                    track.name,
                    track.genre,
                    "_sFM_" in track.sequence,
                    segment.times[present],
                    segment.joints[present],
                    estimated=True,
                )
            )
    return clips


def idle_clips(seed: int) -> list[TrainingClip]:
    """Return synthetic clips of people who do not dance.

    They keep a model from being confident about every motion.
    """
    motions = idle_motions(_IDLE_CLIPS, seed=seed, kinds=TRAINED_KINDS)
    return [_idle_clip(motion.name, motion.joints) for motion in motions]


def _idle_clip(name: str, joints: Array) -> TrainingClip:
    times = np.arange(len(joints)) / aist.FRAMES_PER_SECOND
    return TrainingClip(name, NOT_DANCING, False, times, joints, estimated=False)


def clips_from_negatives(negatives: Iterable[NegativeSequence]) -> list[TrainingClip]:
    """Return one clip per captured sequence of a person who does not dance."""
    return [_idle_clip(sequence.name, sequence.joints) for sequence in negatives]


def collect_clips(
    sequences: Iterable[aist.AistSequence],
    tracks: Sequence[Iterable[Track]],
    negatives: Iterable[NegativeSequence],
    settings: SamplingSettings,
    *,
    min_seconds: float,
    seed: int,
) -> TrainingClips:
    """Return all clips to sample windows from.

    Args:
        sequences: Motion capture of dances.
        tracks: Groups of tracks; each group gets the same share of the windows.
        negatives: Captured motion of people who do not dance.
        settings: Share of each kind of clip.
        min_seconds: Minimum length of a track or of a motion of a person who does not dance.
        seed: Random seed of generated motion.
    """
    groups = [clips_from_sequences(sequences)]
    groups += [clips_from_tracks(group, min_seconds=min_seconds) for group in tracks]
    share = settings.tracks if tracks else 0.0
    shares = [1 - share, *(share / len(tracks) for _ in tracks)]
    if settings.idle:
        captured = [c for c in clips_from_negatives(negatives) if c.seconds >= min_seconds]
        groups += [captured, idle_clips(seed)]
        # The same share of tracks as for dances. Otherwise a model could learn that every person
        # in a track dances.
        captured_share = settings.negatives if captured else 0.0
        shares += [(1 - share) * captured_share, (1 - share) * (1 - captured_share)]
    return TrainingClips(
        [clip for group in groups for clip in group],
        sampling_probabilities(groups, shares, advanced=settings.advanced, idle=settings.idle),
    )


def sampling_probabilities(
    groups: Sequence[list[TrainingClip]], shares: Sequence[float], *, advanced: float, idle: float
) -> NDArray[np.float64]:
    """Return the sampling probability of each clip, in the order of the groups.

    All genres are equally likely. The probability of a genre is divided among the groups by their
    shares, then between advanced and basic choreography, then in proportion to clip length. The
    share of a group of tracks that a genre lacks goes to the other tracks, and the share of a
    choreography or of all tracks that it lacks goes to the others.

    Args:
        groups: Clips, grouped by source.
        shares: Share of each group.
        advanced: Share of advanced choreography.
        idle: Probability of a clip of a person who does not dance.
    """
    clips = [clip for group in groups for clip in group]
    group_indices = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    genres = np.array([clip.genre for clip in clips])
    is_advanced = np.array([clip.advanced for clip in clips])
    is_estimated = np.array([clip.estimated for clip in clips])
    track_share = sum(
        share for group, share in zip(groups, shares, strict=True) if group and group[0].estimated
    )
    weights = np.array([clip.seconds for clip in clips])
    genre_count = max(len(set(genres) - {NOT_DANCING}), 1)

    def scale(selected: NDArray[np.bool_], total: float) -> None:
        weights[selected] *= total / max(weights[selected].sum(), 1e-9)

    for genre in np.unique(genres):
        in_genre = genres == genre
        for group, share in enumerate(shares):
            in_group = in_genre & (group_indices == group)
            scale(in_group & is_advanced, advanced)
            scale(in_group & ~is_advanced, 1 - advanced)
            scale(in_group, share)
        scale(in_genre & is_estimated, track_share)
        scale(in_genre, idle if genre == NOT_DANCING else (1 - idle) / genre_count)
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities
