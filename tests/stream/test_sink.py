import asyncio
import json
import logging
from typing import Self

import pytest

from dancetype.engine.errors import SinkError
from dancetype.stream.messages import PredictionMessage, SourceMessage, parse_message
from dancetype.stream.sink import SinkFanOut
from tests.messages import changed

MESSAGE = changed()


class Recorder:
    """An outlet that notes what it is asked to do, and raises `faults` one by one on sending."""

    def __init__(self, *faults: Exception, refuses: bool = False) -> None:
        self.faults = list(faults)
        self.refuses = refuses
        self.texts: list[str] = []
        self.running = False

    async def __aenter__(self) -> Self:
        if self.refuses:
            raise SinkError("no room; make some")
        self.running = True
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.running = False

    async def send(self, message: PredictionMessage | SourceMessage, text: str) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.texts.append(text)


async def test_every_outlet_gets_the_same_json() -> None:
    recorders = [Recorder(), Recorder()]
    async with SinkFanOut(recorders) as outlets:
        await outlets.send(MESSAGE)
    assert [recorder.texts for recorder in recorders] == [[MESSAGE.model_dump_json()]] * 2
    assert parse_message(recorders[0].texts[0]) == MESSAGE
    assert json.loads(recorders[0].texts[0])["state"] == "running"


async def test_an_outlet_that_raises_does_not_stop_the_others() -> None:
    broken, whole = Recorder(OSError("disk full")), Recorder()
    async with SinkFanOut([broken, whole]) as outlets:
        await outlets.send(MESSAGE)
        await outlets.send(MESSAGE)
    assert len(whole.texts) == 2
    assert len(broken.texts) == 1


async def test_a_fault_is_logged_once_for_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    broken = Recorder(OSError("disk full"), OSError("disk full"), ValueError("odd"))
    with caplog.at_level(logging.WARNING):
        async with SinkFanOut([broken]) as outlets:
            for _ in range(3):
                await outlets.send(MESSAGE)
    assert [record.getMessage() for record in caplog.records] == [
        "sink_failed sink='Recorder' error='disk full'",
        "sink_failed sink='Recorder' error='odd'",
    ]


async def test_outlets_run_while_entered_and_no_longer() -> None:
    recorder = Recorder()
    async with SinkFanOut([recorder]):
        assert recorder.running
    assert not recorder.running


async def test_an_outlet_that_cannot_stop_keeps_no_other_from_stopping(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Stuck(Recorder):
        async def __aexit__(self, *exception: object) -> None:
            await others.wait()
            raise OSError("still full")

    class Last(Recorder):
        async def __aexit__(self, *exception: object) -> None:
            await super().__aexit__()
            others.set()

    others, last = asyncio.Event(), Last()
    async with SinkFanOut([last, Stuck(), Recorder()]):
        pass
    assert not last.running
    assert "sink_failed sink='Stuck' error='still full'" in caplog.text


async def test_where_one_outlet_cannot_start_none_stays_running() -> None:
    first = Recorder()
    with pytest.raises(SinkError, match="no room"):
        async with SinkFanOut([first, Recorder(refuses=True)]):
            pytest.fail("entered")
    assert not first.running
