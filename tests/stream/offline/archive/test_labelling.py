import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dancetype.engine.errors import ExpectedError
from dancetype.engine.workers import ReportProgress, Work
from dancetype.stream.offline.archive.labelling import Labeller
from dancetype.stream.offline.clip_job import Task


def _look(task: Task, report: ReportProgress, *, tries: Path) -> dict[str, Any]:
    with tries.open("a") as file:
        file.write(f"{task.file.name}\n")
    crashes = task.file.name == "poison.mp4"
    if crashes or (task.file.name == "unlucky.mp4" and tries.read_text().count("unlucky") == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"file": str(task.file), "genre": "HO"}


@contextmanager
def looking(tries: Path) -> Iterator[Work]:
    yield partial(_look, tries=tries)


@contextmanager
def without_a_model() -> Iterator[Work]:
    raise ExpectedError("no such pose model")
    yield _look


@pytest.fixture(autouse=True)
def main_program() -> Iterator[None]:
    # What a labeller forgets of the process it is in, it forgets of this one too.
    main = vars(sys.modules["__main__"])
    before = dict(main)
    yield
    main.update(before)


def said(labeller: Labeller, *files: str) -> list[dict[str, Any]]:
    batch = {"name": list(files), "file": [os.fsencode(file) for file in files]}
    answer = labeller(batch)
    assert answer["name"] == list(files)
    return [json.loads(each) for each in answer["said"]]


def test_a_clip_that_kills_who_looks_at_it_has_two_tries_and_no_other_suffers(
    tmp_path: Path,
) -> None:
    tries = tmp_path / "tries"
    labeller = Labeller(str(tmp_path), partial(looking, tries))
    good, poison, unlucky, other = said(
        labeller, "good.mp4", "poison.mp4", "unlucky.mp4", "other.mp4"
    )
    assert good == {"file": str(tmp_path / "good.mp4"), "genre": "HO"}
    assert "poison.mp4: its worker process was killed (SIGKILL)" in poison["error"]
    assert (unlucky["genre"], other["genre"]) == ("HO", "HO")
    assert tries.read_text().split() == [
        *("good.mp4", "poison.mp4", "poison.mp4", "unlucky.mp4", "unlucky.mp4", "other.mp4")
    ]


def test_a_machine_without_the_archive_or_a_model_is_no_fault_of_the_clips(tmp_path: Path) -> None:
    (away,) = said(Labeller(str(tmp_path / "away"), without_a_model), "a.mp4")
    assert f"there is no folder {tmp_path / 'away'}" in away["fault"]
    (without,) = said(Labeller(str(tmp_path), without_a_model), "a.mp4")
    assert "no such pose model" in without["fault"]
