import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from queue import Queue

import pytest

import dancetype
from dancetype.engine.errors import AssetError, Fault, FileError, ModelError, SourceError
from dancetype.engine.rolling import Status
from dancetype.library import _put_newest
from dancetype.stream.pipeline import Event
from dancetype.stream.sources.base import SourceState, StateChanged

MakeVideo = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_thread_remains() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    gc.collect()
    assert set(threading.enumerate()) <= before


def test_importing_the_package_loads_no_heavy_library() -> None:
    script = (
        "import sys, dancetype\n"
        "assert dancetype.__version__ and 'watch' in dir(dancetype)\n"
        "print({'cv2', 'mediapipe', 'onnxruntime', 'numpy', 'av'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_importing_the_assembly_loads_no_sink_and_no_opencv() -> None:
    script = (
        "import sys, dancetype.app\n"
        "print({'cv2', 'mediapipe', 'av', 'aiomqtt', 'websockets', 'prometheus_client'}"
        " & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_all_public_names_can_be_imported() -> None:
    assert all(getattr(dancetype, name) for name in dancetype.__all__)
    with pytest.raises(AttributeError, match="no attribute 'stop'"):
        dancetype.stop  # noqa: B018


def test_watch_yields_predictions_until_the_generator_is_closed(
    pose_model: Path,
) -> None:
    predictions = dancetype.watch("test:", hop=0.1)
    first, second = islice(predictions, 2)
    assert (first.source, first.genre, first.status) == ("test", None, Status.WARMING_UP)
    assert second.times.capture > first.times.capture
    assert len(second.dancers) == 1
    assert any(thread.name == "pose test" for thread in threading.enumerate())
    predictions.close()
    assert not any(thread.name == "pose test" for thread in threading.enumerate())


def test_garbage_collected_generator_stops_its_threads(pose_model: Path) -> None:
    for prediction in dancetype.watch("test:", people=2):
        assert prediction.source == "test"
        break


def test_an_exception_in_the_loop_stops_the_threads(pose_model: Path) -> None:
    def crash() -> None:
        for _ in dancetype.watch("test:"):
            raise RuntimeError("a bug in the caller")

    with pytest.raises(RuntimeError, match="a bug"):
        crash()


def test_unstarted_generator_can_be_closed() -> None:
    dancetype.watch("test:").close()


def test_watch_ends_at_the_end_of_a_file(make_video: MakeVideo, pose_model: Path) -> None:
    predictions = list(dancetype.watch(make_video(frames=10, fps=20), hop=0.2))
    assert [prediction.status for prediction in predictions] == [Status.NO_PERSON] * len(
        predictions
    )
    assert 2 <= len(predictions) <= 3


def test_failed_source_raises_its_error(pose_model: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.mp4: no such file") as error:
        next(dancetype.watch("/nowhere.mp4"))
    assert error.value.fault is Fault.NOT_FOUND


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"source": "ftp://camera/"}, SourceError),
        ({"model": "/nowhere.onnx"}, ModelError),
        ({"pose_model": "/nowhere.task"}, AssetError),
        ({"people": 0}, ValueError),
        ({"hop": 0}, ValueError),
    ],
    ids=str,
)
def test_watch_raises_for_invalid_arguments(
    settings: dict[str, object], error: type[Exception], pose_model: Path
) -> None:
    arguments: dict[str, object] = {"source": "test:", **settings}
    with pytest.raises(error):
        next(dancetype.watch(**arguments))  # type: ignore[arg-type]


def test_watch_ignores_environment_variables(
    monkeypatch: pytest.MonkeyPatch, pose_model: Path
) -> None:
    monkeypatch.setenv("DANCETYPE_PEOPLE", "99")
    assert next(dancetype.watch("test:")).source == "test"


def test_classify_returns_a_result_for_a_whole_file(
    make_video: MakeVideo, pose_model: Path
) -> None:
    result = dancetype.classify(make_video(frames=10, fps=10), pose_fps=5)
    assert (result.genre, result.confidence, len(result.windows)) == (None, 0, 0)


def test_classify_names_the_genre_of_a_dance(sample_clip: Path, pose_model: Path) -> None:
    assert dancetype.classify(str(sample_clip), pose_fps=15).genre is not None


def test_classify_raises_for_a_missing_file(pose_model: Path) -> None:
    with pytest.raises(FileError, match="no such file"):
        dancetype.classify("/nowhere.mp4")


def test_oldest_events_are_dropped_if_the_queue_is_full() -> None:
    events: Queue[Event] = Queue(3)
    for epoch in range(5):
        _put_newest(events, StateChanged(SourceState.RUNNING, epoch))
    assert [event.epoch for event in events.queue] == [2, 3, 4]
