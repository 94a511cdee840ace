"""Reader for pickles of numpy arrays that executes no code from the pickle.

Not even numpy's functions are called, because they allocate memory for any shape, with or without
values to fill it. Stand-ins accept the same arguments and store only numbers.
"""

import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from dancetype.engine.errors import FileError

Numbers = np.ndarray[Any, Any]


class _Dtype:
    """Stand-in for `numpy.dtype`."""

    def __init__(self, code: str, align: object = False, copy: object = False) -> None:
        self.dtype = np.dtype(_text(code))
        if self.dtype.kind not in "biuf":
            raise pickle.UnpicklingError(f"it contains an array of {self.dtype}, not of numbers")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stand-in for `numpy.ndarray`."""

    values: Numbers

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, content = state
        flat = np.frombuffer(content, dtype.dtype)
        self.values = flat.reshape(shape, order="F" if fortran else "C")


def _reconstruct(kind: object, shape: object, code: object) -> _Array:
    return _Array()


def _frombuffer(buffer: bytes, dtype: _Dtype, *shape_and_order: Any) -> _Array:
    array = _Array()
    array.values = _NUMPY_FROMBUFFER(buffer, dtype.dtype, *shape_and_order)
    return array


def _scalar(dtype: _Dtype, content: bytes) -> Any:
    return np.frombuffer(content, dtype.dtype, count=1)[0]


def _latin1(text: str, encoding: str) -> bytes:
    if _text(encoding) not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"it contains text encoded as {encoding!r}")
    return _text(text).encode("latin1")


def _text(value: Any) -> str:
    # The message must not contain the value: the `repr` of nested tuples could take forever.
    if not isinstance(value, str):
        raise pickle.UnpicklingError(f"it contains a {type(value).__name__} in place of text")
    return value


_NUMPY_FROMBUFFER: Final[Any] = np.empty(1).__reduce_ex__(5)[0]

# numpy 2 renamed numpy.core to numpy._core, and files of both versions exist. Protocol 2 stores
# bytes as encoded text, and protocol 5 builds arrays from buffers.
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


class _ArrayUnpickler(pickle._Unpickler):
    """Unpickler for plain values and arrays.

    It extends the unpickler written in Python, whose opcodes can be overridden. The one written in
    C is unsafe even with a restricted `find_class`: ten bytes make it allocate a memo of 64 GB
    (python/cpython#115952), hash nested tuples until the stack overflows or without end, or modify
    functions that it was allowed to look up.
    """

    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    pop_mark: Callable[[], list[Any]]

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            function = ascii(f"{module}.{name}")
            raise pickle.UnpicklingError(f"it tries to call {function}") from None

    def load_setitem(self) -> None:
        """Put a value into a dictionary."""
        value, key = self.stack.pop(), self.stack.pop()
        _set_items(self.stack[-1], [key, value])

    def load_setitems(self) -> None:
        """Put several values into a dictionary."""
        items = self.pop_mark()
        _set_items(self.stack[-1], items)

    def load_dict(self) -> None:
        """Create a dictionary."""
        items = self.pop_mark()
        self.append(_set_items({}, items))

    def load_bytearray8(self) -> None:
        """Read a bytearray, without first allocating the length that the pickle states."""
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(length)))

    def load_build(self) -> None:
        """Set the state of a stand-in."""
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Array | _Dtype):
            raise pickle.UnpicklingError("it tries to modify an object that is not an array")
        self.stack[-1].__setstate__(state)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        opcode: load
        for opcode, load in pickle._Unpickler.dispatch.items()
        # Sets are unsupported because they hash their items.
        if bytes([opcode]) not in (pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET)
    } | {
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.DICT[0]: load_dict,
        pickle.BYTEARRAY8[0]: load_bytearray8,
        pickle.BUILD[0]: load_build,
    }


def _set_items(target: Any, items: list[Any]) -> Any:
    """Put alternating keys and values into a dictionary, and return it."""
    if not isinstance(target, dict):
        raise pickle.UnpicklingError(f"it tries to put items into a {type(target).__name__}")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str | bytes | int | float | None):
            raise pickle.UnpicklingError(f"it contains a key of type {type(key).__name__}")
        target[key] = value
    return target


def load_arrays(path: Path) -> dict[str, Numbers]:
    """Return the arrays of numbers in a pickled dictionary, of any protocol; they are read-only.

    Raises:
        FileError: The pickle is damaged, not a dictionary, or contains anything but plain values
            and arrays of numbers. The message names the file.
        OSError: The file cannot be read.
    """
    content = path.read_bytes()
    try:
        loaded = _ArrayUnpickler(io.BytesIO(content)).load()
        if not isinstance(loaded, dict):
            raise pickle.UnpicklingError(f"it contains a {type(loaded).__name__}, not a dictionary")
        arrays = {key: value.values for key, value in loaded.items() if isinstance(value, _Array)}
    # A damaged pickle can raise almost any exception.
    except Exception as error:
        raise FileError(f"{path}: not a safe and complete pickle of arrays: {error}") from error
    return {key: values for key, values in arrays.items() if isinstance(key, str)}
