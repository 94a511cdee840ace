import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dancetype.engine.media.track import read_tracks


def command(*arguments: str | Path, out: Path, genre: str = "none") -> list[str]:
    label = ["--genre", genre, "--dancer", "Ann", "--out", str(out)]
    return [sys.executable, "-m", "dancetype", "record", *map(str, arguments), *label]


def test_records_a_real_clip_without_output_of_native_libraries(
    shared: Path, pose_model: Path, tmp_path: Path
) -> None:
    clip = shared / "data" / "videos" / "kicks.mp4"
    arguments = command(clip, "--seconds", "2", out=tmp_path / "new" / "tracks")
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    (track,) = read_tracks(tmp_path / "new" / "tracks")
    assert (track.name, track.genre, track.dancer) == ("kicks-none-Ann", "none", "Ann")
    assert len(track.times) == 60
    assert track.poses > 50
    assert run.stdout.startswith(f"saved {tmp_path}/new/tracks/kicks-none-Ann.npz: 2.0 s, ")
    assert "warning" not in run.stderr
    assert "mediapipe" not in run.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_a_live_recording_and_keeps_it(
    pose_model: Path, tmp_path: Path, number: signal.Signals
) -> None:
    arguments = command("test:", out=tmp_path, genre="house")
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "person detected" in line:
            break
    process.send_signal(number)
    output, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    (track,) = read_tracks(tmp_path)
    assert track.genre == "HO"
    assert track.seconds > 1
    assert output.count("saved") == 1
