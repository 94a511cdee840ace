"""Has MediaPipe look at clips as the live path does, and keeps what it saw as tracks."""

import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from hashlib import file_digest, sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np

from dancetype.engine.errors import FileError, ModelError, WorkerError, printable
from dancetype.engine.media.track import Track, read_track, stacked
from dancetype.engine.media.video import Video
from dancetype.engine.pose.opening import open_estimator
from dancetype.training.data.clips import ClipFile

_LONGEST_STEM: Final = 60


def find_pose_model(path: Path | None) -> Path:
    """The file given, or the one in the cache folder.

    Raises:
        ModelError: no such file.
    """
    if path is None:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "dancetype"
        cache = Path(os.environ.get("DANCETYPE_CACHE") or caches).expanduser()
        path = cache / "pose_landmarker_full.task"
    if not path.is_file():
        raise ModelError(
            f"no pose model {path}: run dancetype models pull, or name a file with --pose-model"
        )
    return path


def film_all(
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
        done |= _filmed(missing, model, min(jobs, len(missing)), on_done)
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


def _filmed(
    missing: dict[Path, ClipFile],
    model: Path,
    jobs: int,
    on_done: Callable[[ClipFile, Track | str], None],
) -> dict[Path, Track]:
    done = {}
    # Forked, processes would share MediaPipe's state.
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_start)
    try:
        running: dict[Future[None], Path] = {
            pool.submit(_film, file, path, model): path for path, file in missing.items()
        }
        for future in as_completed(running):
            path = running[future]
            reason = _what_went_wrong(future, missing[path])
            if reason is None:
                done[path] = read_track(path)
            on_done(missing[path], done[path] if reason is None else reason)
    except BrokenProcessPool as error:
        raise WorkerError(
            "a process that looked at clips died, perhaps for want of memory: try fewer --jobs; "
            "the same command goes on where this one stopped"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return done


def _what_went_wrong(future: Future[None], file: ClipFile) -> str | None:
    try:
        future.result()
    except (BrokenProcessPool, ModelError, WorkerError):
        raise
    except FileError as error:
        return str(error).removeprefix(printable(f"{file.path}: "))
    # What OpenCV and MediaPipe raise has no common base.
    except Exception as error:
        return str(error).partition("\n")[0] or type(error).__name__
    return None


def _start() -> None:
    """Readies a process: what MediaPipe writes past Python would tear the progress bar."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _film(file: ClipFile, path: Path, model: Path) -> None:
    with Video(file.path) as video, open_estimator(model) as estimator:
        seen = [(time, estimator.landmarks(image, time)) for time, image in video]
    times = np.array([time for time, _ in seen], np.float64)
    world, image, visibility = stacked([found for _, found in seen])
    track = Track(path.stem, file.genre, times, world, image, visibility, file.dancer)
    _save(track, path)
