from pathlib import Path

import pytest

from dancetype.engine.errors import FileError, SettingsError
from dancetype.stream.offline.writing import places, written_whole


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    return tmp_path


def placed(given: str | None, *clips: str, suffix: str = ".mp4") -> list[str]:
    wanted = places("--video-out", given, [Path(clip) for clip in clips], suffix)
    assert list(wanted) == [Path(clip) for clip in clips] or given is None
    return [str(file) for file in wanted.values()]


def test_nothing_is_placed_where_nothing_is_wanted(folder: Path) -> None:
    assert placed(None, "a.mp4") == []


def test_of_one_clip_a_file_or_a_folder_is_taken(folder: Path) -> None:
    assert placed("out.mp4", "a.mp4") == ["out.mp4"]
    assert placed("there", "a.mp4") == ["there/a.mp4"]
    assert placed("new/er/", "a.mov", suffix=".png") == ["new/er/a.png"]
    assert (folder / "new" / "er").is_dir()


def test_of_several_clips_with_one_name_the_later_are_numbered(folder: Path) -> None:
    clips = ["a.mp4", "x/a.mp4", "x/A.mov", "a-2.mp4", "b.mp4"]
    assert placed("there", *clips) == [
        *("there/a.mp4", "there/a-3.mp4", "there/A-4.mp4", "there/a-2.mp4", "there/b.mp4")
    ]


@pytest.mark.parametrize(
    ("given", "clips", "reason"),
    [
        ("out.mp4", ["a.mp4", "b.mp4"], "of 2 clips it takes a folder: out.mp4/"),
        ("", ["a.mp4"], "name a file or a folder"),
        ("out.avi", ["a.mp4"], r"not named \*\.mp4"),
        ("gone/out.mp4", ["a.mp4"], "no folder gone"),
        ("a.mp4/", ["b.mp4"], "a.mp4/ cannot be written: File exists"),
        ("a.mp4", ["a.mp4"], "a.mp4 is a clip itself and would be lost"),
        (".", ["a.mp4", "b.mp4"], "a.mp4 is a clip itself"),
        ("link.mp4", ["a.mp4"], "no plain file"),
        ("hard.mp4", ["a.mp4"], "is a clip itself"),
        ("x" * 300 + ".mp4", ["a.mp4"], "File name too long"),
        ("~nobody-at-all/x.mp4", ["a.mp4"], "--video-out: "),
    ],
)
def test_what_cannot_be_placed_is_refused_before_anything_is_lost(
    folder: Path, given: str, clips: list[str], reason: str
) -> None:
    (folder / "link.mp4").symlink_to(folder / "b.mp4")
    (folder / "hard.mp4").hardlink_to(folder / "a.mp4")
    with pytest.raises(SettingsError, match=reason):
        placed(given, *clips)


def test_a_file_takes_the_place_of_an_older_one_once_it_is_whole(folder: Path) -> None:
    old = folder / "there" / "a.mp4"
    old.write_text("old")
    with written_whole(old) as part:
        part.write_text("new")
        assert old.read_text() == "old"
    assert old.read_text() == "new"
    assert list(old.parent.iterdir()) == [old]


def _break_off(part: Path, error: BaseException | type[BaseException]) -> None:
    part.write_text("half")
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_of_what_is_broken_off_nothing_is_left(
    folder: Path, error: BaseException | type[BaseException]
) -> None:
    with (
        pytest.raises((KeyboardInterrupt, FileError)) as caught,
        written_whole(folder / "there" / "a.mp4") as part,
    ):
        _break_off(part, error)
    assert list((folder / "there").iterdir()) == []
    if caught.type is FileError:
        assert str(caught.value).endswith("a.mp4: cannot be written: No space left on device")


def test_a_name_too_long_to_write_beside_is_told(folder: Path) -> None:
    with (
        pytest.raises(FileError, match="File name too long"),
        written_whole(folder / ("x" * 250 + ".mp4")) as part,
    ):
        part.touch()
