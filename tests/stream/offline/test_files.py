from pathlib import Path

import pytest

from dancetype.engine.errors import FileError, SettingsError
from dancetype.stream.offline.files import Clip, find_clips, output_file, output_paths


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "b.mp4",
        "a.MOV",
        "notes.txt",
        ".c.mp4",
        "in/d.mkv",
        ".trash/e.mp4",
        "in/f/g.webm",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*words: str) -> list[str]:
    return [str(clip.file) for clip in find_clips(map(Path, words))]


def test_a_folder_stands_for_all_videos_in_it_sorted_but_hidden_ones(folder: Path) -> None:
    inner = ["a.MOV", "b.mp4", "in/d.mkv", "in/f/g.webm"]
    assert found(str(folder)) == [str(folder / name) for name in inner]


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("*.mp4", ["b.mp4"]),
        ("*", ["a.MOV", "b.mp4"]),
        ("**/*.[mw]*", ["b.mp4", "in/d.mkv", "in/f/g.webm"]),
        ("in/?.mkv", ["in/d.mkv"]),
    ],
)
def test_a_pattern_stands_for_the_videos_it_matches(
    folder: Path, pattern: str, files: list[str]
) -> None:
    assert found(pattern) == files


def test_clips_come_in_the_order_given_and_each_once(folder: Path) -> None:
    assert found("in", "b.mp4", "*.mp4", ".", "./b.mp4") == [
        *("in/d.mkv", "in/f/g.webm", "b.mp4", "a.MOV")
    ]


def test_a_file_is_a_file_whatever_its_name(folder: Path) -> None:
    (folder / "[b].mp4").touch()
    assert found("[b].mp4", "notes.txt", ".c.mp4", "gone.mp4", "x" * 300 + "*") == [
        *("[b].mp4", "notes.txt", ".c.mp4", "gone.mp4", "x" * 300 + "*")
    ]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("empty", "empty: a folder without a video"),
        ("*.avi", "*.avi: no such file, and as a pattern it matches no video"),
        ("*.txt", "matches no video"),
        ("a\n*.mp4", r"a\n*.mp4: no such file"),
    ],
)
def test_a_word_that_gives_nothing_is_at_fault_alone(folder: Path, word: str, reason: str) -> None:
    before, bad, after = find_clips(map(Path, ["b.mp4", word, "a.MOV"]))
    assert (before, after) == (Clip(Path("b.mp4")), Clip(Path("a.MOV")))
    assert bad.file == Path(word)
    assert reason in bad.fault


def test_links_in_a_circle_are_not_followed_for_ever(folder: Path) -> None:
    (folder / "in" / "back").symlink_to(folder)
    assert found("in") == ["in/d.mkv", "in/f/g.webm"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    return tmp_path


def placed(given: str | None, *clips: str, suffix: str = ".mp4") -> list[str]:
    wanted = output_paths("--video-out", given, [Path(clip) for clip in clips], suffix)
    assert list(wanted) == [Path(clip) for clip in clips] or given is None
    return [str(file) for file in wanted.values()]


def test_nothing_is_placed_where_nothing_is_wanted(place: Path) -> None:
    assert placed(None, "a.mp4") == []


def test_of_one_clip_a_file_or_a_folder_is_taken(place: Path) -> None:
    assert placed("out.mp4", "a.mp4") == ["out.mp4"]
    assert placed("there", "a.mp4") == ["there/a.mp4"]
    assert placed("new/er/", "a.mov", suffix=".png") == ["new/er/a.png"]
    assert (place / "new" / "er").is_dir()


def test_of_several_clips_with_one_name_the_later_are_numbered(place: Path) -> None:
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
    place: Path, given: str, clips: list[str], reason: str
) -> None:
    (place / "link.mp4").symlink_to(place / "b.mp4")
    (place / "hard.mp4").hardlink_to(place / "a.mp4")
    with pytest.raises(SettingsError, match=reason):
        placed(given, *clips)


def test_a_file_takes_the_place_of_an_older_one_once_it_is_whole(place: Path) -> None:
    old = place / "there" / "a.mp4"
    old.write_text("old")
    with output_file(old) as part:
        part.write_text("new")
        assert old.read_text() == "old"
    assert old.read_text() == "new"
    assert list(old.parent.iterdir()) == [old]


def _break_off(part: Path, error: BaseException | type[BaseException]) -> None:
    part.write_text("half")
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_of_what_is_broken_off_nothing_is_left(
    place: Path, error: BaseException | type[BaseException]
) -> None:
    with (
        pytest.raises((KeyboardInterrupt, FileError)) as caught,
        output_file(place / "there" / "a.mp4") as part,
    ):
        _break_off(part, error)
    assert list((place / "there").iterdir()) == []
    if caught.type is FileError:
        assert str(caught.value).endswith("a.mp4: cannot be written: No space left on device")


def test_a_name_too_long_to_write_beside_is_told(place: Path) -> None:
    with (
        pytest.raises(FileError, match="File name too long"),
        output_file(place / ("x" * 250 + ".mp4")) as part,
    ):
        part.touch()
