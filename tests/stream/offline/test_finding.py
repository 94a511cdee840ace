from pathlib import Path

import pytest

from dancetype.stream.offline.finding import Clip, find_clips


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
