from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from dancetype.engine.errors import FileError
from dancetype.training.data.negatives import read_negatives
from tests.fuzz.fuzzing import check_parser, damaged_bytes, fuzz_test
from tests.fuzz.npz import CodeOnUnpickling, npz_bytes, npz_with_header

ENTRIES: dict[str, Any] = {
    "walk": np.ones((3, 17, 3), np.int16),
    "run": np.ones((2, 17, 3), np.int16),
}


def read(content: bytes, folder: Path) -> None:
    (folder / "motion.npz").write_bytes(content)
    with check_parser("negatives", FileError):
        for sequence in read_negatives(folder):
            assert sequence.joints.shape[1:] == (17, 3)
            assert np.isfinite(sequence.joints).all()
            assert "/" not in sequence.name
            assert "\0" not in sequence.name


@fuzz_test
@given(st.binary())
@example(b"PK\x05\x06" + bytes(18))
def test_random_bytes_are_rejected(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


@fuzz_test
@given(damaged_bytes(npz_bytes(ENTRIES)) | damaged_bytes(npz_bytes(ENTRIES, compressed=True)))
def test_damaged_file_is_read_or_rejected(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


any_arrays = nps.arrays(nps.scalar_dtypes(), nps.array_shapes(min_dims=0, max_side=4))
valid_shapes = nps.arrays(np.int16, st.sampled_from([(0, 17, 3), (1, 17, 3), (2, 17, 3)]))


@fuzz_test
@given(st.dictionaries(st.sampled_from(["walk", "a b"]), any_arrays | valid_shapes, min_size=1))
def test_arrays_of_any_type_and_shape_are_read_or_rejected(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    read(npz_bytes(ENTRIES | changes), tmp_path)


@fuzz_test
@given(
    st.lists(st.integers(-1, 5) | st.sampled_from([17, 2**31, 2**62]), max_size=4).map(tuple),
    st.sampled_from(["<i2", ">i2", "<u2", "|O", "3i2", "x"]),
    st.binary(max_size=40),
)
@example((2**40, 17, 3), "<i2", b"")
def test_array_with_huge_shape_in_header_is_rejected(
    tmp_path: Path, shape: tuple[int, ...], dtype: str, content: bytes
) -> None:
    read(npz_with_header(ENTRIES, "walk", shape, dtype, content), tmp_path)


def test_file_is_never_unpickled(tmp_path: Path) -> None:
    pickled = np.empty((), object)
    pickled[()] = CodeOnUnpickling()
    read(npz_bytes(ENTRIES | {"walk": pickled}), tmp_path)
