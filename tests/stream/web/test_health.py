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
from tests.messages import changed, predicted


class Machine:
    """A machine with a monotonic and a wall clock, and the health of what runs there."""

    def __init__(self) -> None:
        self.monotonic = 100.0
        self.wall = 1000.0
        self.clock = Clock.start(lambda: self.monotonic, lambda: self.wall)
        self.state = RunState(self.clock)
        self.health = Health(self.state)

    @property
    def now(self) -> float:
        return self.clock.unix(self.monotonic)

    def passes(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds

    async def says(self, *messages: PredictionMessage | SourceMessage) -> None:
        for message in messages:
            await self.state.send(message, "")

    async def sees(self, source: str = "stage") -> None:
        await self.says(predicted(source, capture=self.now))


@pytest.fixture
def machine() -> Machine:
    return Machine()


def body(page: Page) -> dict[str, Any]:
    assert page.kind == "application/json"
    fields: dict[str, Any] = json.loads(page.body)
    return fields


async def test_a_process_is_live_whatever_its_sources_do(machine: Machine) -> None:
    await machine.says(changed(SourceState.FAILED))
    page = machine.health.live(authorised=False)
    assert (page.status, body(page)) == (HTTPStatus.OK, {"status": "ok"})


async def test_who_may_know_learns_the_state_of_each_source(machine: Machine) -> None:
    await machine.says(
        changed(SourceState.CONNECTING, "left"),
        changed(SourceState.RUNNING, "left"),
        changed(SourceState.FAILED, "right"),
    )
    page = machine.health.live(authorised=True)
    assert body(page) == {"status": "ok", "sources": {"left": "running", "right": "failed"}}


def test_before_the_first_message_nothing_is_ready(machine: Machine) -> None:
    page = machine.health.ready(authorised=False)
    assert page.status is HTTPStatus.SERVICE_UNAVAILABLE
    reason = "no source has had a frame in the last 10 s"
    assert body(page) == {"status": "not_ready", "reason": reason}


async def test_a_source_that_runs_is_not_ready_before_its_first_frame(machine: Machine) -> None:
    await machine.says(changed(SourceState.RUNNING))
    assert machine.health.ready(authorised=False).status is HTTPStatus.SERVICE_UNAVAILABLE


async def test_one_source_with_a_fresh_frame_is_enough(machine: Machine) -> None:
    await machine.says(changed(SourceState.FAILED, "left"))
    await machine.sees("right")
    page = machine.health.ready(authorised=False)
    assert (page.status, body(page)) == (HTTPStatus.OK, {"status": "ready"})


@pytest.mark.parametrize(
    ("seconds", "status"), [(10.0, HTTPStatus.OK), (10.1, HTTPStatus.SERVICE_UNAVAILABLE)]
)
async def test_a_frame_is_fresh_for_ten_seconds(
    machine: Machine, seconds: float, status: HTTPStatus
) -> None:
    await machine.sees()
    machine.passes(seconds)
    assert machine.health.ready(authorised=False).status is status


async def test_frames_count_and_not_what_a_source_says_of_itself(machine: Machine) -> None:
    await machine.sees()
    machine.passes(60)
    await machine.says(changed(SourceState.RUNNING, sent=machine.now))
    assert machine.health.ready(authorised=False).status is HTTPStatus.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
async def test_a_jump_of_the_wall_clock_makes_no_frame_older_or_younger(
    machine: Machine, jump: float
) -> None:
    await machine.sees()
    machine.wall += jump
    machine.passes(9)
    assert machine.health.ready(authorised=False).status is HTTPStatus.OK
    machine.passes(2)
    assert machine.health.ready(authorised=False).status is HTTPStatus.SERVICE_UNAVAILABLE


async def test_who_may_know_learns_which_source_is_in_which_state_since_when(
    machine: Machine,
) -> None:
    await machine.sees()
    machine.passes(20)
    for seconds in (0, 5):
        machine.passes(seconds)
        await machine.says(
            changed(
                SourceState.RECONNECTING,
                fault=Fault.TIMED_OUT,
                reason=f"try {seconds}",
                sent=machine.now,
            )
        )
    assert body(machine.health.ready(authorised=True))["sources"] == {
        "stage": {
            "state": "reconnecting",
            "since": 1020.0,
            "fault": "timed_out",
            "reason": "try 5",
            "frame_age": 25.0,
        }
    }


async def test_nobody_else_learns_anything_of_the_sources(machine: Machine) -> None:
    await machine.says(changed(SourceState.FAILED, "dressing-room", reason="no such device"))
    pages = [machine.health.live(authorised=False), machine.health.ready(authorised=False)]
    assert not any(b"dressing" in page.body or b"device" in page.body for page in pages)
