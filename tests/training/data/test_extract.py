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


def cut_clip(clip: Path, out: Path, *, first: int, frames: int) -> Path:
    """Write some frames of a real clip at half their size, and return `out`."""
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


class DoneRecorder:
    """Callback that records the clips with a track, and the reasons for those without."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}
        self.tracks: list[str] = []

    def __call__(self, file: ClipFile, track: Track | str) -> None:
        if isinstance(track, str):
            self.reasons[file.path.name] = track
        else:
            self.tracks.append(file.path.name)


def test_clip_is_processed_only_once_even_if_renamed(
    sample_clip: Path,
    pose_model: Path,
    make_video: MakeVideo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dance = cut_clip(sample_clip, tmp_path / "a dance.mp4", first=60, frames=12)
    duplicate = Path(copy(dance, tmp_path / "duplicate.mp4"))
    empty = make_video("empty.mp4", frames=3)
    (tmp_path / "text.mp4").write_text("hello")
    files = [ClipFile(path, "SALSA", "ann") for path in (dance, duplicate, empty)]
    files += [ClipFile(tmp_path / name, "SALSA", "") for name in ("text.mp4", "missing.mp4")]
    out, done = tmp_path / "new" / "tracks", DoneRecorder()

    track, empty_track = extract_tracks(files, out, model=pose_model, jobs=2, on_done=done)
    assert (track.genre, track.dancer, len(track.times)) == ("SALSA", "ann", 12)
    assert track.poses > 6
    assert empty_track.poses == 0
    assert sorted(done.tracks) == ["a dance.mp4", "empty.mp4"]
    assert done.reasons.keys() == {"duplicate.mp4", "text.mp4", "missing.mp4"}
    assert done.reasons["duplicate.mp4"] == f"same video as {dance}"
    assert done.reasons["text.mp4"].startswith("no video that can be read")
    assert done.reasons["missing.mp4"] == "cannot be read: No such file or directory"

    monkeypatch.setattr(extract, "WorkerPool", lambda *_, **__: pytest.fail("extracted again"))
    moved = ClipFile(dance.rename(tmp_path / "moved.mp4"), "TANGO", "bo")
    (cached,) = extract_tracks([moved], out, model=pose_model, jobs=1, on_done=DoneRecorder())
    assert (cached.genre, cached.dancer, cached.poses) == ("TANGO", "bo", track.poses)
    assert [(t.genre, t.dancer) for t in read_tracks(out) if t.poses] == [("TANGO", "bo")]


def test_error_if_the_track_folder_cannot_be_created(tmp_path: Path) -> None:
    model = tmp_path / "model.task"
    model.touch()
    (tmp_path / "out").touch()
    with pytest.raises(WorkerError, match="out: File exists"):
        extract_tracks([], tmp_path / "out", model=model, jobs=1, on_done=DoneRecorder())


def test_error_for_missing_pose_model_names_the_command_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANCETYPE_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="dancetype models pull"):
        find_pose_model(None)
    with pytest.raises(ModelError, match=r"missing\.task"):
        find_pose_model(tmp_path / "missing.task")


def test_pose_model_defaults_to_the_one_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANCETYPE_CACHE", str(tmp_path))
    cached = tmp_path / "pose_landmarker_full.task"
    cached.touch()
    assert find_pose_model(None) == cached
