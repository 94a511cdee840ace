import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from dancetype.engine.errors import ExpectedError, ModelError, WorkerError
from dancetype.engine.workers import (
    Began,
    Done,
    Event,
    Failed,
    Progress,
    ReportProgress,
    Work,
    WorkerPool,
)


class _PickyError(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason} {code}")


def _obey(task: Any, report: ReportProgress) -> Any:
    match task:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "raise":
            raise ValueError("no")
        case "raise what cannot be sent":
            raise _PickyError(7, "no")
        case "have no disk":
            raise WorkerError("no space")
        case "exit":
            os._exit(0)
        case "wait":
            report("waiting")
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


def ended(events: list[Event]) -> dict[int, Any]:
    """What came of each task by its index."""
    return {
        event.index: event.result[0] if isinstance(event, Done) else event.reason
        for event in events
        if isinstance(event, Done | Failed)
    }


def test_a_task_that_crashes_or_fails_stops_no_other_and_is_not_tried_again() -> None:
    tasks = [1, "crash", 2, "raise", "interrupt", 3, "raise what cannot be sent", "exit"]
    with WorkerPool(obedient, processes=2) as pool:
        events = list(pool.run(tasks))
    assert ended(events) == {
        0: 1,
        1: "its worker process crashed (SIGSEGV)",
        2: 2,
        3: "ValueError: no",
        4: "interrupt",
        5: 3,
        6: "RuntimeError: _PickyError: no 7",
        7: "its worker process ended with code 0",
    }
    begun = [event.index for event in events if isinstance(event, Began)]
    assert sorted(begun) == list(range(len(tasks)))
    done = {event.result[1] for event in events if isinstance(event, Done)}
    assert os.getpid() not in done
    assert len(done) <= 4


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


def test_closing_ends_all_processes_at_once_whatever_they_do() -> None:
    before = set(psutil.Process().children(recursive=True))
    with WorkerPool(obedient, processes=2) as pool:
        events = pool.run(["wait", "wait"])
        told = 0
        while told < 2:
            told += isinstance(next(events), Progress)
        working = set(psutil.Process().children(recursive=True)) - before
        assert len(working) >= 2
    # What multiprocessing itself needs stays for the next pool.
    left = [each for each in working if each.is_running() and "spawn_main" in each.cmdline()[-2]]
    assert left == []


def test_processes_stay_for_the_tasks_of_the_next_time() -> None:
    with WorkerPool(obedient, processes=1) as pool:
        (first,) = (each.result for each in pool.run([1]) if isinstance(each, Done))
        (second,) = (each.result for each in pool.run([2]) if isinstance(each, Done))
    assert first == (1, second[1])


def test_no_fewer_than_one_process_is_taken() -> None:
    with pytest.raises(ValueError, match="1 process or more"):
        WorkerPool(obedient, processes=0)


def test_a_process_that_was_started_before_takes_the_first_task() -> None:
    with WorkerPool(obedient, processes=2) as pool:
        before = set(psutil.Process().children())
        pool.start()
        started = {child.pid for child in set(psutil.Process().children()) - before}
        (done,) = (each.result for each in pool.run([1]) if isinstance(each, Done))
    assert done[1] in started


def test_no_task_is_taken_ahead_of_a_free_process() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for task in range(4):
            taken.append(task)
            yield task

    with WorkerPool(obedient, processes=1) as pool:
        ahead = [len(taken) - event.index for event in pool.run(tasks()) if isinstance(event, Done)]
    assert ahead == [1] * 4


def test_outcomes_come_with_their_tasks_and_one_error_stops_no_other() -> None:
    with WorkerPool(obedient, processes=2) as pool:
        outcomes = dict(pool.outcomes([1, "raise", 2]))
    assert (outcomes[1][0], outcomes[2][0]) == (1, 2)
    assert repr(outcomes["raise"]) == "ValueError('no')"


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("crash", r"its worker process crashed \(SIGSEGV\): try fewer --jobs"),
        ("have no disk", "no space"),
    ],
)
def test_a_crash_or_an_error_that_all_tasks_would_have_ends_the_outcomes(
    task: str, reason: str
) -> None:
    with WorkerPool(obedient, processes=1) as pool, pytest.raises(WorkerError, match=reason):
        list(pool.outcomes([1, task, 2]))
