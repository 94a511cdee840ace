import os
from pathlib import Path
from typing import Any

import pytest

from dancetype.stream.offline.archive.plan import is_done, survey
from dancetype.stream.offline.archive.table import Row

ROW: Row = {"file": "a.mp4", "bytes": 5, "modified_ns": 7, "model": "live 1", "error": None}


def test_clips_are_named_by_their_path_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in (b"b.mp4", b"in/a.mov", b"in/\xff.mp4", b"notes.txt"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("hello")
    archive = survey(tmp_path / "in" / "..")
    assert archive.root == tmp_path
    assert list(archive.files) == ["b.mp4", "in/a.mov", r"in/\xff.mp4"]
    assert {stamp["bytes"] for stamp in archive.stamps.values()} == {5}
    assert all((archive.root / file).is_file() for file in archive.files.values())


def test_a_link_that_leads_nowhere_is_a_clip_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "gone.mp4").symlink_to("nowhere")
    archive = survey(tmp_path)
    assert archive.stamps == {"gone.mp4": {"file": "gone.mp4", "bytes": None, "modified_ns": None}}


def test_a_folder_without_clips_says_so(tmp_path: Path) -> None:
    archive = survey(tmp_path)
    assert archive.files == {}
    assert "a folder without a video" in archive.faults[0]


@pytest.mark.parametrize(
    ("now", "row", "retry_errors", "done"),
    [
        ({}, ROW, False, True),
        ({}, None, False, False),
        ({"bytes": 6}, ROW, False, False),
        ({"modified_ns": 8}, ROW, False, False),
        ({"model": "live 2"}, ROW, False, False),
        ({}, {**ROW, "error": "damaged"}, False, True),
        ({}, {**ROW, "error": "damaged"}, True, False),
        ({}, ROW, True, True),
    ],
)
def test_a_clip_is_done_once_until_it_or_the_model_changes(
    now: dict[str, Any], row: Row | None, retry_errors: bool, done: bool
) -> None:
    stamp = {column: ROW[column] for column in ("file", "bytes", "modified_ns", "model")}
    assert is_done(row, stamp | now, retry_errors=retry_errors) is done
