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
Step = Frame | Exception | Callable[[], object]


def frame(time: float, *, index: int = 0, epoch: int = 0, brightness: int = 9) -> Frame:
    return Frame(np.full((2, 2, 3), brightness, np.uint8), time, index, epoch)


class FakeEstimator(PoseEstimator):
    """Finds a person in every frame that is not black."""

    closed = False

    def close(self) -> None:
        self.closed = True

    def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
        somebody = np.full((33, 3), time, np.float32)
        return [Landmarks(somebody, somebody, somebody[:, 0])] if image.any() else []

    def reset(self, reason: str) -> None:
        pass


CAMERA = {"cam": parse_uri("0")}


class Stage:
    """A camera that follows a script, and waits until each frame has been looked at.

    A function in the script is called; an exception is raised. The camera says nothing more once
    it is at its end, until it is let go.
    """

    live = True

    def __init__(self, script: Iterable[Step]) -> None:
        self._script = iter(script)
        self._looked = Semaphore(1)
        self.let_go = Event()

    def open(self, uri: SourceUri, epoch: int) -> Source:
        return self

    def estimator(self) -> FakeEstimator:
        looked = self._looked

        class Looking(FakeEstimator):
            def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
                looked.release()
                return super().people(image, time)

        return Looking()

    def read(self) -> Frame | None:
        for step in self._script:
            if isinstance(step, Exception):
                raise step
            assert self._looked.acquire(timeout=10)
            if isinstance(step, Frame):
                return step
            step()
        self.let_go.wait(10)
        return None

    def close(self) -> None:
        pass


@pytest.fixture
def perform(tmp_path: Path) -> Iterator[Callable[..., RecordingRun]]:
    """Records one camera that follows a script, into a folder `out`."""
    stages: list[Stage] = []
    # A shell that runs the tests in the background has SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def perform(script: Iterable[Step], *, seconds: float = 100.0, **times: Any) -> RecordingRun:
        stages.append(Stage(script))
        (tmp_path / "out").mkdir()
        recording = RecordingRun(
            Label("BR", "Ann"),
            tmp_path / "out",
            make_estimator=stages[-1].estimator,
            seconds=seconds,
            open_live=stages[-1].open,
            **times,
        )
        asyncio.run(recording.run(CAMERA))
        return recording

    yield perform
    for stage in stages:
        stage.let_go.set()
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def dance(frames: int, *, start: float = 50.0, brightness: int = 9) -> list[Step]:
    return [frame(start + n / 10, index=n, brightness=brightness) for n in range(frames)]


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def only(out: Path) -> Track:
    (track,) = read_tracks(out)
    return track


def test_what_a_live_source_showed_before_an_interrupt_is_kept(
    perform: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = perform([*dance(20), interrupt])
    track = only(out)
    assert (track.genre, track.dancer, len(track.times)) == ("BR", "Ann", 20)
    np.testing.assert_allclose(track.times, np.arange(20) / 10)
    assert not recording.failed
    said = capsys.readouterr()
    assert "1.9 s, somebody in sight in 100% of 20 frames" in said.out
    assert said.err == ""


def test_a_camera_that_does_not_answer_is_told_as_stuck_and_what_it_showed_is_kept(
    perform: Callable[..., RecordingRun], out: Path
) -> None:
    assert perform([*dance(20), interrupt]).stuck
    assert only(out).poses == 20


def test_the_file_is_named_after_the_moment_the_source_and_the_label(
    perform: Callable[..., RecordingRun], out: Path
) -> None:
    perform([*dance(30)], seconds=2.0)
    (path,) = out.iterdir()
    assert path.match(
        "20[0-9][0-9][01][0-9][0-3][0-9]-[0-2][0-9][0-5][0-9][0-6][0-9]-cam-BR-Ann.npz"
    )


def test_a_live_source_is_recorded_for_as_long_as_asked(
    perform: Callable[..., RecordingRun], out: Path
) -> None:
    assert not perform([*dance(30)], seconds=2.0).failed
    assert len(only(out).times) == 20


def test_of_a_source_in_which_nobody_was_seen_nothing_is_kept(
    perform: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert perform([*dance(20, brightness=0), interrupt]).failed
    assert list(out.iterdir()) == []
    assert capsys.readouterr().err == "error: cam: nobody was in sight; nothing is kept\n"


def test_of_a_source_that_gave_no_frame_nothing_is_kept(
    perform: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert perform([interrupt]).failed
    assert list(out.iterdir()) == []
    assert "cam: there was no frame to keep; nothing is kept" in capsys.readouterr().err


def test_a_source_that_is_mostly_empty_is_kept_with_a_warning(
    perform: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = [*dance(20), *dance(30, start=60, brightness=0), interrupt]
    assert not perform(script).failed
    assert only(out).poses == 20
    assert capsys.readouterr().err == "warning: cam: nobody was in sight in most frames\n"


@pytest.mark.parametrize(
    "script",
    [dance(5), [*dance(8), *dance(8, start=60)]],
    ids=["short", "in short parts"],
)
def test_less_than_a_window_is_kept_with_a_warning(
    perform: Callable[..., RecordingRun],
    out: Path,
    capsys: pytest.CaptureFixture[str],
    script: list[Step],
) -> None:
    assert not perform([*script, interrupt]).failed
    assert only(out).poses == len(script)
    assert "s on end, less than a window (1 s)" in capsys.readouterr().err


def test_a_camera_that_fails_for_good_is_told_and_what_it_showed_before_is_kept(
    perform: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert perform([*dance(20), SourceError("a fuse has blown")]).failed
    assert only(out).poses >= 19
    assert capsys.readouterr().err == "error: cam: a fuse has blown; what came before is kept\n"


def test_a_camera_that_breaks_off_and_comes_back_is_recorded_in_one_file(
    perform: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = [frame(60 + n / 10, index=n, epoch=1) for n in range(20)]
    script = [*dance(20), SourceUnavailableError("broken off"), *later, interrupt]
    assert not perform(script).failed
    track = only(out)
    assert len(track.times) == track.poses >= 39
    assert np.diff(track.times).max() > 8
    assert capsys.readouterr().err.startswith("warning: cam: broken off; trying again in ")


def test_a_camera_that_is_not_there_fails_with_its_reason_alone(
    perform: Callable[..., RecordingRun], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert perform([SourceError("no webcam 0")]).failed
    assert capsys.readouterr().err == "error: cam: no webcam 0\n"


def test_a_camera_that_says_nothing_is_not_waited_for_much_longer_than_asked(
    perform: Callable[..., RecordingRun], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float | None] = []

    async def run(session: Session, *, seconds: float | None, signals: object) -> None:
        limits.append(seconds)

    monkeypatch.setattr(Session, "run", run)
    assert perform([], seconds=20.0).failed
    assert limits == [30]


def record_files(
    out: Path, *files: Path, estimator: type[FakeEstimator] = FakeEstimator
) -> RecordingRun:
    out.mkdir(exist_ok=True)
    recording = RecordingRun(Label("none", "Ann"), out, make_estimator=estimator)
    asyncio.run(recording.run({file.stem: parse_uri(str(file)) for file in files}))
    return recording


def test_each_file_makes_a_track_of_its_name(out: Path, make_video: MakeVideo) -> None:
    assert not record_files(out, make_video("a.mp4", frames=20), make_video("b.mp4")).failed
    tracks = read_tracks(out)
    assert [track.name for track in tracks] == ["a-none-Ann", "b-none-Ann"]
    assert [len(track.times) for track in tracks] == [20, 10]
    assert {track.genre for track in tracks} == {"none"}


def test_a_track_that_is_there_already_stays_as_it_is(
    out: Path, make_video: MakeVideo, capsys: pytest.CaptureFixture[str]
) -> None:
    out.mkdir()
    (out / "a-none-Ann.npz").write_text("precious")
    assert record_files(out, make_video("a.mp4"), make_video("b.mp4")).failed
    assert (out / "a-none-Ann.npz").read_text() == "precious"
    assert (out / "b-none-Ann.npz").exists()
    assert "a-none-Ann.npz is there already" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_does_not_stop_the_rest(
    out: Path, make_video: MakeVideo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record_files(out, Path("gone.mp4"), make_video("b.mp4")).failed
    assert [track.name for track in read_tracks(out)] == ["b-none-Ann"]
    assert "error: gone.mp4: no such file\n" in capsys.readouterr().err


def test_of_a_file_that_is_interrupted_and_those_after_it_nothing_is_kept(
    out: Path, make_video: MakeVideo, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupting(FakeEstimator):
        def people(self, image: NDArray[np.uint8], time: float) -> list[Landmarks]:
            if time > 1:
                interrupt()
            return super().people(image, time)

    files = [make_video("a.mp4"), make_video("b.mp4", frames=20, fps=10), make_video("c.mp4")]
    assert record_files(out, *files, estimator=Interrupting).failed
    assert [track.name for track in read_tracks(out)] == ["a-none-Ann"]
    errors = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert [Path(line.split(":")[1]).name for line in errors] == ["b.mp4", "c.mp4"]
    assert all("stopped before its end; nothing of it is kept" in line for line in errors)


def test_a_folder_that_cannot_be_written_to_is_told(
    out: Path,
    make_video: MakeVideo,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def disk_full(recording: Recording, path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Recording, "save", disk_full)
    assert record_files(out, make_video("a.mp4")).failed
    assert "a-none-Ann.npz: cannot be written: No space left" in capsys.readouterr().err
