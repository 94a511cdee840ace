"""Clips to render: parts of AIST++ sequences, and people who do not dance."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancetype.training.data.aist import FRAMES_PER_SECOND, SequenceName, read_sequence
from dancetype.training.synthetic.clip import Clip


@dataclass(frozen=True, slots=True)
class DanceOrder:
    """A random part of an AIST++ sequence, which is read in the process that renders it.

    Attributes:
        path: Pickle of the sequence.
        number: Number of this part.
        of: Number of parts of the sequence.
        seconds: Length of a part at most.
    """

    path: Path
    number: int
    of: int
    seconds: float

    @property
    def name(self) -> str:
        """The sequence's name and the part's number."""
        return f"{self.path.stem}_{self.number}"

    def clip(self, seed: int) -> Clip:
        """Read the sequence and cut the part out of its own share of it.

        Raises:
            FileError: The sequence cannot be read.
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


Order = DanceOrder | Clip


def dance_orders(
    data: Path, names: list[str], *, seconds: float, advanced_clips: int
) -> list[DanceOrder]:
    """Return one part of each basic sequence, and several of each advanced one, which is longer."""
    orders = []
    for name in names:
        count = advanced_clips if SequenceName.parse(name).situation == "FM" else 1
        path = data / "keypoints3d" / f"{name}.pkl"
        orders += [DanceOrder(path, number, count, seconds) for number in range(count)]
    return orders


def shuffled(orders: Sequence[Order], seed: int) -> list[Order]:
    """Mix genres and dancers, so that the first orders are a sample of all."""
    order = np.random.default_rng(seed).permutation(len(orders))
    return [orders[index] for index in order]
