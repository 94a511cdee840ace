import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.media.recording import read_recording
from dancetype.stream.messages import PredictionMessage, SourceMessage, parse_message
from tests.engine.recordings import STARTED, header, walk
from tests.testbed.command import CHECKOUT, Command, Message, is_prediction

HEAVY = {"cv2", "mediapipe"}


def replay(*words: str | Path, messages: Path) -> tuple[str, list[Message]]:
    """What the command says, and the messages that it sends."""
    run = subprocess.run(
        [
            *(sys.executable, "-X", "importtime", "-m", "dancetype", "replay", *map(str, words)),
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


def test_a_run_that_was_recorded_and_stopped_is_replayed_with_the_same_answers(
    sample_clip: Path, pose_model: Path, tmp_path: Path
) -> None:
    takes = tmp_path / "takes"
    source = ("--source", f"clip={sample_clip}", "--no-serve", "--record", takes)
    with Command(*source, folder=tmp_path) as command:
        command.wait_for(
            lambda message: is_prediction(message) and message.window > 2 and bool(message.dancers),
            within=60,
        )
        command.stop()
        assert command.code == 0
    live = predictions(command.messages)
    (file,) = takes.iterdir()
    take = read_recording(file)
    assert len(take.messages) == len(command.messages)
    assert file.stat().st_size < 2**17

    said, messages = replay(takes, "--speed", "0", messages=tmp_path / "replay.jsonl")
    again = predictions(messages)
    assert [(each.status, each.genre) for each in again] == [
        (each.status, each.genre) for each in live
    ]
    for one, other in zip(again, live, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=2e-3)
        assert one.window == pytest.approx(other.window, abs=1e-6)
        assert (one.latency.capture, one.latency.pose) == (0, 0)
        assert one.times.capture > other.times.sent
    seen, drawn = (each[-1].dancers[0].joints for each in (live, again))
    assert seen is not None
    np.testing.assert_allclose(np.array(drawn), np.array(seen), atol=3e-3)
    assert said.endswith(f"clip: {len(live)} of {len(live)} predictions match the recorded ones\n")


def test_two_sources_are_replayed_side_by_side_at_the_pace_asked_for(tmp_path: Path) -> None:
    walk(header("left"), seconds=4).save(tmp_path / "a.npz")
    walk(header("right", started=STARTED + 2), seconds=4).save(tmp_path / "b.npz")
    said, messages = replay(tmp_path, "--speed", "8", messages=tmp_path / "replay.jsonl")
    first = {
        name: next(each for each in predictions(messages) if each.source == name)
        for name in ("left", "right")
    }
    distance = first["right"].times.capture - first["left"].times.capture
    assert distance == pytest.approx(2 / 8, abs=1e-5)
    states = [message.state.value for message in messages if isinstance(message, SourceMessage)]
    assert sorted(states) == sorted(["connecting", "running", "ended"] * 2)
    assert "left: no frame has both a new and a recorded prediction" in said


def test_what_record_has_recorded_is_replayed_and_classified(
    sample_clip: Path, pose_model: Path, tmp_path: Path
) -> None:
    words = (f"clip={sample_clip}", "--genre", "HO", "--dancer", "Ann", "--seconds", "3")
    subprocess.run(
        [sys.executable, "-m", "dancetype", "record", *words, "--out", str(tmp_path / "tracks")],
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
