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
ENDED = StateChanged(SourceState.ENDED, 0, "the source has ended", final=True)
FAILED = StateChanged(SourceState.FAILED, 0, "no such file", final=True)


class FakeSink:
    """Sink that records messages."""

    def __init__(self) -> None:
        self.messages: list[PredictionMessage | SourceMessage] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        pass

    async def send(self, message: PredictionMessage | SourceMessage, text: str) -> None:
        self.messages.append(message)

    def states(self, source: str) -> list[str]:
        return [
            message.state.value
            for message in self.messages
            if isinstance(message, SourceMessage) and message.source == source
        ]


class FakePipeline:
    """Pipeline that sends `events` on start, and then calls `then`.

    Its threads end on `stop`, unless `ends` is False.
    """

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
def sink() -> FakeSink:
    return FakeSink()


def make_session(sink: FakeSink, **pipelines: FakePipeline) -> Session:
    clock = Clock(lambda: 5.0, 1000.0)
    return Session(pipelines, SinkFanOut([sink]), genres=GENRES, clock=clock)


def send_signal(number: signal.Signals) -> Callable[[], object]:
    return lambda: os.kill(os.getpid(), number)


async def test_session_ends_when_all_sources_have_ended(sink: FakeSink) -> None:
    session = make_session(
        sink,
        a=FakePipeline([RUNNING, ENDED]),
        b=FakePipeline([RUNNING, ENDED]),
    )
    await session.run()
    assert sink.states("a") == sink.states("b") == ["running", "ended"]
    assert not session.failed
    assert not session.stuck


async def test_failed_source_does_not_stop_the_others(sink: FakeSink) -> None:
    session = make_session(
        sink,
        bad=FakePipeline([FAILED]),
        good=FakePipeline([RUNNING, ENDED]),
    )
    await session.run()
    assert sink.states("good") == ["running", "ended"]
    assert session.failed


async def test_source_with_invalid_results_does_not_end_the_others(sink: FakeSink) -> None:
    # It violates the schema, like any value that was not foreseen.
    invalid = StateChanged(SourceState.RUNNING, 0, fault="tired")  # type: ignore[arg-type]
    bad = FakePipeline([invalid])
    session = make_session(sink, bad=bad, good=FakePipeline([RUNNING, ENDED]))
    await session.run(seconds=5)
    assert sink.states("good") == ["running", "ended"]
    assert sink.states("bad") == ["failed"]
    assert bad.stopped
    assert session.failed


async def test_source_that_cannot_be_started_does_not_end_the_others(sink: FakeSink) -> None:
    def refuse() -> None:
        raise RuntimeError("can't start new thread")

    session = make_session(sink, bad=FakePipeline([], refuse), good=FakePipeline([RUNNING, ENDED]))
    await session.run(seconds=5)
    assert sink.states("good") == ["running", "ended"]
    assert sink.states("bad") == ["failed"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_stops_the_session_and_is_the_reason_of_the_last_message(
    sink: FakeSink, number: signal.Signals
) -> None:
    session = make_session(sink, cam=FakePipeline([RUNNING], send_signal(number)))
    await session.run()
    last = sink.messages[-1]
    assert isinstance(last, SourceMessage)
    assert (last.state, last.reason) == (SourceState.ENDED, "stopped")
    assert not session.failed


async def test_session_ends_after_its_duration(sink: FakeSink) -> None:
    await make_session(sink, cam=FakePipeline([RUNNING])).run(seconds=0.01)
    last = sink.messages[-1]
    assert isinstance(last, SourceMessage)
    assert last.reason == "stopped after 0.01 s"


async def test_session_on_another_thread_can_be_stopped_without_signals(
    sink: FakeSink,
) -> None:
    async def run() -> None:
        session = make_session(sink, cam=FakePipeline([RUNNING]))
        asyncio.get_running_loop().call_later(0.01, session.stop, "enough")
        await session.run(handle_signals=False)

    await asyncio.to_thread(lambda: asyncio.run(run()))
    last = sink.messages[-1]
    assert isinstance(last, SourceMessage)
    assert (last.state, last.reason) == (SourceState.ENDED, "enough")


async def test_session_with_a_thread_that_does_not_end_is_stuck(sink: FakeSink) -> None:
    session = make_session(sink, cam=FakePipeline([RUNNING], ends=False))
    await session.run(seconds=0.01)
    assert session.stuck


async def test_source_that_is_failing_when_stopped_counts_as_failed(sink: FakeSink) -> None:
    failing = StateChanged(SourceState.FAILED, 0, "refused; retrying")
    session = make_session(sink, cam=FakePipeline([failing], send_signal(signal.SIGTERM)))
    await session.run()
    assert session.failed


async def test_source_that_has_recovered_does_not_count_as_failed(sink: FakeSink) -> None:
    failing = StateChanged(SourceState.FAILED, 0, "refused; retrying")
    recovered = StateChanged(SourceState.RUNNING, 1)
    session = make_session(
        sink, cam=FakePipeline([failing, recovered], send_signal(signal.SIGTERM))
    )
    await session.run()
    assert not session.failed


async def test_events_after_the_final_one_are_ignored(sink: FakeSink) -> None:
    await make_session(sink, cam=FakePipeline([FAILED, RUNNING, ENDED])).run()
    assert sink.states("cam") == ["failed"]


async def test_messages_have_consecutive_numbers_and_the_time_of_sending(sink: FakeSink) -> None:
    await make_session(sink, cam=FakePipeline([RUNNING, ENDED])).run()
    assert [message.seq for message in sink.messages] == [0, 1]
    assert {message.times.sent for message in sink.messages} == {1005.0}


async def test_event_after_the_end_of_the_session_is_ignored(sink: FakeSink) -> None:
    pipeline = FakePipeline([ENDED])
    await make_session(sink, cam=pipeline).run()
    pipeline.on_event(RUNNING)
    assert sink.states("cam") == ["ended"]


async def test_epochs_start_with_the_first_epoch_of_the_session(sink: FakeSink) -> None:
    ended = StateChanged(SourceState.ENDED, 1, "the source has ended", final=True)
    clock = Clock(lambda: 5.0, 1000.0)
    pipelines = {"cam": FakePipeline([RUNNING, ended])}
    await Session(pipelines, SinkFanOut([sink]), genres=GENRES, clock=clock, first_epoch=3).run()
    assert [message.epoch for message in sink.messages] == [3, 4]
