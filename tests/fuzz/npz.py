"""Malicious npz files."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.fuzz.fuzzing import run_code


class CodeOnUnpickling:
    """Object that calls `run_code` when it is unpickled."""

    def __reduce__(self) -> Any:
        return run_code, ()


def npz_bytes(entries: Mapping[str, Any], *, compressed: bool = False) -> bytes:
    """Return the content of an npz file with `entries`."""
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **entries)
    return file.getvalue()


def npz_with_header(
    entries: Mapping[str, Any], entry: str, shape: tuple[int, ...], dtype: str, content: bytes
) -> bytes:
    """Return the content of an npz file in which the header of `entry` may contradict its data."""
    file = io.BytesIO(npz_bytes({name: array for name, array in entries.items() if name != entry}))
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}\n".encode()
    npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(f"{entry}.npy", npy)
    return file.getvalue()
