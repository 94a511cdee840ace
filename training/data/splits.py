"""Splits of the AIST++ sequences into training, validation and test."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dancetype.engine.errors import FileError
from dancetype.training.data.aist import SequenceName, read_names, sequence_names

HALVES: Final = {"A": 0, "B": 1}
"""Index of the first dancer of each genre in each half; every second dancer follows."""


@dataclass(frozen=True, slots=True)
class Split:
    """Named selection of sequences.

    Attributes:
        name: Name as requested; it is printed with every accuracy.
        sequences: Names of the selected sequences in the data folder.
    """

    name: str
    sequences: list[str]

    @property
    def dancers(self) -> list[str]:
        """Names of the dancers, sorted."""
        return sorted({SequenceName.parse(name).dancer for name in self.sequences})


def find_split(data: Path, name: str) -> Split:
    """Find a split of an AIST++ folder.

    Args:
        data: AIST++ folder.
        name: One of: `all`; `dancers:A` or `dancers:B` for the first or second dancer of each
            genre in the folder, and every second one after it; `dancers:d01,d04` for some dancers;
            the name of a list in `splits/`, with or without `pose_` and `.txt`; the path of such a
            list.

    Raises:
        FileError: The split does not exist, none of its sequences is in the folder, or the folder
            contains no AIST++ data.
    """
    sequences = [text for text in sequence_names(data) if _is_sequence_name(text)]
    if name == "all":
        selected = sequences
    elif name.startswith("dancers:"):
        dancers = _select_dancers(sequences, name.removeprefix("dancers:"))
        selected = [text for text in sequences if SequenceName.parse(text).dancer in dancers]
    else:
        listed = set(read_names(_find_list(data, name)))
        selected = [text for text in sequences if text in listed]
    if not selected:
        raise FileError(f"split {name}: none of its sequences is in {data / 'keypoints3d'}")
    return Split(name, selected)


def _is_sequence_name(text: str) -> bool:
    try:
        SequenceName.parse(text)
    except FileError:
        return False
    return True


def _select_dancers(sequences: list[str], selection: str) -> set[str]:
    if selection not in HALVES:
        return set(selection.split(","))
    names = [SequenceName.parse(text) for text in sequences]
    selected = set()
    for genre in {name.genre for name in names}:
        dancers = sorted({name.dancer for name in names if name.genre == genre})
        selected.update(dancers[HALVES[selection] :: 2])
    return selected


def _find_list(data: Path, name: str) -> Path:
    candidates = [
        data / "splits" / f"{name}.txt",
        data / "splits" / f"pose_{name}.txt",
        data / "splits" / name,
        Path(name),
    ]
    for path in candidates:
        if path.is_file():
            return path
    lists = sorted(path.stem for path in (data / "splits").glob("*.txt"))
    raise FileError(
        f"no split {name!r}; use one of all, dancers:A, dancers:B, dancers:d01,d04 (any dancers), "
        f"{', '.join(lists) or '(no lists in splits/)'}, or the path of a list"
    )
