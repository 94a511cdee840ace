import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import psutil
import pyarrow.parquet as pq
import pytest

from dancetype.engine.errors import WorkerError
from dancetype.engine.genres import CODES
from dancetype.engine.media.video import Video
from dancetype.engine.workers import ReportProgress, Work
from dancetype.stream.offline.archive.labelling import label_clips, scan_archive
from dancetype.stream.offline.clip_job import Task
from dancetype.stream.ray_cluster import connect_ray
from tests.testbed.ray_nodes import ray_head

CLIPS: Final = 200
BROKEN: Final = 5
FRAMES: Final = 5
STEP: Final = 8
WITHIN: Final = 120.0


@pytest.fixture(scope="module")
def archive(sample_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder and a subfolder with 200 clips: 195 of a real person, 5 unreadable."""
    folder = tmp_path_factory.mktemp("archive")
    with Video(sample_clip) as video:
        images = [cv2.resize(image, (320, 180)) for _, image in video]
    starts = range(60, 130, 10)
    for start in starts:
        writer = cv2.VideoWriter(
            str(folder / f"{start}.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30 / STEP, (320, 180)
        )
        for image in images[start : start + STEP * FRAMES : STEP]:
            writer.write(image)
        writer.release()
    short = [folder / f"{start}.mp4" for start in starts]
    (folder / "more").mkdir()
    for number in range(CLIPS - len(short)):
        copy = folder / "more" / f"{number}.mp4"
        if number < BROKEN:
            copy.write_text("no video")
        else:
            shutil.copyfile(short[number % len(short)], copy)
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Address of a Ray cluster, which outlives its drivers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")
        with ray_head(cores=2) as head:
            yield str(head.address)


class LabelProcess:
    """`dancetype label` as a process."""

    def __init__(self, archive: Path, out: Path, *options: str) -> None:
        self._rows = out.with_name(f"{out.name}.rows")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dancetype", "label", str(archive), "--out", str(out), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def written(self) -> int:
        """Number of clips whose rows are written."""
        lines = self._rows.read_text().splitlines() if self._rows.exists() else []
        return sum(line.startswith("{") for line in lines)

    def wait_until_written(self, clips: int) -> None:
        deadline = time.monotonic() + WITHIN
        while self.written < clips:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, f"{self.written} clips are done"
            time.sleep(0.05)

    def finish(self) -> tuple[str, str]:
        out, err = self.process.communicate(timeout=WITHIN)
        assert self.process.returncode == 0, err
        return out, err


@contextmanager
def run_label(archive: Path, out: Path, *options: str) -> Iterator[LabelProcess]:
    run = LabelProcess(archive, out, *options)
    try:
        yield run
    finally:
        run.process.kill()
        run.process.communicate()


def find_worker() -> psutil.Process:
    """Return a Ray process that is labelling a clip; between clips it has another name."""
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        for process in psutil.process_iter(["cmdline"]):
            if "ray::label_clip" in " ".join(process.info["cmdline"] or ()):
                return process
    raise AssertionError("no clip is being labelled")


def test_each_clip_is_labelled_once_after_worker_and_driver_are_killed(
    archive: Path, cluster: str, tmp_path: Path, pose_model: Path
) -> None:
    out = tmp_path / "predictions.parquet"
    with run_label(archive, out, "--address", cluster) as run:
        run.wait_until_written(20)
        find_worker().kill()
        run.wait_until_written(60)
        run.process.kill()
        run.process.communicate()
        written = run.written
    assert not out.exists()

    with run_label(archive, out, "--address", cluster) as run:
        output, errors = run.finish()
    assert f"{CLIPS - written} of {CLIPS} clips to label" in errors
    assert f"{CLIPS} clips, {BROKEN} with errors, {CLIPS - written} labelled now" in output
    # Neither Ray nor MediaPipe print anything.
    assert all("clips" in line for line in errors.splitlines()), errors
    rows = pq.read_table(out).to_pylist()
    assert [row["file"] for row in rows] == sorted(
        str(path.relative_to(archive)) for path in archive.rglob("*.mp4")
    )
    failed = [row for row in rows if row["status"] == "error"]
    assert len(failed) == BROKEN
    assert all("no video that can be read" in row["error"] for row in failed)
    good = [row for row in rows if row["error"] is None]
    assert {row["frames"] for row in good} == {FRAMES}
    classified = [row for row in good if row["status"] != "no_person"]
    assert len(classified) > CLIPS / 4
    for row in classified:
        assert 0 < row["dancing"] < 1
        assert sum(row[code] for code in CODES) == pytest.approx(row["dancing"], abs=0.01)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]

    before = out.read_bytes()
    with run_label(archive, out) as run:
        output, errors = run.finish()
    assert (errors, "0 labelled now" in output, out.read_bytes()) == ("", True, before)


def _analyze(task: Task, report: ReportProgress, *, attempts: Path) -> dict[str, Any]:
    with attempts.open("a") as file:
        file.write(f"{task.file.name}\n")
    crashes = task.file.name == "poison.mp4"
    if crashes or (task.file.name == "unlucky.mp4" and attempts.read_text().count("unlucky") == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if task.file.name == "bug.mp4":
        raise ValueError("no such thing")
    return {"file": str(task.file), "genre": "HO"}


@contextmanager
def open_analyzer(attempts: Path, opened: Path) -> Iterator[Work]:
    with opened.open("a") as file:
        file.write("x")
    yield partial(_analyze, attempts=attempts)


def test_crashing_clip_gets_two_attempts_and_affects_no_other(cluster: str, tmp_path: Path) -> None:
    attempts, opened, folder = tmp_path / "attempts", tmp_path / "opened", tmp_path / "clips"
    folder.mkdir()
    good = [f"good{number}.mp4" for number in range(10)]
    for name in (*good, "poison.mp4", "unlucky.mp4", "bug.mp4"):
        (folder / name).touch()
    with connect_ray(cluster) as ray:
        archive = scan_archive(folder)
        worker = partial(open_analyzer, attempts, opened)
        results = dict(label_clips(ray, archive, list(archive.files), worker))
        shutil.rmtree(folder)
        with pytest.raises(WorkerError, match=f"folder {folder} does not exist"):
            list(label_clips(ray, archive, list(archive.files), worker))
    assert results["good0.mp4"] == {"file": str(folder / "good0.mp4"), "genre": "HO"}
    assert {results[name]["genre"] for name in (*good, "unlucky.mp4")} == {"HO"}
    assert (
        "poison.mp4: the process that analysed it crashed or was" in results["poison.mp4"]["error"]
    )
    assert "bug.mp4: ValueError: no such thing; tried 2 times" in results["bug.mp4"]["error"]
    assert sorted(attempts.read_text().split()) == sorted(
        [*good, *("poison.mp4", "unlucky.mp4", "bug.mp4") * 2]
    )
    # Each crash costs one process; the others keep their models.
    assert len(opened.read_text()) < len(good)
