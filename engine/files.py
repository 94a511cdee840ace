"""Files that are written whole or not at all, and npz files that are read without trust."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import DTypeLike, NDArray


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what is written there becomes `path` at the end.

    If the block raises, `path` stays as it was and the temporary file is removed.

    Raises:
        OSError: The file cannot be written.
    """
    part = partial_path(path)
    try:
        yield part
        # Without this, a power failure could leave the name without the content.
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        remove_partial(path)


def partial_path(path: Path) -> Path:
    """Return where `atomic_write` keeps `path` until it is whole."""
    # A suffix of its own, so that no partial file is mistaken for a whole one.
    return path.with_name(f"{path.name}.part")


def remove_partial(path: Path) -> None:
    """Remove what an interrupted `atomic_write` of another process left behind, if anything."""
    # If the name is too long, the file was never created.
    with suppress(OSError):
        partial_path(path).unlink()


def save_npz(path: Path, entries: Mapping[str, Any]) -> None:
    """Write `entries` to a compressed npz file.

    Raises:
        OSError: The file cannot be written.
    """
    # Given a path, numpy would append .npz to the name.
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **entries)


@contextmanager
def open_npz(path: Path, *, max_bytes: int) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Opens a file whose arrays are read as they are asked for; nothing in it is run.

    Zeros are packed a thousand times over: a few megabytes could ask for all memory there is.

    Args:
        path: of the file.
        max_bytes: that it may unpack to.

    Raises:
        ValueError: it unpacks to more.
        Exception: of a damaged file numpy, zipfile and zlib make nearly anything.
    """
    with path.open("rb") as file:
        with ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > max_bytes:
            raise ValueError(f"it unpacks to {size} bytes, more than {max_bytes}")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            yield arrays


class NpzEntries:
    """Entries of an npz file, each checked against the type it should have.

    All methods raise a ValueError if an entry is missing or of another type.

    Args:
        arrays: Entries as `open_npz` gives them.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = arrays

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def get(self, name: str) -> NDArray[Any]:
        """Return an entry of any type."""
        if name not in self._arrays:
            raise ValueError(f"it has no {name}")
        return self._arrays[name]

    def array(self, name: str, dtype: DTypeLike, *shape: int | None) -> NDArray[Any]:
        """Return an entry; None in `shape` allows any length."""
        array = self.get(name)
        fits = len(array.shape) == len(shape) and all(
            wanted in (None, length) for wanted, length in zip(shape, array.shape, strict=True)
        )
        if array.dtype != dtype or not fits:
            wanted = str(shape).replace("None", "T")
            raise ValueError(
                f"{name} is {array.dtype} {array.shape} and not {np.dtype(dtype)} {wanted}"
            )
        return array

    def numbers(self, name: str) -> NDArray[Any]:
        """Return an entry of any shape and type of numbers."""
        array = self.get(name)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} is of {array.dtype} and not of numbers")
        return array

    def number(self, name: str, dtype: DTypeLike, least: float, most: float) -> Any:
        """Return a number of type `dtype` from `least` to `most`."""
        value = self.array(name, dtype).item()
        if not least <= value <= most:
            raise ValueError(f"{name} is {value:g} and not {least:g} to {most:g}")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; `default` if there is no such entry."""
        if default is not None and name not in self._arrays:
            return default
        array = self.get(name)
        if array.ndim or array.dtype.kind != "U":
            raise ValueError(f"{name} is no text")
        return str(array)
