import asyncio
from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from dancetype.stream.web.client import HEARTBEAT_SOURCE, LatestMessages, Outbox

PUTS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["source", "prediction"])))


async def test_of_each_kind_the_newest_waits_and_what_it_overtook_is_counted() -> None:
    outbox = Outbox()
    outbox.put("left", "prediction", "1")
    outbox.put("left", "source", "2")
    outbox.put("left", "prediction", "3")
    outbox.put("right", "prediction", "4")
    assert [*await outbox.take()] == ["2", "3"]
    assert [*await outbox.take()] == ["4"]
    assert outbox.dropped == {"left": 1}


async def test_an_overtaken_heartbeat_is_no_loss() -> None:
    outbox = Outbox()
    outbox.put(HEARTBEAT_SOURCE, "heartbeat", "1")
    outbox.put(HEARTBEAT_SOURCE, "heartbeat", "2")
    assert [*await outbox.take()] == ["2"]
    assert outbox.dropped == {}


async def test_taking_waits_for_a_message() -> None:
    outbox = Outbox()
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    outbox.put("left", "prediction", "1")
    assert [*await taking] == ["1"]


async def test_what_is_no_longer_wanted_is_dropped_without_being_counted() -> None:
    outbox = Outbox()
    for source in ("left", "right", HEARTBEAT_SOURCE):
        outbox.put(source, "prediction", source)
    outbox.keep({"right"})
    assert [*await outbox.take(), *await outbox.take()] == ["right", ""]
    outbox.put("left", "prediction", "1")
    outbox.keep(set())
    assert not outbox
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    taking.cancel()
    assert outbox.dropped == {}


async def test_a_busy_source_does_not_starve_the_others() -> None:
    outbox = Outbox()
    taken = []
    for _ in range(6):
        outbox.put("busy", "source", "busy")
        outbox.put("busy", "prediction", "busy")
        outbox.put("other", "prediction", "other")
        taken.append(next(iter(await outbox.take())))
    assert taken.count("other") == 3


@given(PUTS)
def test_a_late_reader_finds_the_newest_of_each_kind_in_the_order_they_came_in(
    puts: list[tuple[str, str]],
) -> None:
    async def taken(outbox: Outbox) -> list[Collection[str]]:
        return [await outbox.take() for _ in {source for source, _ in puts}]

    newest, outbox = LatestMessages(), Outbox()
    for seq, (source, kind) in enumerate(puts):
        newest.put(source, kind, str(seq))
        outbox.put(source, kind, str(seq))
    last = {pair: str(seq) for seq, pair in enumerate(puts)}
    assert {(source, kind): text for source, kind, text in newest} == last
    waiting = asyncio.run(taken(outbox))
    assert not outbox
    assert [text for texts in waiting for text in texts] == [text for _, _, text in newest]
    for texts in waiting:
        seqs = [int(text) for text in texts]
        assert seqs == sorted(seqs)
