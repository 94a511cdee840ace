"""Reads pickles of numpy arrays and runs nothing else that a pickle may ask for.

Not even numpy's own functions are called: they would set aside memory for any shape without the
values to fill it. Small stand-ins take the same arguments, and keep numbers only.
"""

import io
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.errors import ExpectedError

Numbers = np.ndarray[Any, Any]


class UnsafePickleError(ExpectedError):
    """A pickle that is damaged, or asks for more than plain values and numpy arrays."""


class _Dtype:
    """Stands in for `numpy.dtype`."""

    def __init__(self, code: str, align: object = False, copy: object = False) -> None:
        self.dtype = np.dtype(str(code))
        if self.dtype.kind not in "biuf":
            raise pickle.UnpicklingError(f"an array of {self.dtype} and not of numbers")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands in for `numpy.ndarray`."""

    values: Numbers

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, content = state
        flat = np.frombuffer(content, dtype.dtype)
        self.values = flat.reshape(shape, order="F" if fortran else "C")


def _reconstruct(kind: object, shape: object, code: object) -> _Array:
    return _Array()


def _frombuffer(buffer: bytes, dtype: _Dtype, *form: Any) -> _Array:
    array = _Array()
    array.values = _NUMPY_FROMBUFFER(buffer, dtype.dtype, *form)
    return array


def _scalar(dtype: _Dtype, content: bytes) -> Any:
    return np.frombuffer(content, dtype.dtype, count=1)[0]


def _latin1(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"text encoded as {encoding!r}")
    return text.encode("latin1")


_NUMPY_FROMBUFFER: Final[Any] = np.empty(1).__reduce_ex__(5)[0]

# numpy 2 moved numpy.core to numpy._core; files of either age are about. Protocol 2 stores bytes as
# text to encode, and protocol 5 builds arrays from buffers.
_ALLOWED: Final[dict[tuple[str, str], Callable[..., Any]]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _latin1,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            called = ascii(f"{module}.{name}")
            raise pickle.UnpicklingError(f"it asks to call {called}") from None


def load_arrays(path: Path) -> dict[str, Numbers]:
    """Reads the numpy arrays of a pickled dictionary, of any pickle protocol.

    Args:
        path: a pickle such as AIST++ distributes.

    Returns:
        The dictionary's entries that are arrays of numbers; they cannot be written to.

    Raises:
        UnsafePickleError: cut short, damaged, no dictionary, or asking for anything but plain
            values and arrays of numbers; nothing of it is run. The message names the file.
        OSError: the file cannot be read.
    """
    content = path.read_bytes()
    try:
        _check_memo(content)
        loaded = _ArrayUnpickler(io.BytesIO(content)).load()
        if not isinstance(loaded, dict):
            raise pickle.UnpicklingError(f"it holds a {type(loaded).__name__}, not a dictionary")
        arrays = {key: item.values for key, item in loaded.items() if isinstance(item, _Array)}
    # A damaged pickle can raise nearly anything.
    except Exception as error:
        raise UnsafePickleError(f"{path}: not a safe, whole pickle of arrays: {error}") from error
    return {key: values for key, values in arrays.items() if isinstance(key, str)}


def _check_memo(content: bytes) -> None:
    """Ten bytes can ask Python's unpickler for a memo of 64 GB (python/cpython#115952)."""
    for opcode, argument, _ in pickletools.genops(content):
        slot = argument if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") else 0
        if isinstance(slot, int) and slot > len(content):
            raise pickle.UnpicklingError(f"a memo of {slot} entries")
