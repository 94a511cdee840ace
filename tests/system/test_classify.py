import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.genres import CODES


def classify(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dancetype", "classify", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_real_clip_gets_a_genre_from_every_frame(sample_clip: Path, pose_model: Path) -> None:
    run = classify(sample_clip, "--json")
    answer = json.loads(run.stdout)
    assert run.returncode == 0
    assert answer["file"] == str(sample_clip)
    assert answer["frames"] == 230
    assert 150 < answer["poses"] <= 230
    assert answer["seconds"] == pytest.approx(230 / 30, abs=0.01)
    assert set(answer["probabilities"]) == set(CODES)
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=0.01)
    assert answer["genre"] == max(answer["probabilities"], key=answer["probabilities"].get)
    assert answer["confidence"] == answer["probabilities"][answer["genre"]]


def test_the_terminal_is_kept_free_of_native_chatter(sample_clip: Path, pose_model: Path) -> None:
    assert classify(sample_clip).stderr == ""


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
