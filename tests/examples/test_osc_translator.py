import asyncio
import re
from typing import Any

import pytest

from dancetype.stream.messages import SourceState
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.osc import OscSink
from tests.examples.script import EXAMPLES, Script, load_example
from tests.messages import make_prediction, make_source_message
from tests.stream.sinks.test_osc import receiver

translator = load_example("osc_translator")


@pytest.mark.parametrize(
    ("factor", "value", "sent"),
    [
        (None, 1.0, []),
        (None, 0.0, None),
        (1, 1.0, [1]),
        (1, 0.0, [0]),
        (100.0, 0.25, [25.0]),
        (1, "house", None),
    ],
)
def test_rule_sends_a_trigger_a_switch_or_a_scaled_value(
    factor: float | None, value: Any, sent: list[Any] | None
) -> None:
    values = translator.Rule("on/HO", "/cue", factor).translate(value)
    assert values == sent
    assert [type(each) for each in values or []] == [type(each) for each in sent or []]


@pytest.mark.parametrize(
    ("program", "begin", "end"),
    [
        ("qlab", {"/cue/house/start": ()}, {"/cue/krump/start": ()}),
        (
            "grandma3",
            {"/Page1/Key201": (1,), "/Page1/Fader204": (75.0,)},
            {"/Page1/Key201": (0,), "/Page1/Key202": (1,), "/Page1/Fader204": (50.0,)},
        ),
        (
            "resolume",
            {
                "/composition/columns/1/connect": (1,),
                "/composition/layers/1/video/opacity": (0.75,),
            },
            {
                "/composition/columns/1/connect": (0,),
                "/composition/columns/2/connect": (1,),
                "/composition/layers/1/video/opacity": (0.5,),
            },
        ),
    ],
)
async def test_messages_of_the_real_sink_reach_the_receiver_at_its_addresses(
    program: str, begin: dict[str, Any], end: dict[str, Any]
) -> None:
    async with receiver() as (port, received):
        arguments = (program, f"127.0.0.1:{port}", "--port", "0")
        with Script(EXAMPLES / "osc_translator.py", *arguments) as script:
            line = await asyncio.to_thread(script.line, "from port", within=20)
            async with SinkFanOut([OscSink(f"127.0.0.1:{re.findall('[0-9]+', line)[0]}")]) as sinks:
                await sinks.send(make_source_message(SourceState.RUNNING))
                for genre, confidence, expected in (("HO", 0.75, begin), ("KR", 0.5, end)):
                    await sinks.send(make_prediction(genre=genre, confidence=confidence))
                    arrived = [await asyncio.wait_for(received.get(), 5) for _ in expected]
                    assert {address: tuple(values) for address, *values in arrived} == expected


def test_receiver_without_a_port_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        translator.main(["qlab", "10.0.0.2"])
    assert "10.0.0.2 is not an address and a port" in capsys.readouterr().err
