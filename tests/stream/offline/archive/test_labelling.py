import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dancetype.engine.errors import ExpectedError
from dancetype.engine.workers import ReportProgress, Work
from dancetype.stream.offline.archive.labelling import label_clip, survey
from dancetype.stream.offline.clip_job import Task


def _look(task: Task, report: ReportProgress) -> dict[str, Any]:
    return {"file": str(task.file), "genre": "HO"}


@contextmanager
def looking() -> Iterator[Work]:
    yield _look


@contextmanager
def without_a_model() -> Iterator[Work]:
    raise ExpectedError("no such pose model")
    yield _look


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


def test_a_machine_without_the_archive_or_a_model_is_no_fault_of_the_clips(tmp_path: Path) -> None:
    away = label_clip(tmp_path / "away", Path("a.mp4"), pickle.dumps(looking))
    assert f"there is no folder {tmp_path / 'away'}" in away["fault"]
    without = label_clip(tmp_path, Path("a.mp4"), pickle.dumps(without_a_model))
    assert "no such pose model" in without["fault"]
