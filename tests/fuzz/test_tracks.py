from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from dancetype.engine.errors import FileError
from dancetype.engine.media.track import read_track
from tests.fuzz.fuzzing import check_parser, damaged_bytes, fuzz_test
from tests.fuzz.npz import CodeOnUnpickling, npz_bytes, npz_with_header

ENTRIES: dict[str, Any] = {
    "world": np.zeros((2, 33, 3), np.float32),
    "image": np.zeros((2, 33, 3), np.float32),
    "visibility": np.zeros((2, 33), np.float32),
    "timestamps_ms": np.array([0.0, 33.0]),
    "genre": np.array("PO"),
    "dancer": np.array("Ann"),
    "sequence": np.array("gPO_sFM_cAll_d10_mPO1_ch05"),
    "start_s": np.array(1.5),
}
DTYPES = ["<f4", "<f8", ">f2", "<i8", "|b1", "<c8", "<U4", "|S4", "|O", "|V8", "<M8[s]", "3f4", "x"]


def read(content: bytes, folder: Path) -> None:
    path = folder / "clip.npz"
    path.write_bytes(content)
    with check_parser("tracks", FileError):
        track = read_track(path)
        assert track.joints.shape == (len(track.times), 17, 3)
        assert np.all(np.diff(track.times) > 0)
        assert 0 <= track.poses <= len(track.times)
        assert 0 <= track.longest_segment_seconds <= track.seconds < 2e5


@fuzz_test
@given(st.binary())
@example(b"PK\x05\x06" + bytes(18))
@example(b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16)
def test_random_bytes_are_rejected(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


@fuzz_test
@given(damaged_bytes(npz_bytes(ENTRIES)) | damaged_bytes(npz_bytes(ENTRIES, compressed=True)))
def test_damaged_track_is_read_or_rejected(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


any_arrays = nps.arrays(nps.scalar_dtypes(), nps.array_shapes(min_dims=0, max_side=4))
valid_shapes = nps.arrays(np.float64, st.sampled_from([(2, 33, 3), (2, 33), (2,), ()]))


@fuzz_test
@given(st.dictionaries(st.sampled_from(sorted(ENTRIES)), any_arrays | valid_shapes, min_size=1))
@example({"timestamps_ms": np.array([0.0, 1e300])})
@example({"timestamps_ms": np.array([-1e308, 1e308])})
@example({"world": np.full((2, 33, 3), 1e300)})
def test_entries_of_any_type_and_shape_are_read_or_rejected(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    read(npz_bytes(ENTRIES | changes), tmp_path)


@fuzz_test
@given(
    st.sampled_from(sorted(ENTRIES)),
    st.lists(st.integers(-1, 5) | st.sampled_from([33, 2**31, 2**40, 2**62]), max_size=4).map(
        tuple
    ),
    st.sampled_from(DTYPES),
    st.binary(max_size=40),
)
@example("world", (2**40,), "<f8", b"")
@example("genre", (), "<U1000000000", b"")
@example("world", (2**31, 33, 3), "<f4", b"")
def test_entry_with_huge_shape_in_header_is_rejected(
    tmp_path: Path, entry: str, shape: tuple[int, ...], dtype: str, content: bytes
) -> None:
    read(npz_with_header(ENTRIES, entry, shape, dtype, content), tmp_path)


@fuzz_test
@given(st.sampled_from(sorted(ENTRIES)))
def test_track_is_never_unpickled(tmp_path: Path, entry: str) -> None:
    pickled = np.empty((), object)
    pickled[()] = CodeOnUnpickling()
    read(npz_bytes(ENTRIES | {entry: pickled}), tmp_path)
