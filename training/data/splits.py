"""Splits of the sequences into training, validation and test."""

from dataclasses import dataclass
from pathlib import Path

from dancetype.engine.errors import FileError
from dancetype.training.data.aist import SequenceName, read_names, sequence_names

_HALVES = {"A": 0, "B": 1}


@dataclass(frozen=True, slots=True)
class Split:
    """A named selection of sequences.

    Attributes:
        name: Name as requested; every accuracy is printed with it.
        sequences: Names of its sequences in the data folder.
    """

    name: str
    sequences: list[str]

    @property
    def dancers(self) -> list[str]:
        """Names of its dancers, sorted."""
        return sorted({SequenceName.parse(name).dancer for name in self.sequences})


def find_split(data: Path, name: str) -> Split:
    """Find a split of an AIST++ folder.

    Args:
        data: AIST++ folder.
        name: `all`; `dancers:A` or `dancers:B`, each genre's first or second dancer in the
            folder; `dancers:d01,d04`; a list in `splits/` with or without `pose_` and `.txt`; or
            the path of such a list.

    Raises:
        FileError: No such split, nothing of it in the folder, or no AIST++ data there.
    """
    names = [text for text in sequence_names(data) if _is_known(text)]
    if name == "all":
        chosen = names
    elif name.startswith("dancers:"):
        dancers = _dancers(names, name.removeprefix("dancers:"))
        chosen = [text for text in names if SequenceName.parse(text).dancer in dancers]
    else:
        listed = set(read_names(_list_file(data, name)))
        chosen = [text for text in names if text in listed]
    if not chosen:
        raise FileError(f"split {name}: none of its sequences is in {data / 'keypoints3d'}")
    return Split(name, chosen)


def _is_known(text: str) -> bool:
    try:
        SequenceName.parse(text)
    except FileError:
        return False
    return True


def _dancers(names: list[str], selection: str) -> set[str]:
    if selection not in _HALVES:
        return set(selection.split(","))
    parsed = [SequenceName.parse(text) for text in names]
    chosen = set()
    for genre in {name.genre for name in parsed}:
        of_genre = sorted({name.dancer for name in parsed if name.genre == genre})
        chosen.update(of_genre[_HALVES[selection] : _HALVES[selection] + 1])
    return chosen


def _list_file(data: Path, name: str) -> Path:
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
        f"no split {name!r}; there are all, dancers:A, dancers:B, dancers:d01,d04 (any dancers), "
        f"{', '.join(lists) or 'no lists in splits/'}, or give the path of a list"
    )
