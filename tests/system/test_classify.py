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
from dancetype.stream.sources.file import FileSource


def classify(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dancetype", "classify", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_real_clip_gets_a_genre_from_every_frame_without_native_chatter(
    sample_clip: Path, pose_model: Path
) -> None:
    run = classify(sample_clip, "--json")
    answer = json.loads(run.stdout)
    assert (run.returncode, run.stderr) == (0, "")
    assert answer["file"] == str(sample_clip)
    assert answer["frames"] == 230
    assert 150 < answer["poses"] <= 230
    assert answer["seconds"] == pytest.approx(230 / 30, abs=0.01)
    assert set(answer["probabilities"]) == set(CODES)
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=0.01)
    assert answer["genre"] == max(answer["probabilities"], key=answer["probabilities"].get)
    assert answer["confidence"] == answer["probabilities"][answer["genre"]]


def test_a_real_dance_on_a_phone_gets_a_genre(shared: Path, pose_model: Path) -> None:
    run = classify(shared / "data" / "videos" / "solo_portrait_24fps.mp4", "--json")
    answer = json.loads(run.stdout)
    assert run.returncode == 0
    assert answer["genre"] in CODES
    assert (answer["frames"], answer["seconds"]) == (288, 12.0)
    assert answer["poses"] > 280


def test_a_bad_file_is_one_plain_line(tmp_path: Path, pose_model: Path) -> None:
    (tmp_path / "text.mp4").write_text("hello")
    run = classify(tmp_path / "text.mp4")
    assert run.returncode == 1
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1
    assert "no video that can be read" in run.stderr


@pytest.fixture(scope="module")
def short(sample_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a real person."""
    path = tmp_path_factory.mktemp("short") / "short.mp4"
    source = FileSource(sample_clip)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for index in range(130):
            frame = source.read()
            assert frame is not None
            # Nobody is in sight at first.
            if index >= 70:
                small = cv2.resize(frame.image, (640, 360)).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(small, format="bgr24")))
        container.mux(stream.encode())
    source.close()
    return path


def test_of_a_folder_each_clip_gets_a_line_a_film_and_a_plot(
    short: Path, tmp_path: Path, pose_model: Path
) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "bad.mp4").write_text("hello")
    (tmp_path / "clips" / "good.mp4").write_bytes(short.read_bytes())
    out = f"{tmp_path / 'out'}{os.sep}"
    run = classify(tmp_path / "clips", "--csv", "--video-out", out, "--plot", out)
    bad, good = csv.DictReader(run.stdout.splitlines())
    assert run.returncode == 1
    assert run.stderr == ""
    assert "no video that can be read" in bad["error"]
    assert (good["file"], good["frames"]) == (str(tmp_path / "clips" / "good.mp4"), "60")
    assert good["genre"] in CODES
    assert {path.name for path in Path(out).iterdir()} == {"good.mp4", "good.png"}
    with av.open(f"{out}good.mp4") as film, av.open(str(short)) as clip:
        assert sum(1 for _ in film.decode(video=0)) == 60
        assert film.streams.video[0].width == clip.streams.video[0].width


class Terminal:
    """The command with its errors on a terminal, and its results in a file."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self.said = ""
        self._terminal = terminal

    def read_until(self, word: str | None) -> None:
        """Reads along until `word` is said, or to the end."""
        while word is None or word not in self.said:
            try:
                said = os.read(self._terminal, 4096)
            # What Linux says at a terminal's end.
            except OSError:
                return
            self.said += said.decode(errors="replace")


@contextmanager
def at_a_terminal(*words: str | Path, results: Path) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "dancetype", "classify", *map(str, words)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with results.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=theirs, env=environment)
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait(10)
        os.close(ours)


def test_on_a_terminal_it_says_how_far_it_is_and_results_go_where_they_are_sent(
    short: Path, tmp_path: Path, pose_model: Path
) -> None:
    with at_a_terminal(short, "--json", results=tmp_path / "results") as terminal:
        terminal.read_until(None)
        assert terminal.process.wait(30) == 0
    assert json.loads((tmp_path / "results").read_text())["frames"] == 60
    assert "1 of 1" in terminal.said
    assert "/60" in terminal.said
    assert "probabilities" not in terminal.said


def test_an_interrupted_film_ends_at_once_and_leaves_no_half_file(
    short: Path, tmp_path: Path, pose_model: Path
) -> None:
    (tmp_path / "out").mkdir()
    words = (short, short.parent, "--video-out", tmp_path / "out")
    with at_a_terminal(*words, results=tmp_path / "results") as terminal:
        terminal.read_until("rendering")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(10) == 130
        terminal.read_until(None)
    assert "Traceback" not in terminal.said
    assert list((tmp_path / "out").iterdir()) == []


def lookers(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes that look at its clips."""
    every = psutil.Process(process.pid).children(recursive=True)
    return [each for each in every if "spawn_main" in " ".join(each.cmdline())]


@pytest.fixture
def three(short: Path, tmp_path: Path) -> Path:
    """A folder of three clips."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (folder / name).write_bytes(short.read_bytes())
    return folder


def test_of_a_process_that_is_killed_only_the_clip_it_looked_at_is_lost(
    three: Path, tmp_path: Path, pose_model: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    words = (three, "--jobs", "2", "--json", "--video-out", out)
    with at_a_terminal(*words, results=tmp_path / "results") as terminal:
        terminal.read_until("rendering")
        lookers(terminal.process)[0].kill()
        terminal.read_until(None)
        assert terminal.process.wait(30) == 1
    results = [json.loads(line) for line in (tmp_path / "results").read_text().splitlines()]
    assert [Path(each["file"]).name for each in results] == ["a.mp4", "b.mp4", "c.mp4"]
    (lost,) = [each for each in results if "error" in each]
    assert "was killed (SIGKILL)" in lost["error"]
    whole = {Path(each["file"]).name for each in results if "error" not in each}
    assert {path.name for path in out.iterdir()} == whole


def test_an_interrupt_ends_all_that_look_at_clips_and_leaves_no_half_film(
    three: Path, tmp_path: Path, pose_model: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    words = (three, "--jobs", "2", "--video-out", out)
    with at_a_terminal(*words, results=tmp_path / "results") as terminal:
        terminal.read_until("rendering")
        working = lookers(terminal.process)
        assert len(working) == 2
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(10) == 130
        assert not any(each.is_running() for each in working)
    assert list(out.glob("*.part")) == []
