"""Pool of worker processes for tasks that may crash their process.

`pebble` 5.2, the usual library for this, is not used for these reasons:

- A crash right after the start of a task can end the whole pool ("All workers expired").
- If a process exits with code 0, as native libraries may do, the pool waits for its task forever.
- If a worker cannot start, the pool ends without reporting the reason.
- All workers share one locked channel: one that is killed while it sends blocks the others.
- A task cannot report its progress.
"""

import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Self, TypeVar

from dancetype.engine.errors import ExpectedError, ModelError, WorkerError

# A forked process would inherit locks of native libraries, but not the threads that release them.
_CONTEXT: Final = multiprocessing.get_context("spawn")
# Native libraries start a thread per core by default, but there is already a worker per core.
_THREAD_VARIABLES: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENCV_FFMPEG_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)
_JOIN_TIMEOUT: Final = 5.0
# Windows can wait for 64 objects at once, and Python needs some of them.
_MAX_PROCESSES: Final = 60
# Exit codes from here on are errors of Windows, such as an access violation.
_FIRST_NTSTATUS: Final = 0xC0000000

ReportProgress = Callable[[Any], None]
"""Function that sends a picklable value to the process that started the worker."""
Work = Callable[[Any, ReportProgress], Any]
"""Function that executes a task and returns its result, which must not be an exception."""
OpenWorker = Callable[[], AbstractContextManager[Work]]
"""Picklable function that loads the resources of a worker, called once per process."""

FATAL_ERRORS: Final = (WorkerError, ModelError, ModuleNotFoundError)
"""Errors of a task that the other tasks would probably have too."""

_Task = TypeVar("_Task")
_NO_TASK: Final = object()


class WorkerPool:
    """Processes that execute one task each at a time; a crash fails only the task concerned.

    Leaving the `with` block kills all processes, even those that execute a task.

    Args:
        open_worker: Called once in each process.
        processes: Maximum number of processes.
    """

    def __init__(self, open_worker: OpenWorker, *, processes: int) -> None:
        if processes < 1:
            raise ValueError(f"processes must be 1 or more, not {processes}")
        self._open_worker = open_worker
        self._processes = min(processes, _MAX_PROCESSES) if sys.platform == "win32" else processes
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers:
            worker.process.kill()
        while self._workers:
            self._workers.pop().join()

    def start(self) -> None:
        """Start one process and wait until it is ready, so that the others can use its caches.

        Raises:
            ExpectedError: `open_worker` raised it.
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
        """Execute each task once, and yield it with its outcome as soon as it is finished.

        The outcome is the task's result, or the exception that it raised, or a `WorkerError` if
        its process ended.

        Args:
            tasks: Picklable tasks; the next one is requested only when a process is free.
            on_progress: Called with a task and a value that it reports.

        Raises:
            ExpectedError: `open_worker` raised it.
            WorkerError: A process ended before it was ready.
        """
        queue = iter(tasks)
        while True:
            while self._count_busy() < self._processes:
                if (task := next(queue, _NO_TASK)) is _NO_TASK:
                    break
                self._idle_or_new().send(task)
            if not self._count_busy():
                return
            ready = wait([worker.pipe for worker in self._workers])
            for worker in [worker for worker in self._workers if worker.pipe in ready]:
                task = worker.task
                kind, value = self._receive(worker)
                if kind == "progress":
                    on_progress(task, value)
                elif kind == "done" and task is not _NO_TASK:
                    yield task, value

    def _count_busy(self) -> int:
        return sum(worker.task is not _NO_TASK for worker in self._workers)

    def _idle_or_new(self) -> "_Worker":
        for worker in self._workers:
            if worker.task is _NO_TASK:
                return worker
        self._workers.append(_Worker(self._open_worker))
        return self._workers[-1]

    def _receive(self, worker: "_Worker") -> tuple[str, Any]:
        """Return the kind and value of a worker's next message, or "done" if the process ended."""
        try:
            kind, value = worker.pipe.recv()
        # The pipe closes when the process ends; a killed process may leave an incomplete message.
        except (EOFError, OSError):
            self._workers.remove(worker)
            reason = f"worker process {worker.join()}"
            if not worker.ready:
                raise WorkerError(f"a {reason} before it was ready") from None
            return "done", WorkerError(f"its {reason}")
        if kind == "refused":
            self._workers.remove(worker)
            worker.join()
            raise value
        worker.ready = True
        if kind == "done":
            worker.task = _NO_TASK
        return kind, value


class _Worker:
    """The parent's handle of a worker process.

    Attributes:
        process: The process.
        pipe: Connection to the process.
        task: Task in progress, or `_NO_TASK`.
        ready: Whether the process has loaded its resources.
    """

    def __init__(self, open_worker: OpenWorker) -> None:
        self.pipe, child_end = _CONTEXT.Pipe()
        self.task: Any = _NO_TASK
        self.ready = False
        # Pickled explicitly, so that `_serve` sets the process up before modules are imported.
        arguments = (pickle.dumps(open_worker), child_end)
        self.process = _CONTEXT.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()
        child_end.close()

    def send(self, task: Any) -> None:
        """Send a task; if the process has ended, the next read from the pipe shows that."""
        self.task = task
        with suppress(OSError):
            self.pipe.send(task)

    def join(self) -> str:
        """Wait for a process that is about to end, and return how it ended."""
        self.process.join(_JOIN_TIMEOUT)
        self.process.kill()
        self.process.join()
        self.pipe.close()
        code = self.process.exitcode or 0
        if code >= _FIRST_NTSTATUS:
            return f"crashed (0x{code:X})"
        if code >= 0:
            return f"ended with code {code}"
        with suppress(ValueError):
            name = signal.Signals(-code).name
            if name == "SIGKILL":
                return "was killed (SIGKILL), possibly because memory ran out; try fewer jobs"
            return f"crashed ({name})"
        return f"ended by signal {-code}"


def limit_native_threads() -> None:
    """Limit native libraries to one thread each, unless configured; call before they are loaded."""
    for name in _THREAD_VARIABLES:
        os.environ.setdefault(name, "1")


def discard_output() -> None:
    """Discard the output of this process, including that of native code."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)


def _serve(open_worker: bytes, pipe: "Connection[Any, Any]") -> None:
    """Execute tasks from the pipe until it is closed; entry point of a worker process."""
    # An interrupt at the terminal reaches all processes; the parent process handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        signal.signal(signal.SIGBREAK, signal.SIG_IGN)
    limit_native_threads()
    # These errors mean that the parent process has ended.
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
        return "done", _picklable(error)


def _picklable(error: Exception) -> Exception:
    """Return `error`, or its text if it cannot be sent to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    # For example, the constructor may have other parameters than those in `args`.
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
