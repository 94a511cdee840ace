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


async def poll(lease: Lease, times: int) -> None:
    for _ in range(times):
        await lease.renew()


async def is_done(task: "asyncio.Task[None]") -> bool:
    """Let all tasks run until they wait; return whether a task is done."""
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


async def test_new_process_connects_after_two_polls() -> None:
    lease = Lease(lambda: 0.0)
    connecting = asyncio.create_task(lease.wait_for_polls())
    await poll(lease, 1)
    assert not await is_done(connecting)
    await poll(lease, 1)
    assert await is_done(connecting)


async def test_polls_while_loading_count() -> None:
    lease = Lease(lambda: 0.0)
    await poll(lease, 2)
    await asyncio.wait_for(lease.wait_for_polls(), 1)


async def test_displaced_process_reconnects_only_after_two_more_polls() -> None:
    lease = Lease(lambda: 0.0)
    await poll(lease, 100)
    await lease.wait_for_polls()
    reconnecting = asyncio.create_task(lease.wait_for_polls())
    assert not await is_done(reconnecting)
    # This poll may have been sent before another process was started.
    await poll(lease, 1)
    assert not await is_done(reconnecting)
    await poll(lease, 1)
    assert await is_done(reconnecting)


async def test_lease_is_renewed_by_polls_and_expires() -> None:
    now = 100.0
    lease = Lease(lambda: now)
    now += LEASE - 1
    assert lease.remaining == 1
    await lease.renew()
    assert lease.remaining == LEASE
    now += LEASE + 5
    assert lease.remaining == 0


class EndlessPipeline:
    def start(self, on_event: Callable[[Event], None]) -> None: ...

    def stop(self) -> None: ...

    def join(self, timeout: float) -> bool:
        return True


def load_endless_camera(
    settings: Settings, clock: Clock, *, loop: bool
) -> tuple[dict[str, str], dict[str, EventThreads]]:
    return {}, {"a": EndlessPipeline()}


def fail_to_load(
    settings: Settings, clock: Clock, *, loop: bool
) -> tuple[dict[str, str], dict[str, EventThreads]]:
    raise SourceError("rtsp://user:secret@10.0.0.9/: refused")


@pytest.fixture
def assignment(monkeypatch: pytest.MonkeyPatch) -> Assignment:
    # These functions would change the logging and memory settings of the test process.
    monkeypatch.setattr("dancetype.stream.fleet.actor.configure", lambda: None)
    monkeypatch.setattr("dancetype.stream.fleet.actor.limit_malloc_arenas", lambda: None)
    base = load_settings({"mqtt": "mqtt://broker"})
    return Assignment(parse_cameras('[cameras.a]\nsource = "test:"', base)["a"], 1)


async def test_process_that_is_not_polled_ends_with_an_error(
    assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dancetype.stream.fleet.actor.LEASE", 0.05)
    with pytest.raises(RuntimeError, match="the supervisor stopped polling it"):
        await CameraActor(assignment, load_endless_camera).run()


async def test_stopped_process_returns_its_last_report(
    assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = SimpleNamespace(get_node_id=lambda: "node")
    ray = SimpleNamespace(get_runtime_context=lambda: context)
    monkeypatch.setitem(sys.modules, "ray", ray)
    actor = CameraActor(assignment, load_endless_camera)
    running = asyncio.create_task(actor.run())
    await actor.poll()
    await actor.stop("stopped by the fleet")
    report = await asyncio.wait_for(running, 5)
    assert (report.state, report.reason) == (SourceState.ENDED, "stopped by the fleet")
    assert report.node == "node"


async def test_error_of_a_camera_that_cannot_start_contains_no_password(
    assignment: Assignment,
) -> None:
    with pytest.raises(RuntimeError, match="refused") as error:
        await CameraActor(assignment, fail_to_load).run()
    assert "secret" not in str(error.value)
