"""What windows are drawn from: motion capture, tracks, and people who do not dance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.engine.skeleton import Array
from dancetype.training.data import aist
from dancetype.training.data.idle import TRAINED_KINDS, idle_motions

_IDLERS = 300


@dataclass(frozen=True, slots=True)
class Dance:
    """Something to draw windows from.

    Attributes:
        name: of the sequence or the track.
        genre: code, or `NOT_DANCING`.
        advanced: whether it is free choreography.
        times: (T,) seconds, rising.
        joints: (T, 17, 3) metres; in the studio's axes, or as in a `Pose` where `filmed`.
        filmed: whether a pose estimator saw it already.
    """

    name: str
    genre: str
    advanced: bool
    times: NDArray[np.float64]
    joints: Array
    filmed: bool

    @property
    def seconds(self) -> float:
        """Time from the first frame to the last."""
        return float(self.times[-1] - self.times[0])


def of_sequences(sequences: Iterable[aist.Sequence]) -> list[Dance]:
    """Motion capture."""
    return [
        Dance(
            sequence.name.text,
            sequence.name.genre,
            sequence.name.situation == "FM",
            sequence.times,
            sequence.joints,
            filmed=False,
        )
        for sequence in sequences
    ]


def of_tracks(tracks: Iterable[Track], *, min_seconds: float) -> list[Dance]:
    """Tracks, without those in which hardly anybody is seen."""
    dances = []
    for track in tracks:
        advanced = "_sFM_" in track.sequence
        dance = Dance(track.name, track.genre, advanced, track.times, track.joints, filmed=True)
        if track.poses >= len(track.times) / 2 and dance.seconds >= min_seconds:
            dances.append(dance)
    return dances


def idlers(seed: int) -> list[Dance]:
    """People who stand, walk or sit, so that a model learns not to be sure of everything."""
    motions = idle_motions(_IDLERS, seed=seed, kinds=TRAINED_KINDS)
    return [
        Dance(
            motion.name,
            NOT_DANCING,
            False,
            np.arange(len(motion.joints)) / aist.FRAMES_PER_SECOND,
            motion.joints,
            filmed=False,
        )
        for motion in motions
    ]


def chances(
    groups: Sequence[list[Dance]], shares: Sequence[float], *, advanced: float, idle: float
) -> NDArray[np.float64]:
    """Chance of each dance, in the order of the groups, to be drawn from next.

    Genres come up equally often. Within a genre the groups come up by their shares, within a group
    advanced choreography by its own, and then each dance by its length.

    Args:
        groups: each from one kind of source.
        shares: of each group, where all groups have the genre.
        advanced: share of advanced choreography, where a group has both.
        idle: share of people who do not dance, where there are any.
    """
    flat = [dance for group in groups for dance in group]
    of_group = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    genres = np.array([dance.genre for dance in flat])
    is_advanced = np.array([dance.advanced for dance in flat])
    weights = np.array([dance.seconds for dance in flat])
    danced = max(len(set(genres) - {NOT_DANCING}), 1)
    for genre in np.unique(genres):
        for group, share in enumerate(shares):
            here = (genres == genre) & (of_group == group)
            for choice, part in ((is_advanced, advanced), (~is_advanced, 1 - advanced)):
                weights[here & choice] *= part / max(weights[here & choice].sum(), 1e-9)
            weights[here] *= share / max(weights[here].sum(), 1e-9)
        total = idle if genre == NOT_DANCING else (1 - idle) / danced
        weights[genres == genre] *= total / max(weights[genres == genre].sum(), 1e-9)
    chance: NDArray[np.float64] = weights / weights.sum()
    return chance
