from pathlib import Path

import pytest

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.media.track import NOT_DANCING
from dancetype.training.data.clips import read_clips


def create_files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_folders_give_genre_and_dancer(tmp_path: Path) -> None:
    create_files(
        tmp_path,
        "salsa/ann/one.mp4",
        "salsa/bo/monday/two.MOV",
        "house/three.mp4",
        "LA_style-hip hop/ann/four.webm",
        "not dancing/five.mp4",
    )
    folder = read_clips(tmp_path)
    assert folder.genres == {"LH": "LA-style hip-hop", "HO": "house", "SALSA": "salsa"}
    assert {file.path.name: (file.genre, file.dancer) for file in folder.files} == {
        "one.mp4": ("SALSA", "ann"),
        "two.MOV": ("SALSA", "bo"),
        "three.mp4": ("HO", ""),
        "four.webm": ("LH", "ann"),
        "five.mp4": (NOT_DANCING, ""),
    }
    assert folder.other_files == []


def test_genres_of_aist_come_first_and_others_are_sorted_by_name(tmp_path: Path) -> None:
    folders = [*CODES[::-1], "Tango", "bachata", "Salsa"]
    folder = read_clips(create_files(tmp_path, *(f"{name}/one.mp4" for name in folders)))
    assert list(folder.genres) == [*CODES, "BACHATA", "SALSA", "TANGO"]


def test_folders_with_different_spellings_of_a_genre_are_merged(tmp_path: Path) -> None:
    create_files(
        tmp_path, "ho/a.mp4", "House/b.mp4", "west_coast swing/c.mp4", "West Coast Swing/d.mp4"
    )
    folder = read_clips(tmp_path)
    assert folder.genres == {"HO": "house", "WCS": "West Coast Swing"}
    assert [file.genre for file in folder.files] == ["HO", "WCS", "HO", "WCS"]


def test_different_spellings_of_a_dancers_name_are_unified(tmp_path: Path) -> None:
    folder = read_clips(create_files(tmp_path, "house/Ann Lee/a.mp4", "salsa/ann_lee/b.mp4"))
    assert [file.dancer for file in folder.files] == ["Ann Lee", "Ann Lee"]


def test_hidden_files_are_ignored_and_other_files_are_listed(tmp_path: Path) -> None:
    create_files(tmp_path, "salsa/one.mp4", "salsa/.DS_Store", "salsa/.thumbs/x.mp4", ".git/y.mp4")
    create_files(tmp_path, "salsa/notes.txt", "readme.md")
    folder = read_clips(tmp_path)
    assert [file.path.name for file in folder.files] == ["one.mp4"]
    assert sorted(path.name for path in folder.other_files) == ["notes.txt", "readme.md"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "contains no folders; put the clips of each genre into a folder"),
        (["one.mp4"], "contains no folders"),
        (["salsa/one.mp4", "tango/notes.txt"], r"tango: contains no video file.*mp4"),
        (["not_sure/one.mp4"], "not_sure: reserved for a status"),
        (["warming up/one.mp4"], "warming up: reserved for a status"),
        ([f"{'x' * 41}/one.mp4"], "1 to 40 letters"),
        (["--/one.mp4"], "1 to 40 letters"),
        (["sal\x1bsa/one.mp4"], "1 to 40 letters"),
    ],
)
def test_unusable_folder_is_rejected_with_one_line(
    tmp_path: Path, names: list[str], message: str
) -> None:
    with pytest.raises(FileError, match=message) as error:
        read_clips(create_files(tmp_path, *names))
    assert "\n" not in str(error.value)


def test_missing_folder_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="missing: cannot be read"):
        read_clips(tmp_path / "missing")


def test_all_video_formats_of_classify_are_accepted(tmp_path: Path) -> None:
    folder = read_clips(create_files(tmp_path, "salsa/one.asf", "salsa/two.MXF", "salsa/notes.txt"))
    assert [file.path.name for file in folder.files] == ["one.asf", "two.MXF"]
    assert [path.name for path in folder.other_files] == ["notes.txt"]
