"""Reads landmark tracks: what MediaPipe saw in a clip, kept without the clip."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.blazepose import coco_joints
from engine.errors import ExpectedError
from engine.genres import CODES
from engine.skeleton import Array
from training.aist import SequenceError, SequenceName


class TrackError(ExpectedError):
    """A file that is no landmark track; the message names it."""


@dataclass(frozen=True, slots=True)
class Track:
    """The poses of one clip.

    Attributes:
        name: the file's stem.
        genre: code of what is danced.
        dancer: such as "d04", or None where nobody knows.
        times: (T,) seconds.
        joints: (T, 17, 3) metres as in a `Pose`, NaN where nobody was seen.
    """

    name: str
    genre: str
    dancer: str | None
    times: NDArray[np.float64]
    joints: Array


def read_track(path: Path) -> Track:
    """Reads one npz with `world` (T, 33, 3), `timestamps_ms` (T,) and `genre`.

    An entry `sequence` may name the AIST sequence that was filmed.

    Raises:
        TrackError: not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            world = arrays["world"].astype(np.float32)
            times = arrays["timestamps_ms"].astype(np.float64) / 1000
            genre = str(arrays["genre"])
            sequence = str(arrays["sequence"]) if "sequence" in arrays else ""
    # Of a damaged file numpy, zipfile and zlib make nearly anything.
    except Exception as error:
        raise TrackError(f"{path}: not a landmark track: {error}") from error
    if times.ndim != 1 or not len(times) or world.shape != (len(times), 33, 3):
        raise TrackError(
            f"{path}: world is {world.shape} and timestamps_ms {times.shape}, "
            "expected (T, 33, 3) and (T,)"
        )
    if not np.all(np.diff(times) > 0):
        raise TrackError(f"{path}: its timestamps do not rise")
    if genre not in CODES:
        raise TrackError(f"{path}: {genre!r} is none of the genres {', '.join(CODES)}")
    try:
        dancer = SequenceName.parse(sequence).dancer if sequence else None
    except SequenceError as error:
        raise TrackError(f"{path}: {error}") from error
    return Track(path.stem, genre, dancer, times, coco_joints(world))


def read_tracks(folder: Path) -> list[Track]:
    """Reads all tracks of a folder, by name.

    Raises:
        TrackError: one of them is no track, or there are none.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise TrackError(f"{folder}: no .npz tracks in it")
    return [read_track(path) for path in paths]
