import json
from typing import Any

import pytest

from dancetype.engine.rolling import Status
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message, SourceState
from dancetype.stream.run_state import RunState
from dancetype.stream.web.status import Overview
from tests.messages import changed, predicted


class Watch:
    """An overview on a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.state = RunState(Clock(lambda: self.now, 0.0))
        self.overview = Overview(
            program="1.2.3",
            model="live",
            provider="CPU",
            genres={"HO": "house", "SALSA": "salsa"},
            preview=False,
            state=self.state,
        )

    async def hear(self, message: Message) -> None:
        await self.state.send(message, "")

    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.overview.page(True).body)
        return found

    def stage(self) -> dict[str, Any]:
        found: dict[str, Any] = self.told()["sources"]["stage"]
        return found


async def dance(watch: Watch, *genres: str | None, latency: float = 0.1) -> None:
    """A prediction each second."""
    for genre in genres:
        watch.now += 1
        status = Status.GENRE if genre else Status.NOT_SURE
        await watch.hear(
            predicted(status=status, genre=genre, capture=watch.now - latency, latency=latency)
        )


async def test_it_says_what_runs_and_who_is_connected() -> None:
    watch = Watch()
    watch.state.clients = lambda: {"connected": 3, "most": 256}
    watch.state.broker_links = lambda: {"stage": True}
    told = watch.told()
    assert told["genres"] == {"HO": "house", "SALSA": "salsa"}
    assert (told["version"], told["program"], told["model"]) == (1, "1.2.3", "live")
    assert told["clients"] == {"connected": 3, "most": 256}
    assert told["mqtt"] == {"connected": {"stage": True}}
    assert told["now"] == 1000.0


def test_without_a_broker_there_is_nothing_to_say_of_one() -> None:
    assert Watch().told()["mqtt"] is None


def test_who_does_not_know_the_token_learns_nothing() -> None:
    page = Watch().overview.page(False)
    assert page.status == 401
    assert b"SALSA" not in page.body


async def test_history_holds_what_was_said_whenever_that_changed() -> None:
    watch = Watch()
    await dance(watch, None, "HO", "HO", None)
    said = [(each["at"], each["status"], each["genre"]) for each in watch.stage()["history"]]
    assert said == [(1001.0, "not_sure", None), (1002.0, "genre", "HO"), (1004.0, "not_sure", None)]


async def test_a_source_that_says_nothing_is_silent_from_when_its_last_word_was_stale() -> None:
    watch = Watch()
    await dance(watch, "HO")
    watch.now += 30
    assert watch.stage()["history"][-1] == {"at": 1002.5, "status": "silent", "genre": None}
    await dance(watch, "HO")
    assert [each["status"] for each in watch.stage()["history"]] == ["genre", "silent", "genre"]


async def test_a_source_that_is_lost_is_silent_and_its_return_counts_as_one() -> None:
    watch = Watch()
    await watch.hear(changed(SourceState.RUNNING, sent=1000.0))
    await dance(watch, "HO")
    await watch.hear(changed(SourceState.RECONNECTING, sent=1002.0, reason="no frame for 3 s"))
    lost = watch.stage()
    assert (lost["state"], lost["reason"]) == ("reconnecting", "no frame for 3 s")
    assert (lost["since"], lost["fps"], lost["reconnects"]) == (1002.0, 0.0, 0)
    assert lost["history"][-1]["status"] == "silent"
    await watch.hear(changed(SourceState.RUNNING, sent=1003.0, epoch=1))
    assert (watch.stage()["epoch"], watch.stage()["reconnects"]) == (1, 1)


async def test_latency_is_of_the_last_minute_in_parts_and_in_total() -> None:
    watch = Watch()
    await dance(watch, *["HO"] * 5, latency=10.0)
    watch.now += 100
    await dance(watch, *["HO"] * 19, latency=0.1)
    await dance(watch, "HO", latency=1.0)
    latency = watch.stage()["latency"]
    assert list(latency) == ["capture", "pose", "classify", "send", "total"]
    assert latency["pose"]["p50"] == pytest.approx(0.1)
    assert 0.1 < latency["pose"]["p95"] < 1.0
    # The builder of messages has classifying take half as long as the pose.
    assert latency["total"]["p50"] == pytest.approx(0.15)


async def test_only_the_last_ten_minutes_are_kept() -> None:
    watch = Watch()
    await dance(watch, *(["HO", None] * 500))
    history = watch.stage()["history"]
    assert watch.now - history[1]["at"] <= 600
    assert len(history) <= 602
