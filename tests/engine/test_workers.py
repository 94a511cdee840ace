import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from dancetype.engine.errors import ExpectedError, ModelError, WorkerError
from dancetype.engine.workers import ReportProgress, Work, WorkerPool


class _UnpicklableError(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason} {code}")


def _execute(task: Any, report: ReportProgress) -> Any:
    report("started")
    match task:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "raise":
            raise ValueError("no")
        case "raise unpicklable":
            raise _UnpicklableError(7, "no")
        case "exit":
            os._exit(0)
        case "wait":
            signal.pause()
        case "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
    return task, os.getpid()


@contextmanager
def working() -> Iterator[Work]:
    """Open a worker that executes tasks; see `_execute`."""
    yield _execute


@contextmanager
def failing() -> Iterator[Work]:
    raise ModelError("there is no model")
    yield _execute


@contextmanager
def crashing() -> Iterator[Work]:
    os._exit(3)
    yield _execute


def test_failed_task_does_not_affect_others_and_is_not_repeated() -> None:
    tasks = [1, "crash", 2, "raise", "interrupt", 3, "raise unpicklable", "exit"]
    started: list[Any] = []
    with WorkerPool(working, processes=2) as pool:
        outcomes = dict(pool.run(tasks, lambda task, value: started.append(task)))
    done = {task: outcomes.pop(task) for task in (1, 2, 3, "interrupt")}
    assert all(task == result for task, (result, _) in done.items())
    assert {task: repr(error) for task, error in outcomes.items()} == {
        "crash": "WorkerError('its worker process crashed (SIGSEGV)')",
        "raise": "ValueError('no')",
        "raise unpicklable": "RuntimeError('_UnpicklableError: no 7')",
        "exit": "WorkerError('its worker process ended with code 0')",
    }
    assert sorted(map(str, started)) == sorted(map(str, tasks))
    processes = {process for _, process in done.values()}
    assert os.getpid() not in processes
    assert len(processes) <= 4


@pytest.mark.parametrize(
    ("worker", "reason"),
    [
        (failing, ModelError("there is no model")),
        (crashing, WorkerError("a worker process ended with code 3 before it was ready")),
    ],
)
def test_error_of_worker_that_cannot_start_is_raised(worker: Any, reason: ExpectedError) -> None:
    with WorkerPool(worker, processes=2) as pool:
        with pytest.raises(type(reason), match=str(reason)):
            list(pool.run([1, 2]))
        with pytest.raises(type(reason), match=str(reason)):
            pool.start()


class _StopError(Exception):
    pass


def test_closing_pool_kills_working_processes() -> None:
    before = set(psutil.Process().children(recursive=True))
    reports: list[str] = []

    def stop_after_two_reports(task: str, value: str) -> None:
        reports.append(value)
        if len(reports) == 2:
            raise _StopError

    with WorkerPool(working, processes=2) as pool:
        with pytest.raises(_StopError):
            list(pool.run(["wait", "wait"], stop_after_two_reports))
        children = set(psutil.Process().children(recursive=True)) - before
        assert len(children) >= 2
    # The resource tracker of multiprocessing keeps running for the next pool.
    workers = [c for c in children if c.is_running() and "spawn_main" in c.cmdline()[-2]]
    assert workers == []


def test_next_run_reuses_processes() -> None:
    with WorkerPool(working, processes=1) as pool:
        ((_, first),) = pool.run([1])
        ((_, second),) = pool.run([2])
    assert first == (1, second[1])


def test_number_of_processes_must_be_positive() -> None:
    with pytest.raises(ValueError, match="processes must be 1 or more"):
        WorkerPool(working, processes=0)


def test_first_task_is_sent_to_process_that_was_started_before() -> None:
    with WorkerPool(working, processes=2) as pool:
        before = set(psutil.Process().children())
        pool.start()
        started = {child.pid for child in set(psutil.Process().children()) - before}
        ((_, done),) = pool.run([1])
    assert done[1] in started


def test_next_task_is_requested_only_when_a_process_is_free() -> None:
    requested: list[int] = []

    def tasks() -> Iterator[int]:
        for task in range(4):
            requested.append(task)
            yield task

    with WorkerPool(working, processes=1) as pool:
        counts = [len(requested) - task for task, _ in pool.run(tasks())]
    assert counts == [1] * 4
