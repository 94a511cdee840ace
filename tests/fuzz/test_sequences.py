import pickle
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from dancetype.engine.errors import FileError
from dancetype.training.data.aist import SequenceName, read_names, read_sequence
from tests.fuzz.fuzzing import check_parser, fuzz_test, texts

NAME = "gBR_sBM_cAll_d04_mBR0_ch02"


@fuzz_test
@given(texts | st.from_regex(r"g[A-Z]{2}_s(BM|FM)_c(All|\d+)_d\d+_m[A-Z]{2}\d_ch\d+\n?"))
def test_any_sequence_name_is_parsed_or_rejected(text: str) -> None:
    with check_parser("AIST names", FileError):
        assert SequenceName.parse(text).text.isascii()


@fuzz_test
@given(st.binary() | texts.map(lambda text: text.encode(errors="replace")))
@example(b"\xff")
def test_any_list_file_is_read_or_rejected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with check_parser("AIST lists", FileError):
        assert all(name == name.strip() != "" for name in read_names(tmp_path / "list.txt"))


joints = nps.arrays(
    nps.floating_dtypes() | nps.integer_dtypes() | nps.boolean_dtypes(),
    st.sampled_from([(2, 17, 3), (40, 17, 3), (1, 17, 3), (17, 3), (2, 17, 2), ()]),
)
keys = st.sampled_from(["keypoints3d", "keypoints3d_optim", "other"])


@fuzz_test
@given(st.dictionaries(keys, joints | st.none(), max_size=2))
@example({"keypoints3d": np.full((40, 17, 3), 3e38)})
@example({"keypoints3d": np.full((40, 17, 3), 1e300)})
def test_any_joints_are_read_or_rejected(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / f"{NAME}.pkl"
    path.write_bytes(pickle.dumps(content))
    with check_parser("AIST sequences", FileError):
        sequence = read_sequence(path)
        assert sequence.joints.shape[1:] == (17, 3)
        assert sequence.joints.dtype == np.float32
        assert np.isfinite(sequence.joints).all()
