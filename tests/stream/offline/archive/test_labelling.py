import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dancetype.engine.errors import ExpectedError
from dancetype.engine.workers import ReportProgress, Work
from dancetype.stream.offline.archive.labelling import label_clip, scan_archive
from dancetype.stream.offline.clip_job import Task


def _classify(task: Task, report: ReportProgress) -> dict[str, Any]:
    return {"file": str(task.file), "genre": "HO"}


@contextmanager
def working_opener() -> Iterator[Work]:
    yield _classify


@contextmanager
def failing_opener() -> Iterator[Work]:
    raise ExpectedError("no such pose model")
    yield _classify


def test_clips_are_named_by_their_path_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in (b"b.mp4", b"in/a.mov", b"in/\xff.mp4", b"notes.txt"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("hello")
    archive = scan_archive(tmp_path / "in" / "..")
    assert archive.root == tmp_path
    assert list(archive.files) == ["b.mp4", "in/a.mov", r"in/\xff.mp4"]
    assert {stamp["bytes"] for stamp in archive.stamps.values()} == {5}
    assert all((archive.root / file).is_file() for file in archive.files.values())


def test_dangling_link_is_listed_as_a_clip(tmp_path: Path) -> None:
    (tmp_path / "gone.mp4").symlink_to("nowhere")
    archive = scan_archive(tmp_path)
    assert archive.stamps == {"gone.mp4": {"file": "gone.mp4", "bytes": None, "modified_ns": None}}


def test_folder_without_clips_has_a_fault(tmp_path: Path) -> None:
    archive = scan_archive(tmp_path)
    assert archive.files == {}
    assert "no video in this folder" in archive.faults[0]


def test_missing_archive_or_model_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    no_archive = label_clip(tmp_path / "missing", Path("a.mp4"), pickle.dumps(working_opener))
    assert f"folder {tmp_path / 'missing'} does not exist" in no_archive["fault"]
    no_model = label_clip(tmp_path, Path("a.mp4"), pickle.dumps(failing_opener))
    assert "no such pose model" in no_model["fault"]
