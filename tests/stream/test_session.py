import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from typing import Self

import pytest

from dancetype.engine.genres import GENRES
from dancetype.stream.clock import Clock
from dancetype.stream.messages import PredictionMessage, SourceMessage, SourceState
from dancetype.stream.pipeline import Event
from dancetype.stream.session import Session
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sources.base import StateChanged

RUNNING = StateChanged(SourceState.RUNNING, 0)
ENDED = StateChanged(SourceState.ENDED, 0, "at its end", final=True)
FAILED = StateChanged(SourceState.FAILED, 0, "no such file", final=True)


class Listener:
    """An outlet that writes down what it gets."""

    def __init__(self) -> None:
        self.messages: list[PredictionMessage | SourceMessage] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        pass

    async def send(self, message: PredictionMessage | SourceMessage, text: str) -> None:
        self.messages.append(message)

    def said(self, source: str) -> list[str]:
        return [
            message.state.value
            for message in self.messages
            if isinstance(message, SourceMessage) and message.source == source
        ]


class FakePipeline:
    """Says what it is given as soon as it starts, and does what it is given after that."""

    def __init__(
        self,
        events: Sequence[Event],
        then: Callable[[], object] = lambda: None,
        *,
        ends: bool = True,
    ) -> None:
        self._events = events
        self._then = then
        self._ends = ends
        self.stopped = False
        self.on_event: Callable[[Event], None]

    def start(self, on_event: Callable[[Event], None]) -> None:
        self.on_event = on_event
        for event in self._events:
            on_event(event)
        self._then()

    def stop(self) -> None:
        self.stopped = True

    def join(self, timeout: float) -> bool:
        return self._ends and self.stopped


@pytest.fixture
def listener() -> Listener:
    return Listener()


def session(listener: Listener, **pipelines: FakePipeline) -> Session:
    clock = Clock(lambda: 5.0, 1000.0)
    return Session(pipelines, SinkFanOut([listener]), genres=GENRES, clock=clock)


def kill(number: signal.Signals) -> Callable[[], object]:
    return lambda: os.kill(os.getpid(), number)


async def test_a_session_ends_when_all_sources_have(listener: Listener) -> None:
    one = session(
        listener,
        a=FakePipeline([RUNNING, ENDED]),
        b=FakePipeline([RUNNING, ENDED]),
    )
    await one.run()
    assert listener.said("a") == listener.said("b") == ["running", "ended"]
    assert not one.failed
    assert not one.stuck


async def test_a_failed_source_does_not_stop_the_others(listener: Listener) -> None:
    one = session(
        listener,
        bad=FakePipeline([FAILED]),
        good=FakePipeline([RUNNING, ENDED]),
    )
    await one.run()
    assert listener.said("good") == ["running", "ended"]
    assert one.failed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_session_and_says_so(
    listener: Listener, number: signal.Signals
) -> None:
    one = session(listener, cam=FakePipeline([RUNNING], kill(number)))
    await one.run()
    last = listener.messages[-1]
    assert isinstance(last, SourceMessage)
    assert (last.state, last.reason) == (SourceState.ENDED, "stopped")
    assert not one.failed


async def test_a_session_ends_after_its_seconds(listener: Listener) -> None:
    await session(listener, cam=FakePipeline([RUNNING])).run(seconds=0.01)
    last = listener.messages[-1]
    assert isinstance(last, SourceMessage)
    assert last.reason == "stopped after 0.01 s"


async def test_a_session_on_another_thread_hears_no_signal_and_ends_when_it_is_told_to(
    listener: Listener,
) -> None:
    async def run() -> None:
        one = session(listener, cam=FakePipeline([RUNNING]))
        asyncio.get_running_loop().call_later(0.01, one.stop, "enough")
        await one.run(signals=())

    await asyncio.to_thread(lambda: asyncio.run(run()))
    last = listener.messages[-1]
    assert isinstance(last, SourceMessage)
    assert (last.state, last.reason) == (SourceState.ENDED, "enough")


async def test_a_thread_that_does_not_end_is_left_behind(listener: Listener) -> None:
    one = session(listener, cam=FakePipeline([RUNNING], ends=False))
    await one.run(seconds=0.01)
    assert one.stuck


async def test_a_source_that_was_failing_when_stopped_has_failed(listener: Listener) -> None:
    failing = StateChanged(SourceState.FAILED, 0, "refused; trying again")
    one = session(listener, cam=FakePipeline([failing], kill(signal.SIGTERM)))
    await one.run()
    assert one.failed


async def test_a_source_that_came_back_has_not_failed(listener: Listener) -> None:
    failing = StateChanged(SourceState.FAILED, 0, "refused; trying again")
    back = StateChanged(SourceState.RUNNING, 1)
    one = session(listener, cam=FakePipeline([failing, back], kill(signal.SIGTERM)))
    await one.run()
    assert not one.failed


async def test_nothing_follows_the_end_of_a_source(listener: Listener) -> None:
    await session(listener, cam=FakePipeline([FAILED, RUNNING, ENDED])).run()
    assert listener.said("cam") == ["failed"]


async def test_messages_of_a_source_are_numbered_and_timed(listener: Listener) -> None:
    await session(listener, cam=FakePipeline([RUNNING, ENDED])).run()
    assert [message.seq for message in listener.messages] == [0, 1]
    assert {message.times.sent for message in listener.messages} == {1005.0}


async def test_an_event_after_the_session_disturbs_nobody(listener: Listener) -> None:
    pipeline = FakePipeline([ENDED])
    await session(listener, cam=pipeline).run()
    pipeline.on_event(RUNNING)
    assert listener.said("cam") == ["ended"]


async def test_the_epochs_of_a_later_process_go_on_from_its_first(listener: Listener) -> None:
    ended = StateChanged(SourceState.ENDED, 1, "at its end", final=True)
    clock = Clock(lambda: 5.0, 1000.0)
    pipelines = {"cam": FakePipeline([RUNNING, ended])}
    await Session(
        pipelines, SinkFanOut([listener]), genres=GENRES, clock=clock, first_epoch=3
    ).run()
    assert [message.epoch for message in listener.messages] == [3, 4]
