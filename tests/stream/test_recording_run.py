import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.errors import SourceError, SourceUnavailableError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.recording import Recording
from dancetype.engine.media.track import Track, read_tracks
from dancetype.engine.pose.base import PoseEstimator
from dancetype.stream.recording_run import Label, RecordingRun
from dancetype.stream.session import Session
from dancetype.stream.sources.base import Frame, Source
from dancetype.stream.sources.uri import SourceUri, parse_uri

MakeVideo = Callable[..., Path]
ScriptItem = Frame | Exception | Callable[[], object]


def frame(time: float, *, index: int = 0, epoch: int = 0, brightness: int = 9) -> Frame:
    return Frame(np.full((2, 2, 3), brightness, np.uint8), time, index, epoch)


class FakeEstimator(PoseEstimator):
    """Estimator that finds a person in every frame that is not black."""

    closed = False

    def close(self) -> None:
        self.closed = True

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        positions = np.full((33, 3), time, np.float32)
        return [Landmarks(positions, positions, positions[:, 0])] if image.any() else []

    def reset(self, reason: str) -> None:
        pass


CAMERA = {"cam": parse_uri("0")}


class ScriptedCamera:
    """Camera that delivers the frames of a script, each after the last one has been processed.

    Functions in the script are called, and exceptions are raised. At the end of the script, the
    camera blocks until `released` is set.
    """

    live = True

    def __init__(self, script: Iterable[ScriptItem]) -> None:
        self._script = iter(script)
        self._processed = Semaphore(1)
        self.released = Event()

    def open(self, uri: SourceUri, epoch: int) -> Source:
        return self

    def make_estimator(self) -> FakeEstimator:
        processed = self._processed

        class NotifyingEstimator(FakeEstimator):
            def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
                processed.release()
                return super().people(image, time)

        return NotifyingEstimator()

    def read(self) -> Frame | None:
        for item in self._script:
            if isinstance(item, Exception):
                raise item
            assert self._processed.acquire(timeout=10)
            if isinstance(item, Frame):
                return item
            item()
        self.released.wait(10)
        return None

    def close(self) -> None:
        pass


@pytest.fixture
def record_camera(tmp_path: Path) -> Iterator[Callable[..., RecordingRun]]:
    """Return a function that records one scripted camera into the folder `out`."""
    cameras: list[ScriptedCamera] = []
    # A shell ignores SIGINT for processes in the background.
    previous_handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def record(
        script: Iterable[ScriptItem], *, seconds: float = 100.0, **options: Any
    ) -> RecordingRun:
        camera = ScriptedCamera(script)
        cameras.append(camera)
        (tmp_path / "out").mkdir()
        recording = RecordingRun(
            Label("BR", "Ann"),
            tmp_path / "out",
            make_estimator=camera.make_estimator,
            seconds=seconds,
            open_live=camera.open,
            **options,
        )
        asyncio.run(recording.run(CAMERA))
        return recording

    yield record
    for camera in cameras:
        camera.released.set()
    signal.signal(signal.SIGINT, previous_handler)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def make_frames(count: int, *, start: float = 50.0, brightness: int = 9) -> list[ScriptItem]:
    return [frame(start + n / 10, index=n, brightness=brightness) for n in range(count)]


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def only_track(out: Path) -> Track:
    (track,) = read_tracks(out)
    return track


def test_live_recording_is_saved_on_an_interrupt(
    record_camera: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = record_camera([*make_frames(20), interrupt])
    track = only_track(out)
    assert (track.genre, track.dancer, len(track.times)) == ("BR", "Ann", 20)
    np.testing.assert_allclose(track.times, np.arange(20) / 10)
    assert not recording.failed
    output = capsys.readouterr()
    assert "1.9 s, person detected in 100% of 20 frames" in output.out
    assert output.err == ""


def test_blocked_camera_is_stuck_and_its_recording_is_saved(
    record_camera: Callable[..., RecordingRun], out: Path
) -> None:
    assert record_camera([*make_frames(20), interrupt]).stuck
    assert only_track(out).poses == 20


def test_file_name_has_time_source_and_label(
    record_camera: Callable[..., RecordingRun], out: Path
) -> None:
    record_camera([*make_frames(30)], seconds=2.0)
    (path,) = out.iterdir()
    assert path.match(
        "20[0-9][0-9][01][0-9][0-3][0-9]-[0-2][0-9][0-5][0-9][0-6][0-9]-cam-BR-Ann.npz"
    )


def test_live_source_is_recorded_for_the_requested_duration(
    record_camera: Callable[..., RecordingRun], out: Path
) -> None:
    assert not record_camera([*make_frames(30)], seconds=2.0).failed
    assert len(only_track(out).times) == 20


def test_recording_without_a_person_is_not_saved(
    record_camera: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record_camera([*make_frames(20, brightness=0), interrupt]).failed
    assert list(out.iterdir()) == []
    assert capsys.readouterr().err == "error: cam: no person detected; nothing saved\n"


def test_recording_without_frames_is_not_saved(
    record_camera: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record_camera([interrupt]).failed
    assert list(out.iterdir()) == []
    assert "cam: no frames received; nothing saved" in capsys.readouterr().err


def test_recording_with_few_poses_is_saved_with_a_warning(
    record_camera: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = [*make_frames(20), *make_frames(30, start=60, brightness=0), interrupt]
    assert not record_camera(script).failed
    assert only_track(out).poses == 20
    assert capsys.readouterr().err == "warning: cam: no person detected in most frames\n"


@pytest.mark.parametrize(
    "script",
    [make_frames(5), [*make_frames(8), *make_frames(8, start=60)]],
    ids=["short", "in short parts"],
)
def test_recording_shorter_than_a_window_is_saved_with_a_warning(
    record_camera: Callable[..., RecordingRun],
    out: Path,
    capsys: pytest.CaptureFixture[str],
    script: list[ScriptItem],
) -> None:
    assert not record_camera([*script, interrupt]).failed
    assert only_track(out).poses == len(script)
    assert "s, less than a window (1 s)" in capsys.readouterr().err


def test_recording_of_a_failed_camera_is_reported_and_saved_up_to_the_failure(
    record_camera: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record_camera([*make_frames(20), SourceError("wrong password")]).failed
    assert only_track(out).poses >= 19
    assert (
        capsys.readouterr().err == "error: cam: wrong password; saving the recording up to then\n"
    )


def test_camera_that_reconnects_is_recorded_in_one_file(
    record_camera: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = [frame(60 + n / 10, index=n, epoch=1) for n in range(20)]
    script = [*make_frames(20), SourceUnavailableError("disconnected"), *later, interrupt]
    assert not record_camera(script).failed
    track = only_track(out)
    assert len(track.times) == track.poses >= 39
    assert np.diff(track.times).max() > 8
    assert capsys.readouterr().err.startswith("warning: cam: disconnected; retrying in ")


def test_missing_camera_is_reported_with_its_reason_only(
    record_camera: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record_camera([SourceError("no webcam 0")]).failed
    assert capsys.readouterr().err == "error: cam: no webcam 0\n"


def test_recording_of_a_silent_camera_takes_at_most_ten_seconds_longer(
    record_camera: Callable[..., RecordingRun], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    durations: list[float | None] = []

    async def run(session: Session, *, seconds: float | None, handle_signals: bool) -> None:
        durations.append(seconds)

    monkeypatch.setattr(Session, "run", run)
    assert record_camera([], seconds=20.0).failed
    assert durations == [30]


def record_files(
    out: Path, *files: Path, estimator: type[FakeEstimator] = FakeEstimator
) -> RecordingRun:
    out.mkdir(exist_ok=True)
    recording = RecordingRun(Label("none", "Ann"), out, make_estimator=estimator)
    asyncio.run(recording.run({file.stem: parse_uri(str(file)) for file in files}))
    return recording


def test_each_file_gives_a_track_with_its_name(out: Path, make_video: MakeVideo) -> None:
    assert not record_files(out, make_video("a.mp4", frames=20), make_video("b.mp4")).failed
    tracks = read_tracks(out)
    assert [track.name for track in tracks] == ["a-none-Ann", "b-none-Ann"]
    assert [len(track.times) for track in tracks] == [20, 10]
    assert {track.genre for track in tracks} == {"none"}


def test_existing_track_is_not_overwritten(
    out: Path, make_video: MakeVideo, capsys: pytest.CaptureFixture[str]
) -> None:
    out.mkdir()
    (out / "a-none-Ann.npz").write_text("precious")
    assert record_files(out, make_video("a.mp4"), make_video("b.mp4")).failed
    assert (out / "a-none-Ann.npz").read_text() == "precious"
    assert (out / "b-none-Ann.npz").exists()
    assert "a-none-Ann.npz already exists" in capsys.readouterr().err


def test_unreadable_file_does_not_stop_the_others(
    out: Path, make_video: MakeVideo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record_files(out, Path("missing.mp4"), make_video("b.mp4")).failed
    assert [track.name for track in read_tracks(out)] == ["b-none-Ann"]
    assert "error: missing.mp4: no such file\n" in capsys.readouterr().err


def test_interrupted_file_and_later_files_are_not_saved(
    out: Path, make_video: MakeVideo, capsys: pytest.CaptureFixture[str]
) -> None:
    class InterruptingEstimator(FakeEstimator):
        def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
            if time > 1:
                interrupt()
            return super().people(image, time)

    files = [make_video("a.mp4"), make_video("b.mp4", frames=20, fps=10), make_video("c.mp4")]
    assert record_files(out, *files, estimator=InterruptingEstimator).failed
    assert [track.name for track in read_tracks(out)] == ["a-none-Ann"]
    errors = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert [Path(line.split(":")[1]).name for line in errors] == ["b.mp4", "c.mp4"]
    assert all("interrupted; nothing saved" in line for line in errors)


def test_write_error_is_reported(
    out: Path,
    make_video: MakeVideo,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(recording: Recording, path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Recording, "save", fail)
    assert record_files(out, make_video("a.mp4")).failed
    assert "a-none-Ann.npz: cannot be written: No space left" in capsys.readouterr().err
