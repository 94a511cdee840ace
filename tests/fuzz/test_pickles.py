import pickle
from pathlib import Path

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from dancetype.engine.errors import FileError
from dancetype.training.data.safe_pickle import load_arrays
from tests.fuzz.fuzzing import check_parser, damaged_bytes, fuzz_test

CONTENT = {"joints": np.zeros((2, 17, 3), np.float32), "fps": [60, (1.0, "a")]}

# Opcodes that an exploit could combine: lookups of globals, values, and operations such as calls,
# assignments and duplication.
LOOKUPS = [
    b"ctests.fuzz.fuzzing\nrun_code\n",
    b"\x8c\x12tests.fuzz.fuzzing\x8c\x08run_code\x93",
    b"(itests.fuzz.fuzzing\nrun_code\n",
    b"cnumpy\nndarray\n",
    b"cnumpy\ndtype\n",
    b"cnumpy._core.multiarray\n_reconstruct\n",
    b"cnumpy._core.multiarray\nscalar\n",
    b"cnumpy._core.numeric\n_frombuffer\n",
    b"c_codecs\nencode\n",
    b"cbuiltins\neval\n",
]
VALUES = [
    b"N",
    b"K\x02",
    b"J\xff\xff\xff\x7f",
    b"G" + bytes(8),
    b"\x8c\x02f4",
    b"C\x04abcd",
    b"V1\n",
]
OPERATIONS = [
    *(b"(", b")", b"}", b"]", b"\x8f", b"t", b"\x85", b"\x86", b"\x87", b"d", b"l", b"\x91"),
    *(b"a", b"e", b"s", b"u", b"\x90", b"R", b"b", b"o", b"\x81", b"\x92", b"0", b"1", b"2"),
    *(b"\x94", b"h\x00", b"h\x01", b"q\x00", b"r\xff\xff\xff\x7f", b"g0\n", b"p1\n", b"Pid\n"),
    *(b"Q", b"\x97", b"\x98", b"\x95" + bytes(8), b"\x96\xff\xff\xff\xff\xff\0\0\0", b"\x82\x01"),
]


def read(content: bytes, folder: Path) -> None:
    path = folder / "sequence.pkl"
    path.write_bytes(content)
    with check_parser("pickles", FileError):
        assert all(array.dtype.kind in "biuf" for array in load_arrays(path).values())


@fuzz_test
@given(st.binary())
def test_random_bytes_are_rejected(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


@fuzz_test
@given(
    st.sampled_from([0, 2, 4, 5]).flatmap(
        lambda p: damaged_bytes(pickle.dumps(CONTENT, protocol=p))
    )
)
def test_damaged_pickle_is_read_or_rejected(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


@fuzz_test
@given(
    st.sampled_from([b"", b"\x80\x02", b"\x80\x04", b"\x80\x05"]),
    st.lists(st.sampled_from(LOOKUPS) | st.sampled_from(VALUES) | st.sampled_from(OPERATIONS)),
)
@example(b"\x80\x04", [LOOKUPS[0], b")", b"R"])
@example(b"\x80\x04", [LOOKUPS[5], b"N", b"}", b"\x8c\x08__code__", b"N", b"s", b"\x86", b"b"])
@example(b"\x80\x04", [b"}", b")", *(b"2", b"\x86") * 60, b"N", b"s"])
def test_opcodes_in_pickle_never_execute_code(
    tmp_path: Path, start: bytes, opcodes: list[bytes]
) -> None:
    read(start + b"".join(opcodes) + b".", tmp_path)
