import pickle
from pathlib import Path

import pytest

from dancetype.app import clip_settings
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
