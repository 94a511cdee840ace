import asyncio
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from dancetype.engine.errors import SourceError
from dancetype.stream.clock import Clock
from dancetype.stream.fleet.actor import LEASE, CameraActor, Lease
from dancetype.stream.fleet.cameras import Assignment, parse_cameras
from dancetype.stream.messages import SourceState
from dancetype.stream.pipeline import Event
from dancetype.stream.session import EventThreads
from dancetype.stream.settings import Settings, load_settings


async def polled(lease: Lease, times: int) -> None:
    for _ in range(times):
        await lease.renew()


async def settled(task: "asyncio.Task[None]") -> bool:
    """Whether a task is done once everybody has done what there is to do."""
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


async def test_a_new_process_connects_when_it_has_been_asked_for_twice() -> None:
    lease = Lease(lambda: 0.0)
    connecting = asyncio.create_task(lease.confirmed())
    await polled(lease, 1)
    assert not await settled(connecting)
    await polled(lease, 1)
    assert await settled(connecting)


async def test_what_was_asked_while_it_was_loading_counts() -> None:
    lease = Lease(lambda: 0.0)
    await polled(lease, 2)
    await asyncio.wait_for(lease.confirmed(), 1)


async def test_one_that_was_put_out_comes_back_only_when_it_is_asked_for_twice_again() -> None:
    lease = Lease(lambda: 0.0)
    await polled(lease, 100)
    await lease.confirmed()
    returning = asyncio.create_task(lease.confirmed())
    assert not await settled(returning)
    # It may have been on its way since before another process was started.
    await polled(lease, 1)
    assert not await settled(returning)
    await polled(lease, 1)
    assert await settled(returning)


async def test_the_lease_is_renewed_by_being_asked_for_and_runs_out() -> None:
    now = 100.0
    lease = Lease(lambda: now)
    now += LEASE - 1
    assert lease.left == 1
    await lease.renew()
    assert lease.left == LEASE
    now += LEASE + 5
    assert lease.left == 0


class EndlessPipeline:
    def start(self, on_event: Callable[[Event], None]) -> None: ...

    def stop(self) -> None: ...

    def join(self, timeout: float) -> bool:
        return True


def endless(
    settings: Settings, clock: Clock, *, loop: bool
) -> tuple[dict[str, str], dict[str, EventThreads]]:
    return {}, {"a": EndlessPipeline()}


def broken(
    settings: Settings, clock: Clock, *, loop: bool
) -> tuple[dict[str, str], dict[str, EventThreads]]:
    raise SourceError("rtsp://user:secret@10.0.0.9/: refused")


@pytest.fixture
def assignment(monkeypatch: pytest.MonkeyPatch) -> Assignment:
    # Logging and memory are those of the test's process, too.
    monkeypatch.setattr("dancetype.stream.fleet.actor.configure", lambda: None)
    monkeypatch.setattr("dancetype.stream.fleet.actor.limit_malloc_arenas", lambda: None)
    base = load_settings({"mqtt": "mqtt://broker"})
    return Assignment(parse_cameras('[cameras.a]\nsource = "test:"', base)["a"], 1)


async def test_a_process_that_is_not_polled_ends_as_one_that_is_lost(
    assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dancetype.stream.fleet.actor.LEASE", 0.05)
    with pytest.raises(RuntimeError, match="its supervisor had not polled it"):
        await CameraActor(assignment, endless).run()


async def test_a_process_that_is_stopped_ends_in_good_order(
    assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = SimpleNamespace(get_node_id=lambda: "node")
    ray = SimpleNamespace(get_runtime_context=lambda: context)
    monkeypatch.setitem(sys.modules, "ray", ray)
    actor = CameraActor(assignment, endless)
    running = asyncio.create_task(actor.run())
    await actor.poll()
    await actor.stop("no longer wanted")
    report = await asyncio.wait_for(running, 5)
    assert (report.state, report.reason) == (SourceState.ENDED, "no longer wanted")
    assert report.node == "node"


async def test_a_camera_that_cannot_start_says_why_without_its_password(
    assignment: Assignment,
) -> None:
    with pytest.raises(RuntimeError, match="refused") as error:
        await CameraActor(assignment, broken).run()
    assert "secret" not in str(error.value)
