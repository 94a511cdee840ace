import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psutil
import pytest

from dancetype.engine.errors import ExpectedError, WorkerError
from dancetype.engine.workers import Began, Done, Event, Failed, Pool, Tell, Told, Work


def _obey(task: Any, tell: Tell) -> Any:
    match task:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "raise":
            raise ValueError("no")
        case "wait":
            tell("waiting")
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
    raise ExpectedError("there is no model")
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
    tasks = [1, "crash", 2, "raise", "interrupt", 3]
    with closing(Pool(obedient, processes=2)) as pool:
        events = list(pool.run(tasks))
    assert ended(events) == {
        0: 1,
        1: "the process that looked at it crashed (SIGSEGV)",
        2: 2,
        3: "ValueError: no",
        4: "interrupt",
        5: 3,
    }
    begun = [event.index for event in events if isinstance(event, Began)]
    assert sorted(begun) == list(range(len(tasks)))
    done = {event.result[1] for event in events if isinstance(event, Done)}
    assert os.getpid() not in done
    assert len(done) <= 3


@pytest.mark.parametrize(
    ("worker", "reason"),
    [(refusing, "there is no model"), (crashing, "ended with code 3 before it began")],
)
def test_workers_that_cannot_begin_are_told_once(worker: Any, reason: str) -> None:
    with closing(Pool(worker, processes=2)) as pool, pytest.raises(WorkerError, match=reason):
        list(pool.run([1, 2]))


def test_closing_ends_all_processes_at_once_whatever_they_do() -> None:
    before = set(psutil.Process().children(recursive=True))
    with closing(Pool(obedient, processes=2)) as pool:
        events = pool.run(["wait", "wait"])
        told = 0
        while told < 2:
            told += isinstance(next(events), Told)
        working = set(psutil.Process().children(recursive=True)) - before
        assert len(working) >= 2
    # What multiprocessing itself needs stays for the next pool.
    left = [each for each in working if each.is_running() and "spawn_main" in each.cmdline()[-2]]
    assert left == []


def test_processes_stay_for_the_tasks_of_the_next_time() -> None:
    with closing(Pool(obedient, processes=1)) as pool:
        (first,) = (each.result for each in pool.run([1]) if isinstance(each, Done))
        (second,) = (each.result for each in pool.run([2]) if isinstance(each, Done))
    assert first == (1, second[1])


def test_no_fewer_than_one_process_is_taken() -> None:
    with pytest.raises(ValueError, match="1 process or more"):
        Pool(obedient, processes=0)
