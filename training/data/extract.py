"""Landmark tracks of clips, extracted as in a live run and kept for the next training."""

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

_LONGEST_STEM: Final = 60


def find_pose_model(path: Path | None) -> Path:
    """Return the given file, or the one in the cache folder.

    Raises:
        ModelError: There is no such file.
    """
    if path is None:
        path = cache_folder() / "pose_landmarker_full.task"
    if not path.is_file():
        raise ModelError(
            f"no pose model {path}: run dancetype models pull, or name a file with --pose-model"
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
    """Return the tracks of clips in their order; extract those that are not yet in a folder.

    The name of a track's file follows from the video's content, so a clip may be renamed or moved
    to another genre.

    Args:
        files: Clips.
        out: Folder of the tracks, created if necessary.
        model: MediaPipe's pose model.
        jobs: Number of processes.
        on_done: Called with each clip and its track, or the reason why there is none.

    Raises:
        WorkerError: The tracks cannot be kept, or a process ended.
        ModelError: `model` cannot be used.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        seed = sha256(model.read_bytes()).digest()
    except OSError as error:
        raise WorkerError(f"{error.filename}: {error.strerror}") from error
    paths = _paths(files, out, seed, on_done)
    done: dict[Path, Track] = {}
    missing: dict[Path, ClipFile] = {}
    for path, file in paths.items():
        track = _kept_track(path, file)
        if track is None:
            missing[path] = file
        else:
            done[path] = track
            on_done(file, track)
    if missing:
        with WorkerPool(partial(_extractor, model), processes=min(jobs, len(missing))) as pool:
            for (path, file), failure in pool.run(missing.items()):
                if isinstance(failure, FATAL_ERRORS):
                    raise failure
                if failure is None:
                    done[path] = read_track(path)
                on_done(file, _reason(failure, file) if failure else done[path])
    return [done[path] for path in paths if path in done]


def _paths(
    files: Iterable[ClipFile],
    out: Path,
    seed: bytes,
    on_done: Callable[[ClipFile, Track | str], None],
) -> dict[Path, ClipFile]:
    """Return each clip by the path of its track."""
    found: dict[str, tuple[Path, ClipFile]] = {}
    kept = {path.stem.rpartition("-")[2]: path for path in out.glob("*.npz")}
    for file in files:
        try:
            with file.path.open("rb") as content:
                digest = file_digest(content, lambda: sha256(seed)).hexdigest()[:16]
        except OSError as error:
            on_done(file, f"cannot be read: {error.strerror}")
            continue
        if digest in found:
            # One of them might be held out and the other trained on.
            on_done(file, f"is the same video as {found[digest][1].path}")
            continue
        stem = re.sub(r"[^\w.]+", "-", file.path.stem, flags=re.ASCII)[:_LONGEST_STEM].strip("-.")
        found[digest] = kept.get(digest, out / f"{stem or 'clip'}-{digest}.npz"), file
    return dict(found.values())


def _kept_track(path: Path, file: ClipFile) -> Track | None:
    """Return the track in a file if there is one, with the current labels of its clip."""
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
        raise WorkerError(f"{path}: cannot be kept: {error.strerror}") from error


def _reason(error: Exception, file: ClipFile) -> str:
    if isinstance(error, FileError):
        return str(error).removeprefix(printable(f"{file.path}: "))
    # What OpenCV and MediaPipe raise has no common base.
    return first_line(error)


@contextmanager
def _extractor(model: Path) -> Iterator[Work]:
    # What MediaPipe writes past Python would tear the progress bar.
    discard_output()
    with open_estimator(model) as estimator:
        yield partial(_extract, estimator)


def _extract(estimator: PoseEstimator, task: tuple[Path, ClipFile], report: ReportProgress) -> None:
    del report
    path, file = task
    with Video(file.path) as video:
        track = extract_track(video, estimator, name=path.stem)
    _save(replace(track, genre=file.genre, dancer=file.dancer), path)
