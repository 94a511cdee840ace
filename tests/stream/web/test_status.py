import json
from typing import Any

import pytest

from dancetype.engine.rolling import Status
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message, SourceState
from dancetype.stream.run_state import RunState
from dancetype.stream.web.status import StatusPage
from tests.messages import make_body, make_prediction, make_source_message


class StatusSetup:
    """Status page with a clock set by the test."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.state = RunState(Clock(lambda: self.now, 0.0))
        self.status_page = StatusPage(
            program="1.2.3",
            model="live",
            provider="CPU",
            genres={"HO": "house", "SALSA": "salsa"},
            preview=False,
            note="a rehearsal",
            state=self.state,
        )

    async def receive(self, message: Message) -> None:
        await self.state.send(message, "")

    def status(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.status_page.page(True).body)
        return fields

    def source_status(self) -> dict[str, Any]:
        fields: dict[str, Any] = self.status()["sources"]["stage"]
        return fields


async def predict(setup: StatusSetup, *genres: str | None, latency: float = 0.1) -> None:
    """Let the page receive one prediction per second."""
    for genre in genres:
        setup.now += 1
        status = Status.GENRE if genre else Status.NOT_SURE
        await setup.receive(
            make_prediction(
                status=status, genre=genre, capture=setup.now - latency, latency=latency
            )
        )


async def test_status_contains_program_model_and_connections() -> None:
    setup = StatusSetup()
    setup.state.clients = lambda: {"connected": 3, "most": 256}
    setup.state.broker_connections = lambda: {"stage": True}
    setup.state.shared_sources = lambda: ["stage"]
    status = setup.status()
    assert status["genres"] == {"HO": "house", "SALSA": "salsa"}
    assert (status["version"], status["program"], status["model"]) == (1, "1.2.3", "live")
    assert status["clients"] == {"connected": 3, "most": 256}
    assert status["mqtt"] == {"connected": {"stage": True}, "shared": ["stage"]}
    assert status["now"] == 1000.0
    assert status["note"] == "a rehearsal"


def test_mqtt_is_null_without_a_broker() -> None:
    assert StatusSetup().status()["mqtt"] is None


def test_unauthorised_request_gets_401() -> None:
    page = StatusSetup().status_page.page(False)
    assert page.status == 401
    assert b"SALSA" not in page.body


async def test_history_contains_each_change_of_status_or_genre() -> None:
    setup = StatusSetup()
    await predict(setup, None, "HO", "HO", None)
    changes = [
        (change["at"], change["status"], change["genre"])
        for change in setup.source_status()["history"]
    ]
    assert changes == [
        (1001.0, "not_sure", None),
        (1002.0, "genre", "HO"),
        (1004.0, "not_sure", None),
    ]


async def test_silence_starts_when_the_last_prediction_becomes_stale() -> None:
    setup = StatusSetup()
    await predict(setup, "HO")
    setup.now += 30
    assert setup.source_status()["history"][-1] == {"at": 1002.5, "status": "silent", "genre": None}
    await predict(setup, "HO")
    assert [change["status"] for change in setup.source_status()["history"]] == [
        "genre",
        "silent",
        "genre",
    ]


async def test_lost_source_is_silent_and_its_return_counts_as_reconnect() -> None:
    setup = StatusSetup()
    await setup.receive(make_source_message(SourceState.RUNNING, sent=1000.0))
    await predict(setup, "HO")
    await setup.receive(
        make_source_message(SourceState.RECONNECTING, sent=1002.0, reason="no frame for 3 s")
    )
    lost = setup.source_status()
    assert (lost["state"], lost["reason"]) == ("reconnecting", "no frame for 3 s")
    assert (lost["since"], lost["fps"], lost["reconnects"]) == (1002.0, 0.0, 0)
    assert lost["history"][-1]["status"] == "silent"
    await setup.receive(make_source_message(SourceState.RUNNING, sent=1003.0, epoch=1))
    assert (setup.source_status()["epoch"], setup.source_status()["reconnects"]) == (1, 1)


async def test_hint_says_how_to_turn_an_image_with_a_sideways_body() -> None:
    setup = StatusSetup()
    for index in range(45):
        await setup.receive(make_body(index / 4, -90))
        assert (setup.source_status()["hint"] is not None) is (index >= 40)
    assert "clockwise by 90 with --rotate" in setup.source_status()["hint"]


async def test_latency_covers_the_last_minute_by_part_and_in_total() -> None:
    setup = StatusSetup()
    await predict(setup, *["HO"] * 5, latency=10.0)
    setup.now += 100
    await predict(setup, *["HO"] * 19, latency=0.1)
    await predict(setup, "HO", latency=1.0)
    latency = setup.source_status()["latency"]
    assert list(latency) == ["capture", "pose", "classify", "send", "total"]
    assert latency["pose"]["p50"] == pytest.approx(0.1)
    assert 0.1 < latency["pose"]["p95"] < 1.0
    # `make_prediction` sets the classification time to half of the pose time.
    assert latency["total"]["p50"] == pytest.approx(0.15)


async def test_history_keeps_only_the_last_ten_minutes() -> None:
    setup = StatusSetup()
    await predict(setup, *(["HO", None] * 500))
    history = setup.source_status()["history"]
    assert setup.now - history[1]["at"] <= 600
    assert len(history) <= 602
