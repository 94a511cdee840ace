"""What is to be rendered: stretches of AIST++ sequences, and people who do not dance."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.skeleton import Array
from dancetype.training.data.aist import FRAMES_PER_SECOND, SequenceName, read_sequence
from dancetype.training.synthetic.clip import Clip


@dataclass(frozen=True, slots=True)
class DanceOrder:
    """A random stretch of an AIST++ sequence.

    Attributes:
        path: of the sequence's pickle.
        number: tells several stretches of one sequence apart.
        of: how many there are.
        seconds: of a stretch, at most.
    """

    path: Path
    number: int
    of: int
    seconds: float

    @property
    def name(self) -> str:
        """The sequence's name and the stretch's number."""
        return f"{self.path.stem}_{self.number}"

    def clip(self, seed: int) -> Clip:
        """Reads the sequence and cuts the stretch out of its own share of it.

        Raises:
            FileError: it cannot be read.
        """
        sequence = read_sequence(self.path)
        frames = min(round(self.seconds * FRAMES_PER_SECOND) + 1, len(sequence.joints))
        spare = (len(sequence.joints) - frames) / self.of
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode()), 1])
        first = int((self.number + rng.random()) * spare)
        return Clip(
            self.name,
            sequence.name.genre,
            sequence.joints[first : first + frames],
            dancer=sequence.name.dancer,
            sequence=sequence.name.text,
            start=first / FRAMES_PER_SECOND,
        )


@dataclass(frozen=True, slots=True)
class IdleOrder:
    """Somebody who does not dance.

    Attributes:
        name: of the track's file, without ending.
        joints: (T, 17, 3) metres, Y up, 60 frames a second.
    """

    name: str
    joints: Array

    def clip(self, seed: int) -> Clip:
        """The whole of it."""
        del seed
        return Clip(self.name, NOT_DANCING, self.joints)


Order = DanceOrder | IdleOrder
"""A clip that is read in the process that renders it."""


def dance_orders(
    data: Path, names: list[str], *, seconds: float, advanced_clips: int
) -> list[DanceOrder]:
    """One stretch of each basic sequence and several of each advanced one, which are longer."""
    orders = []
    for name in names:
        count = advanced_clips if SequenceName.parse(name).situation == "FM" else 1
        path = data / "keypoints3d" / f"{name}.pkl"
        orders += [DanceOrder(path, number, count, seconds) for number in range(count)]
    return orders


def shuffled(orders: Sequence[Order], seed: int) -> list[Order]:
    """The same with genres and dancers mixed, so that what comes first is a sample of it all."""
    order = np.random.default_rng(seed).permutation(len(orders))
    return [orders[index] for index in order]
