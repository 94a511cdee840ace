"""Turns AIST++ into one tensor file, as the project began with."""

from typing import Literal, TypedDict

import numpy as np
import torch
from torch import Tensor

from dancetype.engine.genres import CODES
from dancetype.engine.window import WindowSpec
from dancetype.training.data.aist import FRAMES_PER_SECOND, Sequence
from dancetype.training.data.batches import first_window


class Prepared(TypedDict):
    """What the file holds; see `prepare`."""

    data: Tensor
    labels: Tensor
    genre_to_index: dict[str, int]


def prepare(
    sequences: list[Sequence],
    *,
    frames: int,
    select: Literal["first", "even"],
    velocity: bool,
) -> Prepared:
    """One window a sequence, normalised as every window is.

    Args:
        sequences: N of them.
        frames: T, frames a window.
        select: "first" takes the first T of the 60 frames a second, "even" spreads them over the
            whole sequence.
        velocity: whether velocities (C = 6) follow the positions (C = 3).

    Returns:
        `data` [N,T,17,C] float32, `labels` [N] int64 and `genre_to_index`.

    Raises:
        FileError: a sequence is too short.
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
