import pickle
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from dancetype.app import clip_settings, clip_worker, load_camera
from dancetype.engine.classifier import Classifier
from dancetype.stream.clock import Clock
from dancetype.stream.offline.clip_job import ClipJob
from dancetype.stream.pipeline import Event, Predicted
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


def test_images_of_clips_are_changed_as_set(
    make_video: Callable[..., Path], pose_model: Path
) -> None:
    settings = load_settings({"rotate": "270", "crop": "0,0,30,40"})
    received = pickle.loads(pickle.dumps(clip_settings(settings)))
    with clip_worker(received, threads=1) as job:
        assert isinstance(job, ClipJob)
        video = job.open_clip(make_video())
        assert [image.shape for _, image in video] == [(40, 30, 3)] * 10


def test_auto_means_all_frames_for_clips() -> None:
    assert clip_settings(load_settings({})).fixed_pose_fps is None
    assert clip_settings(load_settings({"pose_fps": "12.5"})).fixed_pose_fps == 12.5


@pytest.mark.parametrize(
    ("flags", "rate"),
    [({}, 15), ({"every_frame": True}, None), ({"pose_fps": 20, "every_frame": True}, 20)],
    ids=str,
)
def test_pose_rate_is_automatic_unless_it_is_a_number_or_every_frame_counts(
    flags: dict[str, Any], rate: float | None, pose_model: Path
) -> None:
    settings = load_settings({"source": ["stage=test:"], **flags})
    _, pipelines = load_camera(settings, Clock.start(), loop=False)
    events: Queue[Event] = Queue()
    pipelines["stage"].start(events.put)
    try:
        event = events.get(timeout=60)
        while not isinstance(event, Predicted):
            event = events.get(timeout=60)
        assert event.pose_fps == rate
    finally:
        pipelines["stage"].stop()
        assert pipelines["stage"].join(10)


def test_fleet_camera_is_loaded_in_another_process_without_being_started(
    pose_model: Path,
) -> None:
    settings = load_settings({"source": ["stage=test:"], "people": 2})
    load = pickle.loads(pickle.dumps(load_camera))
    genres, pipelines = load(settings, Clock.start(), loop=False)
    assert list(genres) == list(Classifier().contract.labels)
    assert list(pipelines) == ["stage"]
    assert pipelines["stage"].join(0)
