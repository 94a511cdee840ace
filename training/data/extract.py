"""Landmark tracks of clips, extracted as in a live run and cached for the next training."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Final

from dancetype.engine.cache import cache_folder
from dancetype.engine.errors import FileError, ModelError, WorkerError, first_line, printable
from dancetype.engine.media.extraction import extract_track
from dancetype.engine.media.track import Track, read_track
from dancetype.engine.media.video import Video
from dancetype.engine.pose.base import PoseEstimator
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.workers import FATAL_ERRORS, ReportProgress, Work, WorkerPool, discard_output
from dancetype.training.data.clips import ClipFile

_MAX_STEM_LENGTH: Final = 60


def find_pose_model(path: Path | None) -> Path:
    """Return `path`, or the pose model in the cache folder if `path` is None.

    Raises:
        ModelError: The file does not exist.
    """
    if path is None:
        path = cache_folder() / "pose_landmarker_full.task"
    if not path.is_file():
        raise ModelError(
            f"{path}: the pose model does not exist; run dancetype models pull, or give a file "
            "with --pose-model"
        )
    return path


def extract_tracks(
    files: Iterable[ClipFile],
    out: Path,
    *,
    model: Path,
    jobs: int,
    on_done: Callable[[ClipFile, Track | str], None],
) -> list[Track]:
    """Return the tracks of clips, in the same order; extract those that are not in `out` yet.

    A track is identified by a hash of the video's content and the pose model, so a clip can be
    renamed or moved to another genre without being processed again.

    Args:
        files: Clips.
        out: Folder of the tracks, created if necessary.
        model: MediaPipe's pose model.
        jobs: Number of processes.
        on_done: Callback with each clip and its track, or with the reason why it has none.

    Raises:
        WorkerError: The tracks cannot be written, or a process ended.
        ModelError: `model` cannot be used.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        model_hash = sha256(model.read_bytes()).digest()
    except OSError as error:
        raise WorkerError(f"{error.filename}: {error.strerror}") from error
    files_by_path = _assign_paths(files, out, model_hash, on_done)
    tracks: dict[Path, Track] = {}
    missing: dict[Path, ClipFile] = {}
    for path, file in files_by_path.items():
        track = _load_cached(path, file)
        if track is None:
            missing[path] = file
        else:
            tracks[path] = track
            on_done(file, track)
    if missing:
        with WorkerPool(partial(_open_extractor, model), processes=min(jobs, len(missing))) as pool:
            for (path, file), failure in pool.run(missing.items()):
                if isinstance(failure, FATAL_ERRORS):
                    raise failure
                if failure is None:
                    tracks[path] = read_track(path)
                on_done(file, _error_text(failure, file) if failure else tracks[path])
    return [tracks[path] for path in files_by_path if path in tracks]


def _assign_paths(
    files: Iterable[ClipFile],
    out: Path,
    model_hash: bytes,
    on_done: Callable[[ClipFile, Track | str], None],
) -> dict[Path, ClipFile]:
    """Return each readable clip by the path of its track, without duplicates."""
    assigned: dict[str, tuple[Path, ClipFile]] = {}
    cached = {path.stem.rpartition("-")[2]: path for path in out.glob("*.npz")}
    for file in files:
        try:
            with file.path.open("rb") as content:
                digest = file_digest(content, lambda: sha256(model_hash)).hexdigest()[:16]
        except OSError as error:
            on_done(file, f"cannot be read: {error.strerror}")
            continue
        if digest in assigned:
            # If both were used, one might be held out for the test and the other trained on.
            on_done(file, f"same video as {assigned[digest][1].path}")
            continue
        stem = re.sub(r"[^\w.]+", "-", file.path.stem, flags=re.ASCII)[:_MAX_STEM_LENGTH]
        path = cached.get(digest, out / f"{stem.strip('-.') or 'clip'}-{digest}.npz")
        assigned[digest] = path, file
    return dict(assigned.values())


def _load_cached(path: Path, file: ClipFile) -> Track | None:
    """Return the cached track of a clip with the clip's current labels; None if there is none."""
    if not path.exists():
        return None
    try:
        track = read_track(path)
    except FileError:
        return None
    if (track.genre, track.dancer) != (file.genre, file.dancer):
        track = replace(track, genre=file.genre, dancer=file.dancer)
        _save(track, path)
    return track


def _save(track: Track, path: Path) -> None:
    try:
        track.save(path)
    except OSError as error:
        raise WorkerError(f"{path}: cannot be written: {error.strerror}") from error


def _error_text(error: Exception, file: ClipFile) -> str:
    if isinstance(error, FileError):
        return str(error).removeprefix(printable(f"{file.path}: "))
    # The exceptions of OpenCV and MediaPipe have no common base class.
    return first_line(error)


@contextmanager
def _open_extractor(model: Path) -> Iterator[Work]:
    # MediaPipe's native output would break the progress bar.
    discard_output()
    with open_estimator(model) as estimator:
        yield partial(_extract, estimator)


def _extract(estimator: PoseEstimator, task: tuple[Path, ClipFile], report: ReportProgress) -> None:
    del report
    path, file = task
    with Video(file.path) as video:
        track = extract_track(video, estimator, name=path.stem)
    _save(replace(track, genre=file.genre, dancer=file.dancer), path)
