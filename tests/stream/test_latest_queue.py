import asyncio

from hypothesis import given
from hypothesis import strategies as st

from dancetype.stream.latest_queue import LatestQueue


async def test_newest_value_of_a_key_replaces_older_values() -> None:
    queue = LatestQueue[str, int]()
    queue.put("a", 1)
    queue.put("a", 2)
    assert await queue.take() == ("a", 2)


async def test_take_waits_for_a_value() -> None:
    queue = LatestQueue[str, int]()
    waiting = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.put("a", 1)
    assert await waiting == ("a", 1)


async def test_busy_key_does_not_starve_the_others() -> None:
    queue = LatestQueue[str, int]()
    keys = []
    for value in range(6):
        queue.put("busy", value)
        queue.put("other", value)
        keys.append((await queue.take())[0])
    assert keys.count("other") == 3


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers())))
def test_slow_consumer_gets_the_last_value_of_each_key(puts: list[tuple[str, int]]) -> None:
    async def read_all() -> dict[str, int]:
        queue = LatestQueue[str, int]()
        for key, value in puts:
            queue.put(key, value)
        return dict([await queue.take() for _ in dict(puts)])

    assert asyncio.run(read_all()) == dict(puts)
