"""Material for random windows: motion capture, tracks, and people who do not dance."""

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
    """A dance to draw windows from.

    Attributes:
        name: Name of the sequence or track.
        genre: Code, or `NOT_DANCING`.
        advanced: True for free choreography.
        times: (T,) seconds, rising.
        joints: (T, 17, 3) metres; as in a `Pose` if `filmed`, otherwise in the axes of the motion
            capture.
        filmed: True for the output of a pose estimator.
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


def of_sequences(sequences: Iterable[aist.AistSequence]) -> list[Dance]:
    """Return sequences of motion capture as dances."""
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
    """Return tracks without those that are short or mostly show nobody."""
    dances = []
    for track in tracks:
        advanced = "_sFM_" in track.sequence
        dance = Dance(track.name, track.genre, advanced, track.times, track.joints, filmed=True)
        if track.poses >= len(track.times) / 2 and dance.seconds >= min_seconds:
            dances.append(dance)
    return dances


def idlers(seed: int) -> list[Dance]:
    """Return people who do not dance, so that a model learns not to be sure of everything."""
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
    """Return the probability of each dance, in the order of the groups, to be drawn.

    All genres have the same. Within a genre it is divided by the shares of the groups, within a
    group by the share of advanced choreography, and then by the length of each dance.

    Args:
        groups: Dances by kind of source.
        shares: Share of each group, if all groups have the genre.
        advanced: Share of advanced choreography, if a group has both.
        idle: Share of people who do not dance, if there are any.
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
