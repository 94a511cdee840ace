from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.errors import FileError
from dancetype.training.data.negatives import credit_negatives, read_negatives
from tests.fuzz.npz import npz_bytes

STEPS = np.zeros((3, 17, 3), np.int16)
STEPS[0] = 1500
STEPS[1:, 0, 1] = (-10, 30000)


def test_differences_in_millimetres_become_positions_in_metres(tmp_path: Path) -> None:
    (tmp_path / "b.npz").write_bytes(npz_bytes({"run": STEPS}))
    (tmp_path / "a.npz").write_bytes(npz_bytes({"walk": STEPS, "sit": STEPS}))
    sequences = read_negatives(tmp_path)
    assert [(s.name, s.group) for s in sequences] == [
        ("a-walk", "a"),
        ("a-sit", "a"),
        ("b-run", "b"),
    ]
    joints = sequences[0].joints
    assert joints.dtype == np.float32
    assert joints.shape == (3, 17, 3)
    np.testing.assert_allclose(joints[:, 0, 1], [1.5, 1.49, 31.49], rtol=1e-6)
    np.testing.assert_allclose(joints[:, 1:], 1.5)


def test_names_are_safe_as_file_names_and_have_one_hyphen(tmp_path: Path) -> None:
    (tmp_path / "my - file.npz").write_bytes(npz_bytes({"../a b-c": STEPS}))
    (sequence,) = read_negatives(tmp_path)
    assert (sequence.name, sequence.group) == ("my_file-.._a_b_c", "my_file")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npz_bytes({"walk": STEPS.astype(np.float32)}), "walk is float32"),
        (npz_bytes({"walk": STEPS[:, :5]}), r"walk is int16 \(3, 5, 3\)"),
        (npz_bytes({"walk": STEPS[:1]}), "walk has 1 frames, expected 2 or more"),
        (npz_bytes({"walk": STEPS})[:-40], "remove it or replace it"),
        (b"", "remove it or replace it"),
    ],
)
def test_unusable_file_is_named_in_the_error(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(FileError, match=rf"bad\.npz: .*{reason}"):
        read_negatives(tmp_path)


def test_credit_is_that_of_the_known_sources_among_the_files(tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(npz_bytes({"walk": STEPS}))
    assert credit_negatives(read_negatives(tmp_path)) == ""
    for name in ("cmu_bvh", "cmu_actions", "deepmimic"):
        (tmp_path / f"{name}.npz").write_bytes(npz_bytes({"walk": STEPS}))
    credit = credit_negatives(read_negatives(tmp_path))
    assert credit.count("mocap.cs.cmu.edu") == 1
    assert "Xue Bin Peng" in credit
    assert "Meta" not in credit


def test_folder_without_files_and_repeated_names_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"contains no \.npz files; use the folder"):
        read_negatives(tmp_path)
    (tmp_path / "a.npz").write_bytes(npz_bytes({"b/c": STEPS, "b c": STEPS}))
    with pytest.raises(FileError, match=r"a-b_c: several sequences have this name"):
        read_negatives(tmp_path)


def test_shared_sequences_are_in_a_plausible_range(shared: Path) -> None:
    sequences = read_negatives(shared / "data" / "negatives")
    assert len(sequences) == 144
    assert len({sequence.group for sequence in sequences}) == 6
    for sequence in sequences:
        assert np.abs(np.diff(sequence.joints, axis=0)).max() < 0.25, sequence.name
