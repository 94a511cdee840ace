from pathlib import Path

import pytest

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.training.data.splits import find_split

SEQUENCES = [
    "gBR_sBM_cAll_d04_mBR0_ch01",
    "gBR_sBM_cAll_d04_mBR0_ch02",
    "gBR_sFM_cAll_d05_mBR0_ch03",
    "gPO_sBM_cAll_d10_mPO0_ch01",
    "gPO_sFM_cAll_d11_mPO0_ch01",
    "gPO_sFM_cAll_d12_mPO0_ch01",
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """AIST++ folder with a list of three sequences, one of which is missing from the folder."""
    (tmp_path / "keypoints3d").mkdir()
    (tmp_path / "splits").mkdir()
    for name in [*SEQUENCES, "not_a_sequence"]:
        (tmp_path / "keypoints3d" / f"{name}.pkl").touch()
    listed = f"{SEQUENCES[1]}\n\ngWA_sBM_cAll_d25_mWA0_ch01\n{SEQUENCES[0]}\n"
    (tmp_path / "splits" / "pose_val.txt").write_text(listed, encoding="utf-8")
    return tmp_path


def test_all_contains_every_sequence_in_the_folder(data: Path) -> None:
    split = find_split(data, "all")
    assert split.sequences == SEQUENCES
    assert split.dancers == ["d04", "d05", "d10", "d11", "d12"]


def test_halves_divide_the_dancers_of_each_genre(data: Path) -> None:
    assert find_split(data, "dancers:A").dancers == ["d04", "d10", "d12"]
    assert find_split(data, "dancers:B").dancers == ["d05", "d11"]


def test_genre_with_one_dancer_is_missing_from_second_half(data: Path) -> None:
    for path in (data / "keypoints3d").glob("gPO_*_d1[12]_*"):
        path.unlink()
    assert find_split(data, "dancers:B").dancers == ["d05"]


def test_split_contains_the_named_dancers(data: Path) -> None:
    split = find_split(data, "dancers:d12,d04")
    assert split.name == "dancers:d12,d04"
    assert split.sequences == [*SEQUENCES[:2], SEQUENCES[5]]


@pytest.mark.parametrize("name", ["pose_val", "val", "pose_val.txt"])
def test_official_list_is_found_by_name(data: Path, name: str) -> None:
    assert find_split(data, name).sequences == SEQUENCES[:2]


def test_list_is_found_by_path(data: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.lst"
    mine.write_text(SEQUENCES[3], encoding="utf-8")
    assert find_split(data, str(mine)).sequences == [SEQUENCES[3]]


def test_ignored_sequences_are_excluded_from_all_splits(data: Path) -> None:
    (data / "ignore_list.txt").write_text(f"{SEQUENCES[0]}\n", encoding="utf-8")
    assert find_split(data, "all").sequences == SEQUENCES[1:]
    assert find_split(data, "pose_val").sequences == SEQUENCES[1:2]


def test_error_for_unknown_split_lists_the_known_ones(data: Path) -> None:
    with pytest.raises(FileError, match=r"no split 'test'; use one of all, dancers:A.*pose_val"):
        find_split(data, "test")


@pytest.mark.parametrize("name", ["dancers:d99", "dancers:", "dancers:a"])
def test_split_without_sequences_in_the_folder_is_rejected(data: Path, name: str) -> None:
    with pytest.raises(FileError, match=f"split {name}: none of its sequences"):
        find_split(data, name)


def test_folder_without_data_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no keypoints3d"):
        find_split(tmp_path, "all")


def test_halves_of_real_data_have_ten_dancers_each_and_share_none(aist: Path) -> None:
    first, second = find_split(aist, "dancers:A"), find_split(aist, "dancers:B")
    assert len(first.dancers) == len(second.dancers) == 10
    assert not set(first.dancers) & set(second.dancers)
    for split in (first, second):
        assert {name[1:3] for name in split.sequences} == set(CODES)


def test_official_lists_of_real_data_are_disjoint(aist: Path) -> None:
    train, validation = find_split(aist, "pose_train"), find_split(aist, "pose_val")
    assert not set(train.sequences) & set(validation.sequences)
    all_sequences = set(find_split(aist, "all").sequences)
    assert set(train.sequences) | set(validation.sequences) == all_sequences
