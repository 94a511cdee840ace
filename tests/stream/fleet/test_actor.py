import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from dancetype.engine.errors import SourceError
from dancetype.stream.fleet.actor import LEASE, CameraActor, Lease, RunCamera
from dancetype.stream.fleet.cameras import Assignment, parse_cameras
from dancetype.stream.settings import load_settings
from dancetype.stream.sinks.base import Outlet


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


async def until_stopped(
    assignment: Assignment, sinks: Sequence[Outlet], stop: Callable[[], Awaitable[str]]
) -> None:
    reason = await stop()
    assert reason == "its supervisor is gone"


async def broken(
    assignment: Assignment, sinks: Sequence[Outlet], stop: Callable[[], Awaitable[str]]
) -> None:
    raise SourceError("rtsp://user:secret@10.0.0.9/: refused")


def actor(run_camera: RunCamera) -> CameraActor:
    base = load_settings({"mqtt": "mqtt://broker"})
    camera = parse_cameras('[cameras.a]\nsource = "test:"', base)["a"]
    return CameraActor(Assignment(camera, 1), run_camera)


async def test_a_process_that_is_not_polled_ends_as_one_that_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dancetype.stream.fleet.actor.LEASE", 0.05)
    with pytest.raises(RuntimeError, match="its supervisor had not polled it"):
        await actor(until_stopped).run()


async def test_a_camera_that_cannot_start_says_why_without_its_password() -> None:
    with pytest.raises(RuntimeError, match="refused") as error:
        await actor(broken).run()
    assert "secret" not in str(error.value)
