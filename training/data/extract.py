"""Landmark tracks of clips, extracted as the live path does it and kept for the next run."""

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
from dancetype.engine.workers import FATAL, ReportProgress, Work, WorkerPool, discard_output
from dancetype.training.data.clips import ClipFile

_LONGEST_STEM: Final = 60


def find_pose_model(path: Path | None) -> Path:
    """The file given, or the one in the cache folder.

    Raises:
        ModelError: no such file.
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
    """Makes the tracks of clips that are not yet in a folder, and reads the others from there.

    A track is kept by what is in the video, so a clip may be renamed or put under another genre.

    Args:
        files: the clips.
        out: folder of the tracks, made where it is not there.
        model: MediaPipe's pose model.
        jobs: processes.
        on_done: told each clip's track, or why there is none.

    Returns:
        The tracks in the order of the clips.

    Raises:
        WorkerError: the tracks cannot be kept, or a process died.
        ModelError: `model` cannot be used.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        seed = sha256(model.read_bytes()).digest()
    except OSError as error:
        raise WorkerError(f"{error.filename}: {error.strerror}") from error
    orders = _orders(files, out, seed, on_done)
    done: dict[Path, Track] = {}
    missing: dict[Path, ClipFile] = {}
    for path, file in orders.items():
        track = _kept(path, file)
        if track is None:
            missing[path] = file
        else:
            done[path] = track
            on_done(file, track)
    if missing:
        done |= _extracted(missing, model, min(jobs, len(missing)), on_done)
    return [done[path] for path in orders if path in done]


def _orders(
    files: Iterable[ClipFile],
    out: Path,
    seed: bytes,
    on_done: Callable[[ClipFile, Track | str], None],
) -> dict[Path, ClipFile]:
    """Each clip by the file of its track."""
    orders: dict[str, tuple[Path, ClipFile]] = {}
    kept = {path.stem.rpartition("-")[2]: path for path in out.glob("*.npz")}
    for file in files:
        try:
            with file.path.open("rb") as content:
                digest = file_digest(content, lambda: sha256(seed)).hexdigest()[:16]
        except OSError as error:
            on_done(file, f"cannot be read: {error.strerror}")
            continue
        if digest in orders:
            # One of them might be held out and the other learned.
            on_done(file, f"is the same video as {orders[digest][1].path}")
            continue
        stem = re.sub(r"[^\w.]+", "-", file.path.stem, flags=re.ASCII)[:_LONGEST_STEM].strip("-.")
        orders[digest] = kept.get(digest, out / f"{stem or 'clip'}-{digest}.npz"), file
    return dict(orders.values())


def _kept(path: Path, file: ClipFile) -> Track | None:
    """The track in a file, labelled as its clip is now."""
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


def _extracted(
    missing: dict[Path, ClipFile],
    model: Path,
    jobs: int,
    on_done: Callable[[ClipFile, Track | str], None],
) -> dict[Path, Track]:
    done = {}
    with WorkerPool(partial(_extractor, model), processes=jobs) as pool:
        for (path, file), error in pool.run(missing.items()):
            if isinstance(error, FATAL):
                raise error
            if error is None:
                done[path] = read_track(path)
            on_done(file, _reason(error, file) if error else done[path])
    return done


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
