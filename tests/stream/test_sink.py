import asyncio
import json
import logging
from typing import Self

import pytest

from dancetype.engine.errors import SinkError
from dancetype.stream.messages import PredictionMessage, SourceMessage, parse_message
from dancetype.stream.sink import SinkFanOut
from tests.messages import make_source_message

MESSAGE = make_source_message()


class FakeSink:
    """Sink that records texts; `send` raises the errors one by one first.

    Args:
        errors: Errors that `send` raises.
        cannot_start: Whether starting fails.
    """

    def __init__(self, *errors: Exception, cannot_start: bool = False) -> None:
        self.errors = list(errors)
        self.cannot_start = cannot_start
        self.texts: list[str] = []
        self.running = False

    async def __aenter__(self) -> Self:
        if self.cannot_start:
            raise SinkError("disk full")
        self.running = True
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.running = False

    async def send(self, message: PredictionMessage | SourceMessage, text: str) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.texts.append(text)


async def test_every_sink_receives_the_same_json() -> None:
    sinks = [FakeSink(), FakeSink()]
    async with SinkFanOut(sinks) as fan_out:
        await fan_out.send(MESSAGE)
    assert [sink.texts for sink in sinks] == [[MESSAGE.model_dump_json()]] * 2
    assert parse_message(sinks[0].texts[0]) == MESSAGE
    assert json.loads(sinks[0].texts[0])["state"] == "running"


async def test_error_in_a_sink_does_not_affect_the_others() -> None:
    failing, working = FakeSink(OSError("disk full")), FakeSink()
    async with SinkFanOut([failing, working]) as fan_out:
        await fan_out.send(MESSAGE)
        await fan_out.send(MESSAGE)
    assert len(working.texts) == 2
    assert len(failing.texts) == 1


async def test_each_type_of_error_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    failing = FakeSink(OSError("disk full"), OSError("disk full"), ValueError("odd"))
    with caplog.at_level(logging.WARNING):
        async with SinkFanOut([failing]) as fan_out:
            for _ in range(3):
                await fan_out.send(MESSAGE)
    assert [record.getMessage() for record in caplog.records] == [
        "sink_failed sink='FakeSink' error='disk full'",
        "sink_failed sink='FakeSink' error='odd'",
    ]


async def test_sinks_run_between_enter_and_exit() -> None:
    sink = FakeSink()
    async with SinkFanOut([sink]):
        assert sink.running
    assert not sink.running


async def test_sink_that_cannot_stop_does_not_prevent_others_from_stopping(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class WaitingSink(FakeSink):
        async def __aexit__(self, *exception: object) -> None:
            await other_stopped.wait()
            raise OSError("still full")

    class OtherSink(FakeSink):
        async def __aexit__(self, *exception: object) -> None:
            await super().__aexit__()
            other_stopped.set()

    other_stopped, other = asyncio.Event(), OtherSink()
    async with SinkFanOut([other, WaitingSink(), FakeSink()]):
        pass
    assert not other.running
    assert "sink_failed sink='WaitingSink' error='still full'" in caplog.text


async def test_sinks_are_stopped_if_one_cannot_start() -> None:
    first = FakeSink()
    with pytest.raises(SinkError, match="disk full"):
        async with SinkFanOut([first, FakeSink(cannot_start=True)]):
            pytest.fail("entered")
    assert not first.running
