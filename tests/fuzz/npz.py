"""Npz files that should not be."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.fuzz.fuzzing import fire


class Call:
    """Calls `fire` where somebody unpickles it."""

    def __reduce__(self) -> Any:
        return fire, ()


def packed(entries: Mapping[str, Any], *, compressed: bool = False) -> bytes:
    """An npz of `entries`."""
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **entries)
    return file.getvalue()


def claiming(
    entries: Mapping[str, Any], entry: str, shape: tuple[int, ...], dtype: str, content: bytes
) -> bytes:
    """An npz in which one entry says of itself what may not be so."""
    file = io.BytesIO(packed({name: array for name, array in entries.items() if name != entry}))
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}\n".encode()
    npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(f"{entry}.npy", npy)
    return file.getvalue()
