"""Reader of captured motion of people who do not dance, packed as npz files.

A file has one array per sequence: the joints as int16 (T, 17, 3), in millimetres, Y up, 60 frames
per second, stored as differences between frames; the first frame is stored as it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from dancetype.engine.errors import FileError, first_line
from dancetype.engine.files import NpzEntries, open_npz
from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.engine.skeleton import JOINTS, Array
from dancetype.training.data.splits import HALVES

_MAX_BYTES: Final = 2**28  # 12 hours
_RENDERED: Final = re.compile(r"([^-]+-[^-]+)_\d+")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.]+")

_CREDITS: Final = {
    "cmu": (
        "The data used in this project was obtained from mocap.cs.cmu.edu. The database was "
        "created with funding from NSF EIA-0196217."
    ),
    "deepmimic": "DeepMimic (c) 2018 Xue Bin Peng, MIT licence.",
    "animated_drawings": "AnimatedDrawings (c) Meta Platforms, MIT licence.",
}
"""Attribution by the beginning of the file name."""


@dataclass(frozen=True, slots=True)
class NegativeSequence:
    """Captured motion of a person who does not dance.

    Attributes:
        name: Name of the file, "-" and name of the sequence; safe as a name of a file.
        group: Name of the file. Sequences of a file may show the same person, so training and test
            data should be split by it.
        joints: (T, 17, 3) metres, Y up; 60 frames per second. T is 2 or more.
    """

    name: str
    group: str
    joints: Array


def read_negatives(folder: Path) -> list[NegativeSequence]:
    """Read the sequences of all npz files in a folder, sorted by file.

    Raises:
        FileError: A file is damaged or has another format, two sequences have the same name, or
            there are no files.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise FileError(
            f"{folder}: contains no .npz files; use the folder with the captured motion of people "
            "who do not dance"
        )
    sequences = [sequence for path in paths for sequence in _read_file(path)]
    names = [sequence.name for sequence in sequences]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise FileError(
            f"{folder}: {', '.join(repeated)}: several sequences have this name; rename the file "
            "or the sequence"
        )
    return sequences


def negatives_in_split(sequences: Sequence[NegativeSequence], split: str) -> list[NegativeSequence]:
    """Return the sequences of every second file for `dancers:A` and `dancers:B`, else all.

    Files are not divided, because the sequences of a file may show the same person.
    """
    groups = sorted({sequence.group for sequence in sequences})
    half = HALVES.get(split.removeprefix("dancers:"))
    selected = groups if half is None else groups[half::2]
    return [sequence for sequence in sequences if sequence.group in selected]


def credit_negatives(sequences: Sequence[NegativeSequence]) -> str:
    """Return the attribution of sequences of known sources; empty for all other files."""
    groups = {sequence.group for sequence in sequences}
    return " ".join(
        credit
        for source, credit in _CREDITS.items()
        if any(group.startswith(source) for group in groups)
    )


def rendered_negative(track: Track) -> str | None:
    """Return the name of the sequence that was rendered as a track, or None for other tracks."""
    match = _RENDERED.fullmatch(track.name)
    return match[1] if match and track.genre == NOT_DANCING else None


def _read_file(path: Path) -> list[NegativeSequence]:
    # A hyphen separates the file from the sequence in names, so neither contains one.
    group = _UNSAFE.sub("_", path.stem)
    try:
        with open_npz(path, max_bytes=_MAX_BYTES) as arrays:
            entries = NpzEntries(arrays)
            return [
                NegativeSequence(f"{group}-{_UNSAFE.sub('_', name)}", group, _unpack(entries, name))
                for name in arrays
            ]
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error
    # For a damaged file, numpy, zipfile and zlib raise almost anything.
    except Exception as error:
        raise FileError(
            f"{path}: not a file of motion sequences: {first_line(error)}; remove it or replace it"
        ) from error


def _unpack(entries: NpzEntries, name: str) -> Array:
    steps = entries.array(name, np.int16, None, len(JOINTS), 3)
    if len(steps) < 2:
        raise ValueError(f"{name} has {len(steps)} frames, expected 2 or more")
    joints: Array = (np.cumsum(steps, axis=0, dtype=np.int64) / 1000).astype(np.float32)
    return joints
