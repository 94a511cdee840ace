from pathlib import Path

import pytest

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.media.track import NOT_DANCING
from dancetype.training.data.clips import read_clips


def lay(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_folders_say_what_is_danced_and_by_whom(tmp_path: Path) -> None:
    lay(
        tmp_path,
        "salsa/ann/one.mp4",
        "salsa/bo/monday/two.MOV",
        "house/three.mp4",
        "LA_style-hip hop/ann/four.webm",
        "not dancing/five.mp4",
    )
    found = read_clips(tmp_path)
    assert found.genres == {"LH": "LA-style hip-hop", "HO": "house", "SALSA": "salsa"}
    assert {file.path.name: (file.genre, file.dancer) for file in found.files} == {
        "one.mp4": ("SALSA", "ann"),
        "two.MOV": ("SALSA", "bo"),
        "three.mp4": ("HO", ""),
        "four.webm": ("LH", "ann"),
        "five.mp4": (NOT_DANCING, ""),
    }
    assert found.others == []


def test_genres_stand_in_aists_order_and_then_by_name(tmp_path: Path) -> None:
    folders = [*CODES[::-1], "Tango", "bachata", "Salsa"]
    found = read_clips(lay(tmp_path, *(f"{name}/one.mp4" for name in folders)))
    assert list(found.genres) == [*CODES, "BACHATA", "SALSA", "TANGO"]


def test_folders_that_spell_one_genre_differently_are_one(tmp_path: Path) -> None:
    lay(tmp_path, "ho/a.mp4", "House/b.mp4", "west_coast swing/c.mp4", "West Coast Swing/d.mp4")
    found = read_clips(tmp_path)
    assert found.genres == {"HO": "house", "WCS": "West Coast Swing"}
    assert [file.genre for file in found.files] == ["HO", "WCS", "HO", "WCS"]


def test_a_dancer_whose_name_is_written_in_two_ways_is_one(tmp_path: Path) -> None:
    found = read_clips(lay(tmp_path, "house/Ann Lee/a.mp4", "salsa/ann_lee/b.mp4"))
    assert [file.dancer for file in found.files] == ["Ann Lee", "Ann Lee"]


def test_hidden_files_are_passed_over_and_others_are_told(tmp_path: Path) -> None:
    lay(tmp_path, "salsa/one.mp4", "salsa/.DS_Store", "salsa/.thumbs/x.mp4", ".git/y.mp4")
    lay(tmp_path, "salsa/notes.txt", "readme.md")
    found = read_clips(tmp_path)
    assert [file.path.name for file in found.files] == ["one.mp4"]
    assert sorted(path.name for path in found.others) == ["notes.txt", "readme.md"]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], "no folders in it; put the clips of each genre into one"),
        (["one.mp4"], "no folders in it"),
        (["salsa/one.mp4", "tango/notes.txt"], r"tango: no video in it.*mp4"),
        (["not_sure/one.mp4"], "not_sure: is what dancetype says"),
        (["warming up/one.mp4"], "warming up: is what dancetype says"),
        ([f"{'x' * 41}/one.mp4"], "1 to 40 letters"),
        (["--/one.mp4"], "1 to 40 letters"),
        (["sal\x1bsa/one.mp4"], "1 to 40 letters"),
    ],
)
def test_a_folder_that_nothing_can_be_learned_from_is_refused(
    tmp_path: Path, names: list[str], says: str
) -> None:
    with pytest.raises(FileError, match=says) as caught:
        read_clips(lay(tmp_path, *names))
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="gone: cannot be read"):
        read_clips(tmp_path / "gone")


def test_whatever_classify_takes_for_a_video_can_be_learned_from(tmp_path: Path) -> None:
    found = read_clips(lay(tmp_path, "salsa/one.asf", "salsa/two.MXF", "salsa/notes.txt"))
    assert [file.path.name for file in found.files] == ["one.asf", "two.MXF"]
    assert [path.name for path in found.others] == ["notes.txt"]
