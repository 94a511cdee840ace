"""Atomic writes, and npz files from untrusted sources."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import numpy as np
from numpy.typing import DTypeLike, NDArray

_REPLACE_DELAYS: Final = (0.05, 0.1, 0.2, 0.4)
_WINDOWS_IN_USE: Final = (5, 32)  # ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, which replaces `path` at the end of the block.

    If the block raises, `path` is unchanged and the temporary file is removed.

    Raises:
        OSError: The file cannot be written.
    """
    part = partial_path(path)
    try:
        yield part
        # Without fsync, a power failure could leave the name without the content.
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        _replace(part, path)
    except OSError as error:
        # An error of `write` does not name the file.
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        remove_partial(path)


def _replace(part: Path, path: Path) -> None:
    """Rename `part` to `path`; on Windows, wait a moment for programs that have `path` open."""
    for delay in _REPLACE_DELAYS:
        try:
            part.replace(path)
            return
        except PermissionError as error:
            # Virus scanners and search indexers open new files, too.
            if getattr(error, "winerror", None) not in _WINDOWS_IN_USE:
                raise
            time.sleep(delay)
    part.replace(path)


def partial_path(path: Path) -> Path:
    """Return the temporary path that `atomic_write` uses for `path`."""
    # The suffix differs, so that no partial file is mistaken for a complete one.
    return path.with_name(f"{path.name}.part")


def remove_partial(path: Path) -> None:
    """Remove the temporary file that an interrupted process may have left."""
    # If the name is too long, the file was never created.
    with suppress(OSError):
        partial_path(path).unlink()


def save_npz(path: Path, entries: Mapping[str, Any]) -> None:
    """Write `entries` to a compressed npz file.

    Raises:
        OSError: The file cannot be written.
    """
    # numpy appends .npz to the name of a path, but not to that of an open file.
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **entries)


@contextmanager
def open_npz(path: Path, *, max_bytes: int) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Open an npz file whose arrays are read on access; no code in it is executed.

    The unpacked size is limited because zeros compress to a thousandth of their size: a file of a
    few megabytes could fill the memory.

    Args:
        path: Path of the file.
        max_bytes: Maximum unpacked size.

    Raises:
        ValueError: The file unpacks to more than `max_bytes`.
        Exception: The file is damaged; numpy, zipfile and zlib raise almost any type.
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
    """Typed access to the entries of an npz file.

    All methods raise a ValueError if an entry is missing or has another type.

    Args:
        arrays: Entries, as yielded by `open_npz`.
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
        """Return an entry of this type and shape; None in `shape` allows any length."""
        array = self.get(name)
        shape_matches = len(array.shape) == len(shape) and all(
            expected in (None, length) for expected, length in zip(shape, array.shape, strict=True)
        )
        if array.dtype != dtype or not shape_matches:
            expected = f"{np.dtype(dtype)} {shape}".replace("None", "T")
            raise ValueError(f"{name} is {array.dtype} {array.shape}, expected {expected}")
        return array

    def numbers(self, name: str) -> NDArray[Any]:
        """Return an entry of any shape and any numeric type."""
        array = self.get(name)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} is {array.dtype}, expected numbers")
        return array

    def number(self, name: str, dtype: DTypeLike, minimum: float, maximum: float) -> Any:
        """Return a number of type `dtype` from `minimum` to `maximum`."""
        value = self.array(name, dtype).item()
        if not minimum <= value <= maximum:
            raise ValueError(f"{name} is {value:g}, expected {minimum:g} to {maximum:g}")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string; `default` if there is no such entry."""
        if default is not None and name not in self._arrays:
            return default
        array = self.get(name)
        if array.ndim or array.dtype.kind != "U":
            raise ValueError(f"{name} is not a string")
        return str(array)
