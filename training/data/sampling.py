"""Clips that random windows are sampled from: motion capture, tracks and idle people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.engine.skeleton import Array
from dancetype.training.data import aist
from dancetype.training.data.idle import TRAINED_KINDS, idle_motions

_IDLE_CLIPS = 300


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
    """Return one clip per track of at least `min_seconds` with a person in half of its frames."""
    clips = []
    for track in tracks:
        clip = TrainingClip(
            track.name,
            track.genre,
            "_sFM_" in track.sequence,
            track.times,
            track.joints,
            estimated=True,
        )
        if track.poses >= len(track.times) / 2 and clip.seconds >= min_seconds:
            clips.append(clip)
    return clips


def idle_clips(seed: int) -> list[TrainingClip]:
    """Return synthetic clips of people who do not dance.

    They keep a model from being confident about every motion.
    """
    motions = idle_motions(_IDLE_CLIPS, seed=seed, kinds=TRAINED_KINDS)
    return [
        TrainingClip(
            motion.name,
            NOT_DANCING,
            False,
            np.arange(len(motion.joints)) / aist.FRAMES_PER_SECOND,
            motion.joints,
            estimated=False,
        )
        for motion in motions
    ]


def sampling_probabilities(
    groups: Sequence[list[TrainingClip]], shares: Sequence[float], *, advanced: float, idle: float
) -> NDArray[np.float64]:
    """Return the sampling probability of each clip, in the order of the groups.

    All genres are equally likely. The probability of a genre is divided among the groups by their
    shares, then between advanced and basic choreography, then in proportion to clip length. The
    share of a group or choreography that a genre lacks goes to the others.

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
        scale(in_genre, idle if genre == NOT_DANCING else (1 - idle) / genre_count)
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities
