import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from dancetype.engine.errors import ExpectedError, ModelError, WorkerError
from dancetype.engine.workers import ReportProgress, Work, WorkerPool


class _PickyError(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason} {code}")


def _obey(task: Any, report: ReportProgress) -> Any:
    report("began")
    match task:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "raise":
            raise ValueError("no")
        case "raise what cannot be sent":
            raise _PickyError(7, "no")
        case "exit":
            os._exit(0)
        case "wait":
            signal.pause()
        case "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
    return task, os.getpid()


@contextmanager
def obedient() -> Iterator[Work]:
    """Does what a task says, in the process of the worker."""
    yield _obey


@contextmanager
def refusing() -> Iterator[Work]:
    raise ModelError("there is no model")
    yield _obey


@contextmanager
def crashing() -> Iterator[Work]:
    os._exit(3)
    yield _obey


def test_a_task_that_crashes_or_fails_stops_no_other_and_is_not_tried_again() -> None:
    tasks = [1, "crash", 2, "raise", "interrupt", 3, "raise what cannot be sent", "exit"]
    begun: list[Any] = []
    with WorkerPool(obedient, processes=2) as pool:
        outcomes = dict(pool.run(tasks, lambda task, value: begun.append(task)))
    done = {task: outcomes.pop(task) for task in (1, 2, 3, "interrupt")}
    assert {task: task for task in done} == {task: said for task, (said, _) in done.items()}
    assert {task: repr(error) for task, error in outcomes.items()} == {
        "crash": "WorkerError('its worker process crashed (SIGSEGV)')",
        "raise": "ValueError('no')",
        "raise what cannot be sent": "RuntimeError('_PickyError: no 7')",
        "exit": "WorkerError('its worker process ended with code 0')",
    }
    assert sorted(map(str, begun)) == sorted(map(str, tasks))
    processes = {process for _, process in done.values()}
    assert os.getpid() not in processes
    assert len(processes) <= 4


@pytest.mark.parametrize(
    ("worker", "reason"),
    [
        (refusing, ModelError("there is no model")),
        (crashing, WorkerError("a worker process ended with code 3 before it began")),
    ],
)
def test_workers_that_cannot_begin_are_told_once(worker: Any, reason: ExpectedError) -> None:
    with WorkerPool(worker, processes=2) as pool:
        with pytest.raises(type(reason), match=str(reason)):
            list(pool.run([1, 2]))
        with pytest.raises(type(reason), match=str(reason)):
            pool.start()


class _EnoughError(Exception):
    pass


def test_closing_ends_all_processes_at_once_whatever_they_do() -> None:
    before = set(psutil.Process().children(recursive=True))
    told: list[str] = []

    def tell(task: str, value: str) -> None:
        told.append(value)
        if len(told) == 2:
            raise _EnoughError

    with WorkerPool(obedient, processes=2) as pool:
        with pytest.raises(_EnoughError):
            list(pool.run(["wait", "wait"], tell))
        working = set(psutil.Process().children(recursive=True)) - before
        assert len(working) >= 2
    # What multiprocessing itself needs stays for the next pool.
    left = [each for each in working if each.is_running() and "spawn_main" in each.cmdline()[-2]]
    assert left == []


def test_processes_stay_for_the_tasks_of_the_next_time() -> None:
    with WorkerPool(obedient, processes=1) as pool:
        ((_, first),) = pool.run([1])
        ((_, second),) = pool.run([2])
    assert first == (1, second[1])


def test_no_fewer_than_one_process_is_taken() -> None:
    with pytest.raises(ValueError, match="1 process or more"):
        WorkerPool(obedient, processes=0)


def test_a_process_that_was_started_before_takes_the_first_task() -> None:
    with WorkerPool(obedient, processes=2) as pool:
        before = set(psutil.Process().children())
        pool.start()
        started = {child.pid for child in set(psutil.Process().children()) - before}
        ((_, done),) = pool.run([1])
    assert done[1] in started


def test_no_task_is_taken_ahead_of_a_free_process() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for task in range(4):
            taken.append(task)
            yield task

    with WorkerPool(obedient, processes=1) as pool:
        ahead = [len(taken) - task for task, _ in pool.run(tasks())]
    assert ahead == [1] * 4
