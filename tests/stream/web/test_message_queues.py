import asyncio
from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from dancetype.stream.web.client import HEARTBEAT_SOURCE, LatestMessages, Outbox

PUTS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["source", "prediction"])))


async def test_outbox_keeps_newest_message_per_type_and_counts_dropped_ones() -> None:
    outbox = Outbox()
    outbox.put("left", "prediction", "1")
    outbox.put("left", "source", "2")
    outbox.put("left", "prediction", "3")
    outbox.put("right", "prediction", "4")
    assert [*await outbox.take()] == ["2", "3"]
    assert [*await outbox.take()] == ["4"]
    assert outbox.dropped == {"left": 1}


async def test_replaced_heartbeat_is_not_counted_as_dropped() -> None:
    outbox = Outbox()
    outbox.put(HEARTBEAT_SOURCE, "heartbeat", "1")
    outbox.put(HEARTBEAT_SOURCE, "heartbeat", "2")
    assert [*await outbox.take()] == ["2"]
    assert outbox.dropped == {}


async def test_take_waits_for_a_message() -> None:
    outbox = Outbox()
    take = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    assert not take.done()
    outbox.put("left", "prediction", "1")
    assert [*await take] == ["1"]


async def test_keep_removes_messages_of_other_sources_without_counting_them() -> None:
    outbox = Outbox()
    for source in ("left", "right", HEARTBEAT_SOURCE):
        outbox.put(source, "prediction", source)
    outbox.keep({"right"})
    assert [*await outbox.take(), *await outbox.take()] == ["right", ""]
    outbox.put("left", "prediction", "1")
    outbox.keep(set())
    assert not outbox
    take = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    assert not take.done()
    take.cancel()
    assert outbox.dropped == {}


async def test_busy_source_does_not_starve_the_others() -> None:
    outbox = Outbox()
    sent_sources = []
    for _ in range(6):
        outbox.put("busy", "source", "busy")
        outbox.put("busy", "prediction", "busy")
        outbox.put("other", "prediction", "other")
        sent_sources.append(next(iter(await outbox.take())))
    assert sent_sources.count("other") == 3


@given(PUTS)
def test_queues_hold_newest_message_per_type_in_order_of_arrival(
    puts: list[tuple[str, str]],
) -> None:
    async def take_all(outbox: Outbox) -> list[Collection[str]]:
        return [await outbox.take() for _ in {source for source, _ in puts}]

    latest, outbox = LatestMessages(), Outbox()
    for seq, (source, kind) in enumerate(puts):
        latest.put(source, kind, str(seq))
        outbox.put(source, kind, str(seq))
    expected = {pair: str(seq) for seq, pair in enumerate(puts)}
    assert {(source, kind): text for source, kind, text in latest} == expected
    queued = asyncio.run(take_all(outbox))
    assert not outbox
    assert [text for texts in queued for text in texts] == [text for _, _, text in latest]
    for texts in queued:
        seqs = [int(text) for text in texts]
        assert seqs == sorted(seqs)
