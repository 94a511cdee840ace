from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from dancetype.engine.errors import FileError
from dancetype.stream.sinks.take import FORMAT, read_take
from tests.fuzz.fuzzing import damaged, fuzzed, only
from tests.fuzz.npz import Call, claiming, packed
from tests.stream.sinks.takes import about, walk

TAKE = walk(about(), seconds=0.2, fps=10)
SAID = b'{"type":"prediction","status":"genre","genre":"HO","times":{"capture":5.0}}\n'
ENTRIES: dict[str, Any] = {
    "take": FORMAT,
    **asdict(TAKE.about),
    "times": TAKE.times,
    "people": TAKE.people,
    "world": TAKE.world,
    "image": TAKE.image,
    "visibility": TAKE.visibility,
    "messages": np.frombuffer(SAID, np.uint8),
}
DTYPES = ["<i2", "|u1", "<f8", ">i2", "<i8", "|b1", "<U4", "|S4", "|O", "|V8", "<M8[s]", "x"]


def read(content: bytes, folder: Path) -> None:
    """Whatever is read can be played."""
    path = folder / "take.npz"
    path.write_bytes(content)
    with only("takes", FileError):
        take = read_take(path)
        frames = list(take.frames())
        assert len(frames) == len(take.times) > 0
        assert np.all(np.diff([time for time, _ in frames]) > 0)
        assert 0 <= take.seconds < 1e5
        for _, people in frames:
            for each in people:
                assert np.isfinite(each.pose().joints).all()
        assert all(np.isfinite(answer.capture) for answer in take.answers())
        assert take.about.source.isprintable()


@fuzzed
@given(st.binary())
@example(b"PK\x05\x06" + bytes(18))
def test_noise_is_refused(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


@fuzzed
@given(damaged(packed(ENTRIES)) | damaged(packed(ENTRIES, compressed=True)))
def test_a_damaged_take_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


anything = nps.arrays(nps.scalar_dtypes(), nps.array_shapes(min_dims=0, max_side=4))
fitting = st.one_of(
    nps.arrays(np.float64, st.sampled_from([(3,), ()])),
    nps.arrays(np.int64, st.sampled_from([(2,), ()])),
    nps.arrays(np.int16, st.sampled_from([(3, 17, 3), (3, 17, 2)])),
    nps.arrays(np.uint8, st.sampled_from([(3, 17), (3,), (0,)])),
    st.text(max_size=20).map(np.array),
)


@fuzzed
@given(st.dictionaries(st.sampled_from(sorted(ENTRIES)), anything | fitting, min_size=1))
@example({"times": np.array([0.0, np.nan, 1.0])})
@example({"clock": np.array(9e10), "times": np.array([0.0, 1e-9, 2e-9])})
@example({"source": np.array("\x1b[2J")})
@example({"people": np.zeros(0, np.uint8), "times": np.zeros(0)})
def test_entries_of_any_type_and_shape_are_read_or_refused(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    read(packed(ENTRIES | changes), tmp_path)


@fuzzed
@given(damaged(SAID) | st.binary())
@example(b"[" * 100_000)
@example(b'{"type":"prediction","status":"genre","times":{"capture":1e999}}\n')
@example(b'{"type":"prediction","status":"genre","times":{"capture":NaN}}\n')
def test_messages_that_are_none_are_refused(tmp_path: Path, content: bytes) -> None:
    read(packed(ENTRIES | {"messages": np.frombuffer(content, np.uint8)}), tmp_path)


@fuzzed
@given(
    st.sampled_from(sorted(ENTRIES)),
    st.lists(st.integers(-1, 5) | st.sampled_from([17, 2**31, 2**40, 2**62]), max_size=4).map(
        tuple
    ),
    st.sampled_from(DTYPES),
    st.binary(max_size=40),
)
@example("messages", (2**40,), "|u1", b"")
@example("source", (), "<U1000000000", b"")
@example("world", (2**31, 17, 3), "<i2", b"")
def test_an_entry_that_claims_to_be_huge_is_refused(
    tmp_path: Path, entry: str, shape: tuple[int, ...], dtype: str, content: bytes
) -> None:
    read(claiming(ENTRIES, entry, shape, dtype, content), tmp_path)


@fuzzed
@given(st.sampled_from(sorted(ENTRIES)))
def test_nothing_in_a_take_is_unpickled(tmp_path: Path, entry: str) -> None:
    hidden = np.empty((), object)
    hidden[()] = Call()
    read(packed(ENTRIES | {entry: hidden}), tmp_path)
