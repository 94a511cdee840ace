from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from dancetype.engine.errors import FileError
from dancetype.engine.media.recording import VERSION, Recording, encode_full
from dancetype.engine.media.track import read_track
from dancetype.stream.replay import open_recording
from tests.engine.recordings import header, record_walk
from tests.fuzz.fuzzing import check_parser, damaged_bytes, fuzz_test
from tests.fuzz.npz import CodeOnUnpickling, npz_bytes, npz_with_header

RUN = record_walk(header(), seconds=0.2, fps=10)
LABELLED = record_walk(header(genre="HO", dancer="Ann"), seconds=0.2, fps=10, encode=encode_full)
MESSAGES = b'{"type":"prediction","status":"genre","genre":"HO","times":{"capture":5.0}}\n'
LABEL = ("genre", "dancer", "sequence", "sequence_start")


def npz_entries(recording: Recording) -> dict[str, Any]:
    return {
        "version": VERSION,
        **asdict(recording.header),
        "times": recording.times,
        "people": recording.people,
        "world": recording.world,
        "image": recording.image,
        "visibility": recording.visibility,
        "messages": np.frombuffer(MESSAGES, np.uint8),
    }


COMPACT, FULL = npz_entries(RUN), npz_entries(LABELLED)
# Format of dancetype 0.1.
VERSION_1 = {
    "take": 1,
    **{name: value for name, value in COMPACT.items() if name not in ("version", *LABEL)},
}
FORMATS = {"compact": COMPACT, "full": FULL, "version 1": VERSION_1}
DTYPES = ["<i2", "|u1", "<f8", ">i2", "<i8", "|b1", "<U4", "|S4", "|O", "|V8", "<M8[s]", "x"]

formats = pytest.mark.parametrize("format_name", FORMATS)


def read(content: bytes, folder: Path) -> None:
    """Check that the content is rejected, or can be replayed and trained on."""
    path = folder / "stage.npz"
    path.write_bytes(content)
    with check_parser("recordings", FileError):
        recording, predictions = open_recording(path)
        frames = list(recording.frames())
        assert len(frames) == len(recording.times) > 0
        assert np.all(np.diff([time for time, _ in frames]) > 0)
        assert 0 <= recording.seconds < 1e5
        for _, people in frames:
            for person in people:
                assert np.isfinite(person.pose().joints).all()
        assert all(np.isfinite(capture) for capture, _, _ in predictions)
        assert recording.header.source.isprintable()
        assert 0 <= read_track(path).poses <= len(frames)


@fuzz_test
@given(st.binary())
@example(b"PK\x05\x06" + bytes(18))
def test_random_bytes_are_rejected(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


@fuzz_test
@given(
    st.one_of(
        [
            damaged_bytes(npz_bytes(entries, compressed=compressed))
            for entries in FORMATS.values()
            for compressed in (False, True)
        ]
    )
)
def test_damaged_recording_is_read_or_rejected(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


any_arrays = nps.arrays(nps.scalar_dtypes(), nps.array_shapes(min_dims=0, max_side=4))
valid_shapes = st.one_of(
    nps.arrays(np.float64, st.sampled_from([(3,), ()])),
    nps.arrays(np.int64, st.sampled_from([(2,), ()])),
    nps.arrays(np.int16, st.sampled_from([(3, 17, 3), (3, 17, 2)])),
    nps.arrays(np.uint8, st.sampled_from([(3, 17), (3,), (0,)])),
    nps.arrays(np.float32, st.sampled_from([(3, 33, 3), (3, 33)])),
    st.text(max_size=20).map(np.array),
)


@formats
@fuzz_test
@given(
    changes=st.dictionaries(st.sampled_from(sorted(COMPACT)), any_arrays | valid_shapes, min_size=1)
)
@example(changes={"times": np.array([0.0, np.nan, 1.0])})
@example(changes={"clock": np.array(9e10), "times": np.array([0.0, 1e-9, 2e-9])})
@example(changes={"source": np.array("\x1b[2J")})
@example(changes={"world": np.full((3, 33, 3), 1e30, np.float32)})
@example(changes={"people": np.zeros(0, np.uint8), "times": np.zeros(0)})
def test_entries_of_any_type_and_shape_are_read_or_rejected(
    tmp_path: Path, format_name: str, changes: dict[str, Any]
) -> None:
    read(npz_bytes(FORMATS[format_name] | changes), tmp_path)


@fuzz_test
@given(damaged_bytes(MESSAGES) | st.binary())
@example(b"[" * 100_000)
@example(b'{"type":"prediction","status":"genre","times":{"capture":1e999}}\n')
@example(b'{"type":"prediction","status":"genre","times":{"capture":NaN}}\n')
def test_invalid_messages_are_rejected(tmp_path: Path, content: bytes) -> None:
    read(npz_bytes(COMPACT | {"messages": np.frombuffer(content, np.uint8)}), tmp_path)


@fuzz_test
@given(
    st.sampled_from(sorted(COMPACT)),
    st.lists(st.integers(-1, 5) | st.sampled_from([17, 2**31, 2**40, 2**62]), max_size=4).map(
        tuple
    ),
    st.sampled_from(DTYPES),
    st.binary(max_size=40),
)
@example("messages", (2**40,), "|u1", b"")
@example("source", (), "<U1000000000", b"")
@example("world", (2**31, 17, 3), "<i2", b"")
def test_entry_with_huge_shape_in_header_is_rejected(
    tmp_path: Path, entry: str, shape: tuple[int, ...], dtype: str, content: bytes
) -> None:
    read(npz_with_header(COMPACT, entry, shape, dtype, content), tmp_path)


@fuzz_test
@given(st.sampled_from(sorted(COMPACT)))
def test_recording_is_never_unpickled(tmp_path: Path, entry: str) -> None:
    pickled = np.empty((), object)
    pickled[()] = CodeOnUnpickling()
    read(npz_bytes(COMPACT | {entry: pickled}), tmp_path)
