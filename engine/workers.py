"""Worker processes that share out tasks; a task that brings its process down stops no other."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from dancetype.engine.errors import ExpectedError, WorkerError

# A process that forks would share locks and threads of native libraries with this one.
_CONTEXT: Final = multiprocessing.get_context("spawn")
# Native libraries would each have a thread a core, and every core has its worker.
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENCV_FFMPEG_THREADS", "OPENCV_FOR_THREADS_NUM")
_ENDING: Final = 5.0

Tell = Callable[[Any], None]
"""Passes on how far a task is."""
Work = Callable[[Any, Tell], Any]
"""Does a task and gives its result."""
OpenWorker = Callable[[], AbstractContextManager[Work]]
"""Loads what a worker needs, once; goes to another process, and so has to be picklable."""


@dataclass(frozen=True, slots=True)
class Began:
    """A worker has taken up a task; `index` counts tasks from 0."""

    index: int


@dataclass(frozen=True, slots=True)
class Told:
    """How far a task is, as its worker tells."""

    index: int
    note: Any


@dataclass(frozen=True, slots=True)
class Done:
    """A task is done."""

    index: int
    result: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """A task is not done, and not tried again, for this reason."""

    index: int
    reason: str


Event = Began | Told | Done | Failed


class Pool:
    """Processes that each do one task at a time; it has to be closed.

    Args:
        open_worker: called in each process.
        processes: how many there are at most.
    """

    def __init__(self, open_worker: OpenWorker, *, processes: int) -> None:
        if processes < 1:
            raise ValueError(f"there is 1 process or more, not {processes}")
        self._open_worker = open_worker
        self._processes = processes
        self._workers: list[_Worker] = []

    def close(self) -> None:
        """Ends the processes at once, whatever they are doing."""
        for worker in self._workers:
            worker.kill()
        while self._workers:
            self._workers.pop().end()

    def run(self, tasks: Sequence[Any]) -> Iterator[Event]:
        """Does tasks, each once, and tells what happens as it does.

        Args:
            tasks: picklable.

        Raises:
            WorkerError: workers cannot begin.
        """
        waiting = deque(enumerate(tasks))
        left = len(tasks)
        while left:
            while len(self._workers) < min(self._processes, left):
                self._workers.append(_Worker(self._open_worker))
            for worker in self._workers:
                if waiting and worker.idle:
                    worker.index, task = waiting.popleft()
                    yield Began(worker.index)
                    worker.send(task)
            for worker in _heard_of(self._workers):
                if (event := self._event(worker)) is not None:
                    left -= isinstance(event, Done | Failed)
                    yield event

    def _event(self, worker: "_Worker") -> Event | None:
        """What a worker has to say, if that is of a task."""
        index = worker.index
        try:
            kind, value = worker.pipe.recv()
        # A process that dies closes its end; one that is killed may do so within a message.
        except (EOFError, OSError):
            self._workers.remove(worker)
            reason = worker.end()
            if not worker.ready:
                raise WorkerError(f"a process to look at clips {reason} before it began") from None
            if index is None:
                return None
            return Failed(index, f"the process that looked at it {reason}")
        if kind == "refused":
            self._workers.remove(worker)
            worker.end()
            raise WorkerError(value)
        worker.ready = True
        if index is None:
            return None
        if kind == "told":
            return Told(index, value)
        worker.index = None
        return Done(index, value) if kind == "done" else Failed(index, value)


class _Worker:
    """One process, seen from this one.

    Attributes:
        pipe: to it.
        index: of the task it does, or None.
        ready: whether it could begin.
    """

    def __init__(self, open_worker: OpenWorker) -> None:
        self.pipe, theirs = _CONTEXT.Pipe()
        self.index: int | None = None
        self.ready = False
        self._process = _CONTEXT.Process(target=_serve, args=(open_worker, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def idle(self) -> bool:
        """Whether it can take a task."""
        return self.ready and self.index is None

    def send(self, task: Any) -> None:
        """Gives it a task; of one that is dead by now is heard next."""
        with suppress(OSError):
            self.pipe.send(task)

    def end(self) -> str:
        """Waits for a process that ends; says what it ended of."""
        self._process.join(_ENDING)
        self._process.kill()
        self._process.join()
        self.pipe.close()
        code = self._process.exitcode or 0
        if code >= 0:
            return f"ended with code {code}"
        with suppress(ValueError):
            name = signal.Signals(-code).name
            if name == "SIGKILL":
                return "was killed (SIGKILL), as is done where memory runs out"
            return f"crashed ({name})"
        return f"ended of signal {-code}"

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()


def _heard_of(workers: list[_Worker]) -> list[_Worker]:
    """Waits for those that have something to say, or have ended."""
    ready = wait([worker.pipe for worker in workers])
    return [worker for worker in workers if worker.pipe in ready]


def _serve(open_worker: OpenWorker, pipe: "Connection[Any, Any]") -> None:
    """Does what comes through the pipe until it is closed, in a process of its own."""
    # An interrupt at the terminal goes to all; the process that started this one sees to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    # Nobody is there any more to tell.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            with open_worker() as work:
                pipe.send(("ready", None))
                while True:
                    pipe.send(_done(work, pipe.recv(), lambda note: pipe.send(("told", note))))
        except ExpectedError as error:
            pipe.send(("refused", str(error)))


def _done(work: Work, task: Any, tell: Tell) -> tuple[str, Any]:
    try:
        return "done", work(task, tell)
    except (BrokenPipeError, ConnectionResetError):
        raise
    # Of what one clip brings to light the others know nothing.
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}"
