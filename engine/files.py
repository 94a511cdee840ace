"""Npz files: written whole or not at all, and read without trust."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray


def save_npz(path: Path, entries: Mapping[str, Any]) -> None:
    """Writes `entries`, compressed.

    Raises:
        OSError: it cannot be written.
    """
    # Not named .npz, so that nobody takes for one what was broken off.
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, **entries)
            # Or else a power cut could leave the name without the content.
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def open_npz(path: Path, *, most_bytes: int) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Opens a file whose arrays are read as they are asked for; nothing in it is run.

    Zeros are packed a thousand times over: a few megabytes could ask for all memory there is.

    Args:
        path: of the file.
        most_bytes: that it may unpack to.

    Raises:
        ValueError: it unpacks to more.
        Exception: of a damaged file numpy, zipfile and zlib make nearly anything.
    """
    with path.open("rb") as file:
        with ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > most_bytes:
            raise ValueError(f"it unpacks to {size} bytes, more than {most_bytes}")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            yield arrays
