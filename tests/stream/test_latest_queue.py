import asyncio

from hypothesis import given
from hypothesis import strategies as st

from dancetype.stream.sinks.mailbox import Mailbox


async def test_the_newest_value_of_a_key_wins() -> None:
    mailbox = Mailbox[str, int]()
    mailbox.put("a", 1)
    mailbox.put("a", 2)
    assert await mailbox.take() == ("a", 2)


async def test_taking_waits_for_a_value() -> None:
    mailbox = Mailbox[str, int]()
    taking = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    mailbox.put("a", 1)
    assert await taking == ("a", 1)


async def test_a_busy_key_does_not_starve_the_others() -> None:
    mailbox = Mailbox[str, int]()
    taken = []
    for value in range(6):
        mailbox.put("busy", value)
        mailbox.put("other", value)
        taken.append((await mailbox.take())[0])
    assert taken.count("other") == 3


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers())))
def test_what_was_put_last_is_what_a_late_reader_finds(puts: list[tuple[str, int]]) -> None:
    async def read_all() -> dict[str, int]:
        mailbox = Mailbox[str, int]()
        for key, value in puts:
            mailbox.put(key, value)
        return dict([await mailbox.take() for _ in dict(puts)])

    assert asyncio.run(read_all()) == dict(puts)
