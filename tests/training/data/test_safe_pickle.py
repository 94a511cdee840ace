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
    """Pickles as a call, and so runs wherever the pickle is trusted."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def old_spelling(content: bytes) -> bytes:
    """The pickle as numpy 1 would have written it."""
    content = content.replace(b"cnumpy._core.", b"cnumpy.core.")
    for module in (b"multiarray", b"numeric"):
        new, old = b"numpy._core." + module, b"numpy.core." + module
        content = content.replace(bytes([0x8C, len(new)]) + new, bytes([0x8C, len(old)]) + old)
    if content[2:3] == b"\x95":
        # The frame has become shorter; a large array lies outside of it.
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
@pytest.mark.parametrize("spelling", ["numpy._core", "numpy.core"])
def test_arrays_come_back_whatever_the_protocol_and_numpys_age(
    tmp_path: Path, protocol: int, array: np.ndarray[Any, Any], spelling: str
) -> None:
    content = pickle.dumps({"keypoints3d_optim": array, "keypoints3d": JOINTS}, protocol)
    if spelling == "numpy.core":
        content = old_spelling(content)
    arrays = load(content, tmp_path)
    assert set(arrays) == {"keypoints3d_optim", "keypoints3d"}
    assert arrays["keypoints3d_optim"].dtype == array.dtype
    np.testing.assert_array_equal(arrays["keypoints3d_optim"], array)


def test_plain_values_beside_the_arrays_are_read_and_left_out(tmp_path: Path) -> None:
    content = pickle.dumps({"joints": JOINTS, "fps": 60, "scale": np.float64(2), 7: JOINTS})
    assert set(load(content, tmp_path)) == {"joints"}


def places(call: Call) -> dict[str, Any]:
    """Where in a dictionary of arrays a call may hide."""
    hidden = np.empty(1, object)
    hidden[0] = call
    return {
        "value": {"joints": call},
        "before the arrays": {"a": call, "joints": JOINTS},
        "list": {"joints": [JOINTS, (call,)]},
        "top": call,
        "object array": {"joints": hidden},
        "argument": {"joints": Call(RECONSTRUCT, np.ndarray, call, b"b")},
        "dtype": {"joints": Call(np.dtype, call)},
        "nested": {"joints": Call(RECONSTRUCT, np.ndarray, (0,), Call(bytes, call))},
    }


@pytest.mark.parametrize("place", places(Call(print)))
@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("function", ["os.system", "builtins.eval", "builtins.exec", "os.mkdir"])
def test_a_pickle_that_would_call_anything_runs_nothing(
    tmp_path: Path, function: str, protocol: int, place: str
) -> None:
    made = tmp_path / "made"
    call = {
        "os.system": Call(os.system, f"touch '{made}'"),
        "builtins.eval": Call(eval, f"__import__('os').mkdir({str(made)!r})"),
        "builtins.exec": Call(exec, f"import os; os.mkdir({str(made)!r})"),
        "os.mkdir": Call(os.mkdir, str(made)),
    }[function]
    with pytest.raises(FileError, match=r"sequence\.pkl: not a safe, whole pickle"):
        load(pickle.dumps(places(call)[place], protocol), tmp_path)
    assert not made.exists()


def test_the_same_pickle_does_run_where_it_is_trusted(tmp_path: Path) -> None:
    content = pickle.dumps({"joints": JOINTS, "a": Call(os.mkdir, str(tmp_path / "made"))})
    pickle.loads(content)
    assert (tmp_path / "made").exists()


def test_the_refusal_names_what_would_have_been_called(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"asks to call 'builtins\.eval'"):
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
def test_other_ways_to_ask_for_something_are_refused(tmp_path: Path, content: bytes) -> None:
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
def test_a_few_bytes_do_not_ask_for_gigabytes(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileError):
        load(content, tmp_path)


@pytest.mark.parametrize("content", [b"\x80\x02}r\xff\xff\xff\x7f.", b"}p2147483647\n."])
def test_a_memo_with_a_high_number_is_not_a_long_memo(tmp_path: Path, content: bytes) -> None:
    assert load(content, tmp_path) == {}


# A tuple that holds itself twice, 60 times over, and one in a million others.
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
def test_tuples_in_tuples_cost_neither_stack_nor_time(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileError):
        load(b"\x80\x04" + content, tmp_path)


def test_what_a_pickle_may_look_up_it_may_not_change(tmp_path: Path) -> None:
    state = b"N}\x8c\x0c__defaults__)s\x86"
    with pytest.raises(FileError, match="change what is no array"):
        load(b"\x80\x04cnumpy._core.multiarray\n_reconstruct\n" + state + b"b.", tmp_path)


@pytest.mark.parametrize("dtype", ["O", "U4", "S4", "V8", "M8[s]", "f4,f4", "c8"])
def test_arrays_of_anything_but_numbers_are_refused(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(FileError, match="not of numbers"):
        load(pickle.dumps({"joints": np.zeros(3, dtype)}), tmp_path)


@pytest.mark.parametrize("value", [JOINTS, [JOINTS], None, "joints"])
def test_anything_but_a_dictionary_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(FileError, match="not a dictionary"):
        load(pickle.dumps(value), tmp_path)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_cut_short_anywhere_is_refused(tmp_path: Path, protocol: int) -> None:
    content = pickle.dumps({"joints": JOINTS[:1]}, protocol)
    assert len(load(content, tmp_path)) == 1
    for length in range(len(content)):
        with pytest.raises(FileError, match=r"sequence\.pkl"):
            load(content[:length], tmp_path)


def load_or_refuse(content: bytes, folder: Path) -> None:
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
def test_a_damaged_pickle_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, protocol: int, changes: list[tuple[int, bytes]]
) -> None:
    content = pickle.dumps({"joints": JOINTS[:1], "fps": [60, (1.0, "a")]}, protocol)
    for place, new in changes:
        content = content[:place] + new + content[place + len(new) :]
    load_or_refuse(content, tmp_path_factory.getbasetemp())


@settings(deadline=None)
@given(content=st.binary())
def test_noise_is_refused_and_nothing_worse(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    load_or_refuse(content, tmp_path_factory.getbasetemp())


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_arrays(tmp_path / "absent.pkl")


def test_a_refusal_is_an_error_that_the_command_explains() -> None:
    assert issubclass(FileError, ExpectedError)
