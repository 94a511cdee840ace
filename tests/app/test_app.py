import pickle
from pathlib import Path

import pytest

from dancetype.app import clip_settings, load_camera
from dancetype.engine.classifier import Classifier
from dancetype.stream.clock import Clock
from dancetype.stream.settings import load_settings


def test_clip_settings_have_absolute_paths_and_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(
        {
            "model": Path("custom.onnx"),
            "pose_fps": 15,
            "hop": 0.5,
            "token": "a-very-long-secret",
            "mqtt": "mqtt://user:pass@host",
        }
    )
    received = pickle.loads(pickle.dumps(clip_settings(settings)))
    assert received.model == tmp_path / "custom.onnx"
    assert (received.pose_fps, received.hop) == (15, 0.5)
    assert received.pose_runtime == settings.pose_runtime
    assert (received.pose_model, received.token, received.mqtt) == (None, None, None)


def test_fleet_camera_is_loaded_in_another_process_without_being_started(
    pose_model: Path,
) -> None:
    settings = load_settings({"source": ["stage=test:"], "people": 2})
    load = pickle.loads(pickle.dumps(load_camera))
    genres, pipelines = load(settings, Clock.start(), loop=False)
    assert list(genres) == list(Classifier().contract.labels)
    assert list(pipelines) == ["stage"]
    assert pipelines["stage"].join(0)
