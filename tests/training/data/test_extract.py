from collections.abc import Callable
from pathlib import Path
from shutil import copy

import cv2
import pytest

from dancetype.engine.errors import ModelError, WorkerError
from dancetype.engine.media.track import Track, read_tracks
from dancetype.training.data import extract
from dancetype.training.data.clips import ClipFile
from dancetype.training.data.extract import extract_tracks, find_pose_model

MakeVideo = Callable[..., Path]


def cut(clip: Path, out: Path, *, first: int, frames: int) -> Path:
    """Some frames of a real clip, at half their size."""
    reader = cv2.VideoCapture(str(clip))
    reader.set(cv2.CAP_PROP_POS_FRAMES, first)
    writer = None
    for _ in range(frames):
        image = cv2.resize(reader.read()[1], None, fx=0.5, fy=0.5)
        if writer is None:
            size = image.shape[1::-1]
            writer = cv2.VideoWriter(str(out), cv2.VideoWriter.fourcc(*"mp4v"), 30, size)
        writer.write(image)
    assert writer is not None
    writer.release()
    return out


class Told:
    """Collects what is said of each clip."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}
        self.tracks: list[str] = []

    def __call__(self, file: ClipFile, track: Track | str) -> None:
        if isinstance(track, str):
            self.reasons[file.path.name] = track
        else:
            self.tracks.append(file.path.name)


def test_clips_are_looked_at_once_whatever_they_are_called_later(
    sample_clip: Path,
    pose_model: Path,
    make_video: MakeVideo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dance = cut(sample_clip, tmp_path / "a dance.mp4", first=60, frames=12)
    again = Path(copy(dance, tmp_path / "again.mp4"))
    nobody = make_video("nobody.mp4", frames=3)
    (tmp_path / "text.mp4").write_text("hello")
    files = [ClipFile(path, "SALSA", "ann") for path in (dance, again, nobody)]
    files += [ClipFile(tmp_path / name, "SALSA", "") for name in ("text.mp4", "gone.mp4")]
    out, told = tmp_path / "new" / "tracks", Told()

    seen, empty = extract_tracks(files, out, model=pose_model, jobs=2, on_done=told)
    assert (seen.genre, seen.dancer, len(seen.times)) == ("SALSA", "ann", 12)
    assert seen.poses > 6
    assert empty.poses == 0
    assert sorted(told.tracks) == ["a dance.mp4", "nobody.mp4"]
    assert told.reasons.keys() == {"again.mp4", "text.mp4", "gone.mp4"}
    assert told.reasons["again.mp4"] == f"is the same video as {dance}"
    assert told.reasons["text.mp4"].startswith("no video that can be read")
    assert told.reasons["gone.mp4"] == "cannot be read: No such file or directory"

    monkeypatch.setattr(extract, "WorkerPool", lambda *_, **__: pytest.fail("did it anew"))
    moved = ClipFile(dance.rename(tmp_path / "moved.mp4"), "TANGO", "bo")
    (track,) = extract_tracks([moved], out, model=pose_model, jobs=1, on_done=Told())
    assert (track.genre, track.dancer, track.poses) == ("TANGO", "bo", seen.poses)
    assert [(t.genre, t.dancer) for t in read_tracks(out) if t.poses] == [("TANGO", "bo")]


def test_where_tracks_cannot_be_kept_the_run_ends_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "model.task").touch()
    (tmp_path / "out").touch()
    with pytest.raises(WorkerError, match="out: File exists"):
        extract_tracks([], tmp_path / "out", model=tmp_path / "model.task", jobs=1, on_done=Told())


def test_a_pose_model_that_is_not_there_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANCETYPE_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="dancetype models pull"):
        find_pose_model(None)
    with pytest.raises(ModelError, match=r"gone\.task"):
        find_pose_model(tmp_path / "gone.task")


def test_the_pose_model_of_the_cache_is_taken_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANCETYPE_CACHE", str(tmp_path))
    kept = tmp_path / "pose_landmarker_full.task"
    kept.touch()
    assert find_pose_model(None) == kept
