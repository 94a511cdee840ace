import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.media.recording import read_recording
from dancetype.stream.messages import PredictionMessage, SourceMessage, parse_message
from tests.engine.recordings import STARTED, header, record_walk
from tests.testbed.command import CHECKOUT, Command, Message, is_prediction

HEAVY = {"cv2", "mediapipe"}


def replay(*arguments: str | Path, messages: Path) -> tuple[str, list[Message]]:
    """Run `dancetype replay`; return its standard output and the messages."""
    run = subprocess.run(
        [
            *(sys.executable, "-X", "importtime", "-m", "dancetype", "replay"),
            *map(str, arguments),
            *("--no-serve", "--jsonl", str(messages)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=CHECKOUT,
    )
    assert run.returncode == 0, run.stderr
    loaded = {line.split("|")[-1].strip() for line in run.stderr.splitlines() if "|" in line}
    assert "numpy" in loaded
    assert not HEAVY & loaded
    return run.stdout, [parse_message(line) for line in messages.read_text().splitlines()]


def predictions(messages: list[Message]) -> list[PredictionMessage]:
    return [message for message in messages if is_prediction(message)]


def test_replay_of_a_recorded_run_gives_the_same_predictions(
    sample_clip: Path, pose_model: Path, tmp_path: Path
) -> None:
    recordings = tmp_path / "recordings"
    source = ("--source", f"clip={sample_clip}", "--no-serve", "--record", recordings)
    with Command(*source, folder=tmp_path) as command:
        command.wait_for(
            lambda message: is_prediction(message) and message.window > 2 and bool(message.dancers),
            within=60,
        )
        command.stop()
        assert command.exit_code == 0
    live_predictions = predictions(command.messages)
    (file,) = recordings.iterdir()
    recording = read_recording(file)
    assert len(recording.messages) == len(command.messages)
    assert file.stat().st_size < 2**17

    output, messages = replay(recordings, "--speed", "0", messages=tmp_path / "replay.jsonl")
    replayed_predictions = predictions(messages)
    assert [(replayed.status, replayed.genre) for replayed in replayed_predictions] == [
        (live.status, live.genre) for live in live_predictions
    ]
    for replayed, recorded in zip(replayed_predictions, live_predictions, strict=True):
        assert replayed.probabilities == pytest.approx(recorded.probabilities, abs=2e-3)
        assert replayed.window == pytest.approx(recorded.window, abs=1e-6)
        assert (replayed.latency.capture, replayed.latency.pose) == (0, 0)
        assert replayed.times.capture > recorded.times.sent
    recorded_joints, replayed_joints = (
        run[-1].dancers[0].joints for run in (live_predictions, replayed_predictions)
    )
    assert recorded_joints is not None
    np.testing.assert_allclose(np.array(replayed_joints), np.array(recorded_joints), atol=3e-3)
    count = len(live_predictions)
    assert output.endswith(f"clip: {count} of {count} predictions match the recorded ones\n")


def test_two_sources_are_replayed_in_parallel_at_the_requested_speed(tmp_path: Path) -> None:
    record_walk(header("left"), seconds=4).save(tmp_path / "a.npz")
    record_walk(header("right", started=STARTED + 2), seconds=4).save(tmp_path / "b.npz")
    output, messages = replay(tmp_path, "--speed", "8", messages=tmp_path / "replay.jsonl")
    first_predictions = {
        name: next(message for message in predictions(messages) if message.source == name)
        for name in ("left", "right")
    }
    distance = first_predictions["right"].times.capture - first_predictions["left"].times.capture
    assert distance == pytest.approx(2 / 8, abs=1e-5)
    states = [message.state.value for message in messages if isinstance(message, SourceMessage)]
    assert sorted(states) == sorted(["connecting", "running", "ended"] * 2)
    assert "left: no frame has both a new and a recorded prediction" in output


def test_labelled_recording_is_replayed_and_classified(
    sample_clip: Path, pose_model: Path, tmp_path: Path
) -> None:
    arguments = (f"clip={sample_clip}", "--genre", "HO", "--dancer", "Ann", "--seconds", "3")
    subprocess.run(
        [
            *(sys.executable, "-m", "dancetype", "record", *arguments),
            *("--out", str(tmp_path / "tracks")),
        ],
        check=True,
        timeout=120,
        cwd=CHECKOUT,
    )
    _, messages = replay(tmp_path / "tracks", "--speed", "0", messages=tmp_path / "replay.jsonl")
    last = predictions(messages)[-1]
    assert last.source == "clip"
    assert last.window > 2
    assert last.image is not None
    assert last.image.width > 100
