import os
import pickle
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancetype.engine.errors import ExpectedError, FileError
from dancetype.training.data.safe_pickle import load_arrays

JOINTS = np.random.default_rng(0).normal(0, 100, (40, 17, 3)).astype(np.float32)
RECONSTRUCT: Any = JOINTS.__reduce__()[0]


class Call:
    """Object whose unpickling calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def as_numpy_1(content: bytes) -> bytes:
    """Return a pickle as numpy 1 would have written it."""
    content = content.replace(b"cnumpy._core.", b"cnumpy.core.")
    for module in (b"multiarray", b"numeric"):
        new, old = b"numpy._core." + module, b"numpy.core." + module
        content = content.replace(bytes([0x8C, len(new)]) + new, bytes([0x8C, len(old)]) + old)
    if content[2:3] == b"\x95":
        # Correct the length of the frame; large arrays are stored outside of it.
        (length,) = struct.unpack("<Q", content[3:11])
        renamed = len(re.findall(rb"numpy\.core\.", content))
        content = content[:3] + struct.pack("<Q", length - renamed) + content[11:]
    assert b"numpy._core" not in content
    return content


def load(content: bytes, folder: Path) -> dict[str, Any]:
    path = folder / "sequence.pkl"
    path.write_bytes(content)
    return load_arrays(path)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "array",
    [
        JOINTS,
        JOINTS.astype(np.float64),
        np.asfortranarray(JOINTS),
        JOINTS[::2, :, 1:],
        JOINTS.astype(">f4"),
        JOINTS.astype(np.int16),
        np.repeat(JOINTS, 100, axis=0),
    ],
    ids=["f4", "f8", "fortran", "strided", "big-endian", "i2", "large"],
)
@pytest.mark.parametrize("numpy_package", ["numpy._core", "numpy.core"])
def test_arrays_are_read_for_all_protocols_and_numpy_versions(
    tmp_path: Path, protocol: int, array: np.ndarray[Any, Any], numpy_package: str
) -> None:
    content = pickle.dumps({"keypoints3d_optim": array, "keypoints3d": JOINTS}, protocol)
    if numpy_package == "numpy.core":
        content = as_numpy_1(content)
    arrays = load(content, tmp_path)
    assert set(arrays) == {"keypoints3d_optim", "keypoints3d"}
    assert arrays["keypoints3d_optim"].dtype == array.dtype
    np.testing.assert_array_equal(arrays["keypoints3d_optim"], array)


def test_values_other_than_arrays_are_ignored(tmp_path: Path) -> None:
    content = pickle.dumps({"joints": JOINTS, "fps": 60, "scale": np.float64(2), 7: JOINTS})
    assert set(load(content, tmp_path)) == {"joints"}


def payloads(call: Call) -> dict[str, Any]:
    """Return objects with a call in different places, by name of the place."""
    object_array = np.empty(1, object)
    object_array[0] = call
    return {
        "value": {"joints": call},
        "before the arrays": {"a": call, "joints": JOINTS},
        "list": {"joints": [JOINTS, (call,)]},
        "top": call,
        "object array": {"joints": object_array},
        "argument": {"joints": Call(RECONSTRUCT, np.ndarray, call, b"b")},
        "dtype": {"joints": Call(np.dtype, call)},
        "nested": {"joints": Call(RECONSTRUCT, np.ndarray, (0,), Call(bytes, call))},
    }


@pytest.mark.parametrize("place", payloads(Call(print)))
@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("function", ["os.system", "builtins.eval", "builtins.exec", "os.mkdir"])
def test_pickle_with_a_call_is_rejected_without_running_it(
    tmp_path: Path, function: str, protocol: int, place: str
) -> None:
    created = tmp_path / "created"
    call = {
        "os.system": Call(os.system, f"touch '{created}'"),
        "builtins.eval": Call(eval, f"__import__('os').mkdir({str(created)!r})"),
        "builtins.exec": Call(exec, f"import os; os.mkdir({str(created)!r})"),
        "os.mkdir": Call(os.mkdir, str(created)),
    }[function]
    with pytest.raises(FileError, match=r"sequence\.pkl: not a safe and complete pickle"):
        load(pickle.dumps(payloads(call)[place], protocol), tmp_path)
    assert not created.exists()


def test_standard_unpickler_would_run_the_call(tmp_path: Path) -> None:
    content = pickle.dumps({"joints": JOINTS, "a": Call(os.mkdir, str(tmp_path / "created"))})
    pickle.loads(content)
    assert (tmp_path / "created").exists()


def test_error_names_the_function_of_the_call(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"tries to call 'builtins\.eval'"):
        load(pickle.dumps({"a": Call(eval, "1")}), tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93.",
        b"\x80\x04\x8c\x05numpy\x8c\x04load\x93.",
        b"\x80\x02cnumpy.testing._private.utils\nruncode\n.",
        b"\x80\x02cnumpy\nndarray\n(J\xff\xff\xff\x7ftR.",
        b"(inumpy\nmemmap\n.",
        b"\x80\x02\x82\x01.",
        b"Pname\n.",
        b"\x80\x05\x97.",
    ],
    ids=["dotted", "load", "runcode", "huge", "inst", "extension", "persistent", "buffer"],
)
def test_other_opcodes_that_look_up_objects_are_rejected(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileError):
        load(content, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"a": Call(np.ndarray, (1 << 30,), "f4")}),
        pickle.dumps({"a": Call(RECONSTRUCT, np.ndarray, (1 << 40,), b"d")}),
        pickle.dumps({"a": JOINTS}, 2).replace(b"K(K\x11K\x03", b"J\0\0\0\x7fK\x11K\x03"),
        b"\x80\x04\x8e\xff\xff\xff\xff\x0f\0\0\0.",
        b"\x80\x05\x96\xff\xff\xff\xff\x0f\0\0\0.",
    ],
    ids=["ndarray", "reconstruct", "shape", "bytes", "bytearray"],
)
def test_a_few_bytes_cannot_allocate_gigabytes(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileError):
        load(content, tmp_path)


@pytest.mark.parametrize("content", [b"\x80\x02}r\xff\xff\xff\x7f.", b"}p2147483647\n."])
def test_high_memo_index_does_not_allocate_a_large_memo(tmp_path: Path, content: bytes) -> None:
    assert load(content, tmp_path) == {}


# 60 nested pairs of the same tuple (2**60 leaves), and a tuple nested a million levels deep.
DOUBLED = b")" + b"2\x86" * 60
DEEP = b")" + b"\x85" * 1_000_000


@pytest.mark.parametrize(
    "content",
    [
        b"}" + DOUBLED + b"Ns.",
        b"}(" + DOUBLED + b"Nu.",
        b"(" + DOUBLED + b"Nd.",
        b"\x8f(" + DOUBLED + b"\x90.",
        b"(" + DOUBLED + b"\x91.",
        b"}" + DEEP + b"Ns.",
        b"cnumpy\ndtype\n" + DOUBLED + b"\x85R.",
        b"c_codecs\nencode\n" + DOUBLED + b"2\x86R.",
    ],
    ids=["item", "items", "dictionary", "set", "frozen set", "deep", "dtype", "encoding"],
)
def test_nested_tuples_exhaust_neither_stack_nor_time(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileError):
        load(b"\x80\x04" + content, tmp_path)


def test_allowed_functions_cannot_be_modified(tmp_path: Path) -> None:
    state = b"N}\x8c\x0c__defaults__)s\x86"
    with pytest.raises(FileError, match="modify an object that is not an array"):
        load(b"\x80\x04cnumpy._core.multiarray\n_reconstruct\n" + state + b"b.", tmp_path)


@pytest.mark.parametrize("dtype", ["O", "U4", "S4", "V8", "M8[s]", "f4,f4", "c8"])
def test_array_of_other_types_than_numbers_is_rejected(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(FileError, match="not of numbers"):
        load(pickle.dumps({"joints": np.zeros(3, dtype)}), tmp_path)


@pytest.mark.parametrize("value", [JOINTS, [JOINTS], None, "joints"])
def test_pickle_of_other_types_than_dictionaries_is_rejected(tmp_path: Path, value: Any) -> None:
    with pytest.raises(FileError, match="not a dictionary"):
        load(pickle.dumps(value), tmp_path)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_truncated_pickle_is_rejected(tmp_path: Path, protocol: int) -> None:
    content = pickle.dumps({"joints": JOINTS[:1]}, protocol)
    assert len(load(content, tmp_path)) == 1
    for length in range(len(content)):
        with pytest.raises(FileError, match=r"sequence\.pkl"):
            load(content[:length], tmp_path)


def load_or_reject(content: bytes, folder: Path) -> None:
    """Check that a pickle either loads as arrays of numbers or raises `FileError`."""
    try:
        arrays = load(content, folder)
    except FileError:
        return
    assert all(array.dtype.kind in "biuf" for array in arrays.values())


@settings(deadline=None)
@given(
    protocol=st.sampled_from([2, 4, 5]),
    changes=st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=9)), min_size=1, max_size=4),
)
def test_damaged_pickle_is_read_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, protocol: int, changes: list[tuple[int, bytes]]
) -> None:
    content = pickle.dumps({"joints": JOINTS[:1], "fps": [60, (1.0, "a")]}, protocol)
    for offset, new in changes:
        content = content[:offset] + new + content[offset + len(new) :]
    load_or_reject(content, tmp_path_factory.getbasetemp())


@settings(deadline=None)
@given(content=st.binary())
def test_random_bytes_are_read_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    load_or_reject(content, tmp_path_factory.getbasetemp())


def test_missing_file_raises_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_arrays(tmp_path / "missing.pkl")


def test_file_error_is_an_expected_error() -> None:
    assert issubclass(FileError, ExpectedError)
