import json
from http import HTTPStatus
from typing import Any

import pytest

from dancetype.engine.errors import Fault
from dancetype.stream.clock import Clock
from dancetype.stream.messages import PredictionMessage, SourceMessage, SourceState
from dancetype.stream.run_state import RunState
from dancetype.stream.web.health import Health
from dancetype.stream.web.pages import Page
from tests.messages import make_prediction, make_source_message


class HealthSetup:
    """Health checks of a run, with a monotonic and a wall clock set by the test."""

    def __init__(self) -> None:
        self.monotonic = 100.0
        self.wall = 1000.0
        self.clock = Clock.start(lambda: self.monotonic, lambda: self.wall)
        self.state = RunState(self.clock)
        self.health = Health(self.state)

    @property
    def now(self) -> float:
        return self.clock.unix(self.monotonic)

    def advance(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds

    async def receive(self, *messages: PredictionMessage | SourceMessage) -> None:
        for message in messages:
            await self.state.send(message, "")

    async def receive_prediction(self, source: str = "stage") -> None:
        await self.receive(make_prediction(source, capture=self.now))


@pytest.fixture
def setup() -> HealthSetup:
    return HealthSetup()


def body(page: Page) -> dict[str, Any]:
    assert page.media_type == "application/json"
    fields: dict[str, Any] = json.loads(page.body)
    return fields


async def test_process_is_live_even_if_a_source_failed(setup: HealthSetup) -> None:
    await setup.receive(make_source_message(SourceState.FAILED))
    page = setup.health.live(authorised=False)
    assert (page.status, body(page)) == (HTTPStatus.OK, {"status": "ok"})


async def test_authorised_liveness_includes_state_of_each_source(setup: HealthSetup) -> None:
    await setup.receive(
        make_source_message(SourceState.CONNECTING, "left"),
        make_source_message(SourceState.RUNNING, "left"),
        make_source_message(SourceState.FAILED, "right"),
    )
    page = setup.health.live(authorised=True)
    assert body(page) == {"status": "ok", "sources": {"left": "running", "right": "failed"}}


def test_not_ready_before_first_message(setup: HealthSetup) -> None:
    page = setup.health.ready(authorised=False)
    assert page.status is HTTPStatus.SERVICE_UNAVAILABLE
    reason = "no source has had a frame in the last 10 s"
    assert body(page) == {"status": "not_ready", "reason": reason}


async def test_running_source_is_not_ready_before_first_frame(setup: HealthSetup) -> None:
    await setup.receive(make_source_message(SourceState.RUNNING))
    assert setup.health.ready(authorised=False).status is HTTPStatus.SERVICE_UNAVAILABLE


async def test_ready_if_one_source_has_a_recent_frame(setup: HealthSetup) -> None:
    await setup.receive(make_source_message(SourceState.FAILED, "left"))
    await setup.receive_prediction("right")
    page = setup.health.ready(authorised=False)
    assert (page.status, body(page)) == (HTTPStatus.OK, {"status": "ready"})


@pytest.mark.parametrize(
    ("seconds", "status"), [(10.0, HTTPStatus.OK), (10.1, HTTPStatus.SERVICE_UNAVAILABLE)]
)
async def test_frame_is_recent_for_ten_seconds(
    setup: HealthSetup, seconds: float, status: HTTPStatus
) -> None:
    await setup.receive_prediction()
    setup.advance(seconds)
    assert setup.health.ready(authorised=False).status is status


async def test_readiness_depends_on_frames_and_not_on_source_state(setup: HealthSetup) -> None:
    await setup.receive_prediction()
    setup.advance(60)
    await setup.receive(make_source_message(SourceState.RUNNING, sent=setup.now))
    assert setup.health.ready(authorised=False).status is HTTPStatus.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
async def test_wall_clock_jump_does_not_change_frame_age(setup: HealthSetup, jump: float) -> None:
    await setup.receive_prediction()
    setup.wall += jump
    setup.advance(9)
    assert setup.health.ready(authorised=False).status is HTTPStatus.OK
    setup.advance(2)
    assert setup.health.ready(authorised=False).status is HTTPStatus.SERVICE_UNAVAILABLE


async def test_authorised_readiness_includes_state_fault_and_frame_age(
    setup: HealthSetup,
) -> None:
    await setup.receive_prediction()
    setup.advance(20)
    for seconds in (0, 5):
        setup.advance(seconds)
        await setup.receive(
            make_source_message(
                SourceState.RECONNECTING,
                fault=Fault.TIMED_OUT,
                reason=f"try {seconds}",
                sent=setup.now,
            )
        )
    assert body(setup.health.ready(authorised=True))["sources"] == {
        "stage": {
            "state": "reconnecting",
            "since": 1020.0,
            "fault": "timed_out",
            "reason": "try 5",
            "frame_age": 25.0,
        }
    }


async def test_unauthorised_responses_contain_nothing_about_sources(setup: HealthSetup) -> None:
    await setup.receive(
        make_source_message(SourceState.FAILED, "dressing-room", reason="no such device")
    )
    pages = [setup.health.live(authorised=False), setup.health.ready(authorised=False)]
    assert not any(b"dressing" in page.body or b"device" in page.body for page in pages)
