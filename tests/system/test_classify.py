import csv
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import psutil
import pytest

from dancetype.engine.genres import CODES
from dancetype.stream.messages import PredictionMessage, SourceState
from dancetype.stream.sources.file import FileSource
from tests.testbed.command import Command


def classify(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dancetype", "classify", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_classifies_a_real_clip_from_all_frames_with_nothing_on_stderr(
    sample_clip: Path, pose_model: Path
) -> None:
    run = classify(sample_clip, "--json")
    result = json.loads(run.stdout)
    assert (run.returncode, run.stderr) == (0, "")
    assert result["file"] == str(sample_clip)
    assert result["frames"] == 230
    assert 150 < result["poses"] <= 230
    assert result["seconds"] == pytest.approx(230 / 30, abs=0.01)
    assert set(result["probabilities"]) == set(CODES)
    assert 0 < result["dancing"] < 1
    assert sum(result["probabilities"].values()) == pytest.approx(result["dancing"], abs=0.01)
    assert result["genre"] == max(result["probabilities"], key=result["probabilities"].get)
    assert result["confidence"] == result["probabilities"][result["genre"]]


def test_classifies_a_portrait_video_of_a_phone(shared: Path, pose_model: Path) -> None:
    run = classify(shared / "data" / "videos" / "solo_portrait_24fps.mp4", "--json")
    result = json.loads(run.stdout)
    assert run.returncode == 0
    assert result["genre"] in CODES
    assert (result["frames"], result["seconds"]) == (288, 12.0)
    assert result["poses"] > 280


def test_unreadable_file_is_reported_in_one_line(tmp_path: Path, pose_model: Path) -> None:
    (tmp_path / "text.mp4").write_text("hello")
    run = classify(tmp_path / "text.mp4")
    assert run.returncode == 1
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1
    assert "no video that can be read" in run.stderr


@pytest.fixture(scope="module")
def short_clip(sample_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with two seconds of a real person."""
    path = tmp_path_factory.mktemp("short") / "short.mp4"
    source = FileSource(sample_clip)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        # At the default, the pose model finds the person only by chance.
        stream.bit_rate = 4_000_000
        for index in range(130):
            frame = source.read()
            assert frame is not None
            # The first 70 frames show no person.
            if index >= 70:
                small = cv2.resize(frame.image, (640, 360)).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(small, format="bgr24")))
        container.mux(stream.encode())
    source.close()
    return path


def test_each_clip_of_a_folder_gets_a_result_and_all_files(
    short_clip: Path, tmp_path: Path, pose_model: Path
) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "bad.mp4").write_text("hello")
    (tmp_path / "clips" / "good.mp4").write_bytes(short_clip.read_bytes())
    out = f"{tmp_path / 'out'}{os.sep}"
    files = ("--video-out", out, "--plot", out, "--timeline", out)
    run = classify(tmp_path / "clips", "--csv", *files)
    bad, good = csv.DictReader(run.stdout.splitlines())
    assert run.returncode == 1
    assert run.stderr == ""
    assert "no video that can be read" in bad["error"]
    assert (good["file"], good["frames"]) == (str(tmp_path / "clips" / "good.mp4"), "60")
    assert good["genre"] in CODES
    suffixes = ("mp4", "png", "jsonl", "csv", "srt")
    assert {path.name for path in Path(out).iterdir()} == {f"good.{suffix}" for suffix in suffixes}
    with av.open(f"{out}good.mp4") as video, av.open(str(short_clip)) as clip:
        assert sum(1 for _ in video.decode(video=0)) == 60
        assert video.streams.video[0].width == clip.streams.video[0].width


class Terminal:
    """The command with stderr on a pseudo-terminal and stdout in a file."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self.output = ""
        self._terminal = terminal

    def read_until(self, word: str | None) -> None:
        """Read until the output contains `word`, or to the end."""
        while word is None or word not in self.output:
            try:
                data = os.read(self._terminal, 4096)
            # Linux raises EIO at the end of a terminal's output.
            except OSError:
                return
            self.output += data.decode(errors="replace")


@contextmanager
def run_in_terminal(*arguments: str | Path, results: Path) -> Iterator[Terminal]:
    controller, terminal_device = pty.openpty()
    command = [sys.executable, "-m", "dancetype", "classify", *map(str, arguments)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with results.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=terminal_device, env=environment)
    os.close(terminal_device)
    try:
        yield Terminal(process, controller)
    finally:
        process.kill()
        process.wait(10)
        os.close(controller)


def test_terminal_shows_progress_and_results_go_to_stdout(
    short_clip: Path, tmp_path: Path, pose_model: Path
) -> None:
    with run_in_terminal(short_clip, "--json", results=tmp_path / "results") as terminal:
        terminal.read_until(None)
        assert terminal.process.wait(30) == 0
    assert json.loads((tmp_path / "results").read_text())["frames"] == 60
    assert "1 of 1" in terminal.output
    assert "/60" in terminal.output
    assert "probabilities" not in terminal.output


def test_interrupt_while_rendering_keeps_the_timeline_and_leaves_no_partial_file(
    short_clip: Path, tmp_path: Path, pose_model: Path
) -> None:
    (tmp_path / "out").mkdir()
    timeline = tmp_path / "clip.csv"
    files = ("--video-out", tmp_path / "out", "--timeline", timeline)
    arguments = (short_clip, short_clip.parent, *files)
    with run_in_terminal(*arguments, results=tmp_path / "results") as terminal:
        terminal.read_until("rendering")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(10) == 130
        terminal.read_until(None)
    assert "Traceback" not in terminal.output
    assert list((tmp_path / "out").iterdir()) == []
    assert timeline.read_text().endswith("\n")


def test_timeline_is_what_a_live_run_reports(
    short_clip: Path, tmp_path: Path, pose_model: Path
) -> None:
    assert classify(short_clip, "--timeline", tmp_path / "clip.jsonl").returncode == 0
    timeline = [json.loads(line) for line in (tmp_path / "clip.jsonl").read_text().splitlines()]
    with Command("--source", f"clip={short_clip}", "--every-frame", folder=tmp_path) as run:
        run.wait_for_state(SourceState.ENDED, within=60)
    live = [message for message in run.messages if isinstance(message, PredictionMessage)]
    first = live[0].times.window_end
    assert len(timeline) >= 8
    assert {entry["status"] for entry in timeline} >= {"warming_up", "not_sure"}
    for entry, message in zip(timeline, live, strict=True):
        assert entry["time"] == pytest.approx(message.times.window_end - first, abs=0.01)
        assert entry["status"] == message.status
        assert entry["probabilities"] == pytest.approx(message.probabilities, abs=0.01)


def worker_processes(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the worker processes of the command."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


@pytest.fixture
def three_clips(short_clip: Path, tmp_path: Path) -> Path:
    """A folder of three clips."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (folder / name).write_bytes(short_clip.read_bytes())
    return folder


def test_killed_worker_fails_only_its_clip(
    three_clips: Path, tmp_path: Path, pose_model: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    arguments = (three_clips, "--jobs", "2", "--json", "--video-out", out)
    with run_in_terminal(*arguments, results=tmp_path / "results") as terminal:
        terminal.read_until("rendering")
        worker_processes(terminal.process)[0].kill()
        terminal.read_until(None)
        assert terminal.process.wait(30) == 1
    results = [json.loads(line) for line in (tmp_path / "results").read_text().splitlines()]
    assert [Path(result["file"]).name for result in results] == ["a.mp4", "b.mp4", "c.mp4"]
    (failed,) = [result for result in results if "error" in result]
    assert "was killed (SIGKILL)" in failed["error"]
    complete = {Path(result["file"]).name for result in results if "error" not in result}
    assert {path.name for path in out.iterdir()} == complete


def test_interrupt_stops_all_workers_and_leaves_no_partial_video(
    three_clips: Path, tmp_path: Path, pose_model: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    arguments = (three_clips, "--jobs", "2", "--video-out", out)
    with run_in_terminal(*arguments, results=tmp_path / "results") as terminal:
        terminal.read_until("rendering")
        workers = worker_processes(terminal.process)
        assert len(workers) == 2
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(10) == 130
        assert not any(worker.is_running() for worker in workers)
    assert list(out.glob("*.part")) == []
