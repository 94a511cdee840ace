"""Pool of worker processes for tasks that may crash their process.

The pool is our own, since `pebble` 5.2, the library for this, cannot meet what is needed here:

- A crash that follows a task's start at once can end its whole pool ("All workers expired").
- A task whose process exits with code 0, as a native library may, is waited for without end.
- A worker that cannot start ends the pool without its reason.
- All workers share one locked channel; one that is killed while it sends blocks the others.
- A task has no way to report its progress.
"""

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Self, TypeVar

from dancetype.engine.errors import ExpectedError, ModelError, WorkerError

# A forked process would share locks and threads of native libraries with this one.
_CONTEXT: Final = multiprocessing.get_context("spawn")
# By default native libraries start a thread per core, but every core has its worker.
_ONE_THREAD: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENCV_FFMPEG_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)
_JOIN_TIMEOUT: Final = 5.0

ReportProgress = Callable[[Any], None]
"""Sends any picklable value to the process that started the worker."""
Work = Callable[[Any, ReportProgress], Any]
"""Executes a task and returns its result, which is no exception."""
OpenWorker = Callable[[], AbstractContextManager[Work]]
"""Loads what a worker needs, once per process; has to be picklable."""

FATAL_ERRORS: Final = (WorkerError, ModelError, ModuleNotFoundError)
"""Errors of one task that others would probably have too; the end of a process is one."""

_Task = TypeVar("_Task")
_NO_TASK: Final = object()


class WorkerPool:
    """Processes that execute one task each at a time; a crash fails only the task concerned.

    Leaving its `with` block ends all processes at once, whatever they are doing.

    Args:
        open_worker: Called once in each process.
        processes: Number of processes at most.
    """

    def __init__(self, open_worker: OpenWorker, *, processes: int) -> None:
        if processes < 1:
            raise ValueError(f"there is 1 process or more, not {processes}")
        self._open_worker = open_worker
        self._processes = processes
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers:
            worker.process.kill()
        while self._workers:
            self._workers.pop().end()

    def start(self) -> None:
        """Start one process and wait until it is ready, before others load the same.

        Raises:
            ExpectedError: What `open_worker` raised.
            WorkerError: The process ended.
        """
        worker = self._idle_or_new()
        while not worker.ready:
            self._receive(worker)

    def run(
        self,
        tasks: Iterable[_Task],
        on_progress: Callable[[_Task, Any], object] = lambda task, value: None,
    ) -> Iterator[tuple[_Task, Any]]:
        """Execute tasks, each once, and yield each with its outcome as soon as there is one.

        The outcome is the task's result, or the exception that it raised, or a `WorkerError` if
        its process ended.

        Args:
            tasks: Picklable tasks; the next one is taken only when a process is free for it.
            on_progress: Called with a task and a value that it reports.

        Raises:
            ExpectedError: What `open_worker` raised.
            WorkerError: A process ended before it was ready.
        """
        waiting = iter(tasks)
        while True:
            while self._busy() < self._processes:
                if (new := next(waiting, _NO_TASK)) is _NO_TASK:
                    break
                self._idle_or_new().send(new)
            if not self._busy():
                return
            ready = wait([worker.pipe for worker in self._workers])
            for worker in [worker for worker in self._workers if worker.pipe in ready]:
                task = worker.task
                kind, value = self._receive(worker)
                if kind == "progress":
                    on_progress(task, value)
                elif kind == "done" and task is not _NO_TASK:
                    yield task, value

    def _busy(self) -> int:
        return sum(worker.task is not _NO_TASK for worker in self._workers)

    def _idle_or_new(self) -> "_Worker":
        for worker in self._workers:
            if worker.task is _NO_TASK:
                return worker
        self._workers.append(_Worker(self._open_worker))
        return self._workers[-1]

    def _receive(self, worker: "_Worker") -> tuple[str, Any]:
        """Return a worker's next message; its end counts as one."""
        try:
            kind, value = worker.pipe.recv()
        # A process that ends closes its pipe; one that is killed may do so within a message.
        except (EOFError, OSError):
            self._workers.remove(worker)
            reason = f"worker process {worker.end()}"
            if not worker.ready:
                raise WorkerError(f"a {reason} before it began") from None
            return "done", WorkerError(f"its {reason}")
        if kind == "refused":
            self._workers.remove(worker)
            worker.end()
            raise value
        worker.ready = True
        if kind == "done":
            worker.task = _NO_TASK
        return kind, value


class _Worker:
    """One process, as seen from the process that started it.

    Attributes:
        process: The process.
        pipe: Connection to it.
        task: Its task, or `_NO_TASK`.
        ready: Whether it has loaded what it needs.
    """

    def __init__(self, open_worker: OpenWorker) -> None:
        self.pipe, theirs = _CONTEXT.Pipe()
        self.task: Any = _NO_TASK
        self.ready = False
        # Pickled here, so that the process imports nothing of it before it is set up.
        arguments = (pickle.dumps(open_worker), theirs)
        self.process = _CONTEXT.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def send(self, task: Any) -> None:
        """Send a task; if the process has ended, the next read from the pipe shows that."""
        self.task = task
        with suppress(OSError):
            self.pipe.send(task)

    def end(self) -> str:
        """Wait for a process that is ending, and return how it ended."""
        self.process.join(_JOIN_TIMEOUT)
        self.process.kill()
        self.process.join()
        self.pipe.close()
        code = self.process.exitcode or 0
        if code >= 0:
            return f"ended with code {code}"
        with suppress(ValueError):
            name = signal.Signals(-code).name
            if name == "SIGKILL":
                return "was killed (SIGKILL), as happens if memory runs out; try fewer jobs"
            return f"crashed ({name})"
        return f"ended of signal {-code}"


def limit_native_threads() -> None:
    """Let native libraries that are loaded later use one thread each, unless the user chose."""
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")


def discard_output() -> None:
    """Discard all that this process writes, including what native code writes past Python."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _serve(open_worker: bytes, pipe: "Connection[Any, Any]") -> None:
    """Execute tasks that come through the pipe until it is closed, in a process of its own."""
    # An interrupt at the terminal reaches all processes; the one that started this one handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_native_threads()
    # These errors mean that the process at the other end is gone.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            with pickle.loads(open_worker)() as work:
                pipe.send(("ready", None))
                while True:
                    pipe.send(_outcome(work, pipe.recv(), pipe))
        except (ExpectedError, ModuleNotFoundError) as error:
            pipe.send(("refused", error))


def _outcome(work: Work, task: Any, pipe: "Connection[Any, Any]") -> tuple[str, Any]:
    try:
        return "done", work(task, lambda value: pipe.send(("progress", value)))
    except (BrokenPipeError, ConnectionResetError):
        raise
    # One task's failure must not affect the others.
    except Exception as error:
        return "done", _portable(error)


def _portable(error: Exception) -> Exception:
    """Return `error`, or its text if it cannot be sent to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    # Some constructors take other arguments than the error keeps.
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
