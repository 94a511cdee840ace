import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dancetype.engine.errors import FileError, SettingsError
from dancetype.stream.offline.files import (
    Clip,
    find_clips,
    longest_first,
    output_file,
    output_groups,
    output_paths,
)


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


def found_files(*names: str) -> list[str]:
    return [str(clip.file) for clip in find_clips(map(Path, names))]


def test_folder_is_replaced_by_its_videos_sorted_and_without_hidden_ones(folder: Path) -> None:
    videos = ["a.MOV", "b.mp4", "in/d.mkv", "in/f/g.webm"]
    assert found_files(str(folder)) == [str(folder / name) for name in videos]


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("*.mp4", ["b.mp4"]),
        ("*", ["a.MOV", "b.mp4"]),
        ("**/*.[mw]*", ["b.mp4", "in/d.mkv", "in/f/g.webm"]),
        ("in/?.mkv", ["in/d.mkv"]),
    ],
)
def test_pattern_is_replaced_by_the_matching_videos(
    folder: Path, pattern: str, files: list[str]
) -> None:
    assert found_files(pattern) == files


def test_clips_keep_the_order_of_the_names_without_duplicates(folder: Path) -> None:
    assert found_files("in", "b.mp4", "*.mp4", ".", "./b.mp4") == [
        *("in/d.mkv", "in/f/g.webm", "b.mp4", "a.MOV")
    ]


def test_longest_clip_is_first_and_unreadable_ones_are_last_in_their_order(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    short = make_video("short.mp4", frames=5)
    # The size of a file says little about its length.
    with short.open("ab") as file:
        file.write(bytes(200_000))
    long = make_video("long.mp4", frames=20)
    medium = make_video("medium.mp4", frames=12)
    pipe, broken = tmp_path / "pipe.mp4", tmp_path / "broken.mp4"
    os.mkfifo(pipe)
    broken.write_text("not a video")
    unknown = [pipe, tmp_path / "gone.mp4", broken, Path("x" * 300)]
    assert longest_first([short, *unknown, long, medium]) == [long, medium, short, *unknown]


def test_thousands_of_clips_are_not_opened(
    make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dancetype.stream.offline.files._MAX_SORTED", 1)
    clips = [make_video("a.mp4", frames=5), make_video("b.mp4", frames=20)]
    assert longest_first(clips) == clips


def test_existing_file_is_not_treated_as_a_pattern(folder: Path) -> None:
    (folder / "[b].mp4").touch()
    assert found_files("[b].mp4", "notes.txt", ".c.mp4", "gone.mp4", "x" * 300 + "*") == [
        *("[b].mp4", "notes.txt", ".c.mp4", "gone.mp4", "x" * 300 + "*")
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", "empty: no video in this folder"),
        ("*.avi", "*.avi: no such file, and no video matches it as a pattern"),
        ("*.txt", "no video matches"),
        ("a\n*.mp4", r"a\n*.mp4: no such file"),
    ],
)
def test_name_without_videos_has_a_fault_and_does_not_affect_the_others(
    folder: Path, name: str, reason: str
) -> None:
    before, missing, after = find_clips(map(Path, ["b.mp4", name, "a.MOV"]))
    assert (before, after) == (Clip(Path("b.mp4")), Clip(Path("a.MOV")))
    assert missing.file == Path(name)
    assert reason in missing.fault


def test_cyclic_links_are_not_followed(folder: Path) -> None:
    (folder / "in" / "back").symlink_to(folder)
    assert found_files("in") == ["in/d.mkv", "in/f/g.webm"]


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "existing").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    return tmp_path


def outputs(value: str | None, *clips: str, suffix: str = ".mp4") -> list[str]:
    paths = output_paths("--video-out", value, [Path(clip) for clip in clips], suffix)
    assert list(paths) == [Path(clip) for clip in clips] or value is None
    return [str(file) for file in paths.values()]


def test_no_files_are_written_without_the_option(workdir: Path) -> None:
    assert outputs(None, "a.mp4") == []


def test_output_for_one_clip_may_be_a_file_or_a_folder(workdir: Path) -> None:
    assert outputs("out.mp4", "a.mp4") == ["out.mp4"]
    assert outputs("existing", "a.mp4") == ["existing/a.mp4"]
    assert outputs("new/er/", "a.mov", suffix=".png") == ["new/er/a.png"]
    assert (workdir / "new" / "er").is_dir()


def test_outputs_for_clips_with_the_same_name_are_numbered(workdir: Path) -> None:
    clips = ["a.mp4", "x/a.mp4", "x/A.mov", "a-2.mp4", "b.mp4"]
    assert outputs("existing", *clips) == [
        "existing/a.mp4",
        "existing/a-3.mp4",
        "existing/A-4.mp4",
        "existing/a-2.mp4",
        "existing/b.mp4",
    ]


def test_folder_gets_a_file_with_each_suffix_and_a_file_must_have_one_of_them(
    workdir: Path,
) -> None:
    clips, suffixes = [Path("a.mp4"), Path("x/a.mp4")], (".csv", ".srt")
    assert output_groups("--timeline", "existing", clips, suffixes) == {
        clips[0]: (Path("existing/a.csv"), Path("existing/a.srt")),
        clips[1]: (Path("existing/a-2.csv"), Path("existing/a-2.srt")),
    }
    (files,) = output_groups("--timeline", "OUT.SRT", clips[:1], suffixes).values()
    assert files == (Path("OUT.SRT"),)
    expected = r"^--timeline: out\.txt is neither named \*\.csv, \*\.srt nor a folder$"
    with pytest.raises(SettingsError, match=expected):
        output_groups("--timeline", "out.txt", clips[:1], suffixes)
    with pytest.raises(SettingsError, match=r"2 clips need a folder, not a file: write out\.srt/"):
        output_groups("--timeline", "out.srt", clips, suffixes)


@pytest.mark.parametrize(
    ("value", "clips", "reason"),
    [
        ("out.mp4", ["a.mp4", "b.mp4"], "2 clips need a folder, not a file: write out.mp4/"),
        ("", ["a.mp4"], "name a file or a folder"),
        ("out.avi", ["a.mp4"], r"neither named \*\.mp4"),
        ("gone/out.mp4", ["a.mp4"], "folder gone does not exist"),
        ("a.mp4/", ["b.mp4"], "a.mp4/ cannot be written: File exists"),
        ("a.mp4", ["a.mp4"], "a.mp4 is a clip and would be overwritten"),
        (".", ["a.mp4", "b.mp4"], "a.mp4 is a clip and"),
        ("link.mp4", ["a.mp4"], "not a regular file"),
        ("hard.mp4", ["a.mp4"], "is a clip and"),
        ("x" * 300 + ".mp4", ["a.mp4"], "File name too long"),
        ("~no-such-user/x.mp4", ["a.mp4"], "--video-out: "),
    ],
)
def test_invalid_output_is_rejected(
    workdir: Path, value: str, clips: list[str], reason: str
) -> None:
    (workdir / "link.mp4").symlink_to(workdir / "b.mp4")
    (workdir / "hard.mp4").hardlink_to(workdir / "a.mp4")
    with pytest.raises(SettingsError, match=reason):
        outputs(value, *clips)


def test_output_file_replaces_an_older_one_when_it_is_complete(workdir: Path) -> None:
    old = workdir / "existing" / "a.mp4"
    old.write_text("old")
    with output_file(old) as part:
        part.write_text("new")
        assert old.read_text() == "old"
    assert old.read_text() == "new"
    assert list(old.parent.iterdir()) == [old]


def _fail_while_writing(part: Path, error: BaseException | type[BaseException]) -> None:
    part.write_text("incomplete")
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_failed_output_leaves_no_file(
    workdir: Path, error: BaseException | type[BaseException]
) -> None:
    with (
        pytest.raises((KeyboardInterrupt, FileError)) as caught,
        output_file(workdir / "existing" / "a.mp4") as part,
    ):
        _fail_while_writing(part, error)
    assert list((workdir / "existing").iterdir()) == []
    if caught.type is FileError:
        assert str(caught.value).endswith("a.mp4: cannot be written: No space left on device")


def test_too_long_name_of_the_temporary_file_is_reported(workdir: Path) -> None:
    with (
        pytest.raises(FileError, match="File name too long"),
        output_file(workdir / ("x" * 250 + ".mp4")) as part,
    ):
        part.touch()
