"""Classification of the clips of an archive on all cores of a Ray cluster."""

import atexit
import os
import pickle
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from dancetype.engine.errors import ExpectedError, WorkerError, printable
from dancetype.engine.workers import OpenWorker, Work, limit_native_threads
from dancetype.stream.offline.clip_job import Task
from dancetype.stream.offline.files import find_clips
from dancetype.stream.offline.results import Result
from dancetype.stream.ray_cluster import NOT_INSTALLED

_ATTEMPTS: Final = 2
# One running and one queued, so that a core is busy while the result of its last task is fetched.
_TASKS_PER_CORE: Final = 2


@dataclass(frozen=True, slots=True)
class Archive:
    """The clips of a folder.

    Attributes:
        root: Absolute path of the folder.
        files: Path within the folder, by clip name. The name is the path as valid UTF-8.
        stamps: Columns that change when the file changes, by clip name.
        faults: Reasons why parts of the folder could not be searched, one line each.
    """

    root: Path
    files: Mapping[str, Path]
    stamps: Mapping[str, dict[str, Any]]
    faults: tuple[str, ...]


def scan_archive(folder: Path) -> Archive:
    """Find the clips of a folder and its subfolders."""
    root = folder.resolve()
    files: dict[str, Path] = {}
    stamps: dict[str, dict[str, Any]] = {}
    faults = []
    for clip in find_clips([root]):
        if clip.fault:
            faults.append(clip.fault)
            continue
        path = clip.file.relative_to(root)
        name = os.fsencode(path).decode(errors="backslashreplace")
        files[name] = path
        stamps[name] = {"file": name, "bytes": None, "modified_ns": None}
        # The file was deleted, or is a dangling link: opening it will report the error.
        with suppress(OSError):
            stat = clip.file.stat()
            stamps[name] |= {"bytes": stat.st_size, "modified_ns": stat.st_mtime_ns}
    return Archive(root, files, stamps, tuple(faults))


def label_clips(
    ray: Any, archive: Archive, names: Sequence[str], open_worker: OpenWorker
) -> Iterator[tuple[str, Result]]:
    """Classify clips, each in a task on one core, and yield each result when it is available.

    Args:
        ray: The module `ray`, attached to a cluster. Every machine needs the archive's folder.
        archive: The archive.
        names: Names of the clips to classify.
        open_worker: Function that loads the models; called once in each worker process.

    Raises:
        WorkerError: A machine lacks the folder or a model, or the cluster failed.
    """
    # Ray retries a task after a crash or an exception.
    task = ray.remote(num_cpus=1, max_retries=_ATTEMPTS - 1, retry_exceptions=True)(label_clip)
    pickled_opener = pickle.dumps(open_worker)
    queue, pending = iter(names), dict[Any, str]()
    try:
        while True:
            # Read again in each round, since machines may join or leave.
            cores = max(int(ray.cluster_resources().get("CPU", 1)), 1)
            for name in islice(queue, max(_TASKS_PER_CORE * cores - len(pending), 0)):
                reference = task.remote(archive.root, archive.files[name], pickled_opener)
                pending[reference] = name
            if not pending:
                return
            (reference, *_), _ = ray.wait(list(pending), num_returns=1)
            name = pending.pop(reference)
            yield name, _result(ray, reference, archive.root / archive.files[name])
    except (ray.exceptions.RayError, ConnectionError) as error:
        lines = str(error).strip().splitlines()
        raise WorkerError(f"Ray failed: {lines[-1] if lines else error!r}") from error


def _result(ray: Any, reference: Any, clip: Path) -> Result:
    errors = ray.exceptions
    try:
        result: Result = ray.get(reference)
    except errors.RayTaskError as error:
        if "ModuleNotFoundError" in str(error):
            raise WorkerError(NOT_INSTALLED) from error
        reason = f"{type(error.cause).__name__}: {error.cause}"
    except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError):
        reason = "the process that analysed it crashed or was killed"
    else:
        if "fault" in result:
            raise WorkerError(result["fault"])
        return result
    return {"error": printable(f"{clip}: {reason}; tried {_ATTEMPTS} times")}


def label_clip(root: Path, file: Path, pickled_opener: bytes) -> Result:
    """Classify one clip in a Ray task.

    Args:
        root: Folder of the archive.
        file: Path of the clip within the folder.
        pickled_opener: Pickled `OpenWorker`; its models stay loaded for the process's next clips.

    Returns:
        The result; if this machine cannot classify any clip, only the reason, as `fault`.
    """
    try:
        if not root.is_dir():
            raise ExpectedError(f"folder {root} does not exist; mount it on each machine")
        work = _load_worker(pickled_opener)
    except ExpectedError as error:
        return {"fault": f"{socket.gethostname()}: {error}"}
    result: Result = work(Task(root / file), lambda progress: None)
    return result


@cache
def _load_worker(pickled_opener: bytes) -> Work:
    limit_native_threads()
    models = ExitStack()
    atexit.register(models.close)
    work: Work = models.enter_context(pickle.loads(pickled_opener)())
    return work
