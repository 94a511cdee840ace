import pickle
from pathlib import Path

import pytest

from dancetype.app import clip_settings, load_camera
from dancetype.engine.classifier import Classifier
from dancetype.stream.clock import Clock
from dancetype.stream.settings import load_settings


def test_what_goes_to_other_processes_finds_its_files_there_and_holds_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = load_settings(
        {
            "model": Path("own.onnx"),
            "pose_fps": 15,
            "hop": 0.5,
            "token": "a-very-long-secret",
            "mqtt": "mqtt://user:pass@host",
        }
    )
    there = pickle.loads(pickle.dumps(clip_settings(given)))
    assert there.model == tmp_path / "own.onnx"
    assert (there.pose_fps, there.hop, there.pose_runtime) == (15, 0.5, given.pose_runtime)
    assert (there.pose_model, there.token, there.mqtt) == (None, None, None)


def test_what_a_camera_of_a_fleet_loads_is_not_started_and_goes_to_other_processes(
    pose_model: Path,
) -> None:
    settings = load_settings({"source": ["stage=test:"], "people": 2})
    load = pickle.loads(pickle.dumps(load_camera))
    genres, pipelines = load(settings, Clock.start(), loop=False)
    assert list(genres) == list(Classifier().contract.labels)
    assert list(pipelines) == ["stage"]
    assert pipelines["stage"].join(0)
