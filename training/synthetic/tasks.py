"""Tasks of the renderer: segments of AIST++ sequences, and people who do not dance."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from dancetype.engine.media.track import NOT_DANCING
from dancetype.training.data.aist import FRAMES_PER_SECOND, SequenceName, read_sequence
from dancetype.training.data.negatives import read_negatives
from dancetype.training.synthetic.clip import MotionClip

_SEGMENT: Final = 8.0  # seconds of a segment of captured motion without dance
_SHORTEST_SEGMENT: Final = 1.5  # seconds


@dataclass(frozen=True, slots=True)
class SequenceTask:
    """Random segment of an AIST++ sequence, which is read by the process that renders it.

    Attributes:
        path: Pickle of the sequence.
        number: Number of the segment, from 0.
        count: Number of segments of the sequence.
        seconds: Maximum length of a segment.
    """

    path: Path
    number: int
    count: int
    seconds: float

    @property
    def name(self) -> str:
        """Name of the sequence and number of the segment."""
        return f"{self.path.stem}_{self.number}"

    def clip(self, seed: int) -> MotionClip:
        """Read the sequence, and cut out the segment.

        The start is random, within an equal share of the sequence for each segment.

        Raises:
            FileError: The sequence cannot be read.
        """
        sequence = read_sequence(self.path)
        frames = min(round(self.seconds * FRAMES_PER_SECOND) + 1, len(sequence.joints))
        share = (len(sequence.joints) - frames) / self.count
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode()), 1])
        first = int((self.number + rng.random()) * share)
        return MotionClip(
            self.name,
            sequence.name.genre,
            sequence.joints[first : first + frames],
            dancer=sequence.name.dancer,
            sequence=sequence.name.text,
            start=first / FRAMES_PER_SECOND,
        )


RenderTask = SequenceTask | MotionClip


def sequence_tasks(
    data: Path, names: list[str], *, seconds: float, advanced_clips: int
) -> list[SequenceTask]:
    """Return one task for each basic sequence, and `advanced_clips` for each advanced one.

    Advanced sequences are longer than basic ones.
    """
    tasks = []
    for name in names:
        count = advanced_clips if SequenceName.parse(name).situation == "FM" else 1
        path = data / "keypoints3d" / f"{name}.pkl"
        tasks += [SequenceTask(path, number, count, seconds) for number in range(count)]
    return tasks


def negative_clips(folder: Path) -> list[MotionClip]:
    """Return segments of captured motion of people who do not dance.

    Each sequence is divided evenly into segments of about 8 s. A segment's name is that of the
    sequence with the number of the segment, so it starts with the name of the file and "-".

    Raises:
        FileError: A file cannot be used, or there are no files.
    """
    clips = []
    for sequence in read_negatives(folder):
        last = len(sequence.joints) - 1
        count = max(round(last / (_SEGMENT * FRAMES_PER_SECOND)), 1)
        edges = np.linspace(0, last, count + 1).astype(int)
        for number, (start, end) in enumerate(pairwise(edges)):
            if end - start >= _SHORTEST_SEGMENT * FRAMES_PER_SECOND:
                joints = sequence.joints[start : end + 1]
                clips.append(MotionClip(f"{sequence.name}_{number}", NOT_DANCING, joints))
    return clips


def shuffle(tasks: Sequence[RenderTask], seed: int) -> list[RenderTask]:
    """Return tasks in random order, so that the first ones are a sample of all."""
    order = np.random.default_rng(seed).permutation(len(tasks))
    return [tasks[index] for index in order]
