import asyncio

from dancetype.stream.fleet.office import LEASE, Office


async def asked(office: Office, times: int) -> None:
    for _ in range(times):
        await office.ask()


async def settled(task: "asyncio.Task[None]") -> bool:
    """Whether a task is done once everybody has done what there is to do."""
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


async def test_a_new_process_connects_when_it_has_been_asked_for_twice() -> None:
    office = Office(lambda: 0.0)
    connecting = asyncio.create_task(office.confirmed())
    await asked(office, 1)
    assert not await settled(connecting)
    await asked(office, 1)
    assert await settled(connecting)


async def test_what_was_asked_while_it_was_loading_counts() -> None:
    office = Office(lambda: 0.0)
    await asked(office, 2)
    await asyncio.wait_for(office.confirmed(), 1)


async def test_one_that_was_put_out_comes_back_only_when_it_is_asked_for_twice_again() -> None:
    office = Office(lambda: 0.0)
    await asked(office, 100)
    await office.confirmed()
    returning = asyncio.create_task(office.confirmed())
    assert not await settled(returning)
    # It may have been on its way since before another process was started.
    await asked(office, 1)
    assert not await settled(returning)
    await asked(office, 1)
    assert await settled(returning)


async def test_the_lease_is_renewed_by_being_asked_for_and_runs_out() -> None:
    now = 100.0
    office = Office(lambda: now)
    now += LEASE - 1
    assert office.left == 1
    await office.ask()
    assert office.left == LEASE
    now += LEASE + 5
    assert office.left == 0
