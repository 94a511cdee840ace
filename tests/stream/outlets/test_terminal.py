from io import StringIO

from rich.console import Console

from engine.genres import CODES
from engine.rolling import Status
from stream.messages import (
    DancerAnswer,
    FrameCounts,
    Latency,
    PredictionMessage,
    PredictionTimes,
    SourceMessage,
    SourceState,
    SourceTimes,
)
from stream.outlets.terminal import TerminalOutlet
from stream.sources.base import Fault

ANSWER = {"status", "genre", "name", "confidence", "probabilities", "window"}


def prediction(status: Status, genre: str | None = None, *, seq: int = 0) -> PredictionMessage:
    return PredictionMessage(
        source="cam",
        epoch=0,
        seq=seq,
        status=status,
        genre=genre,
        name=genre and {"WA": "waack", "LO": "lock"}[genre],
        confidence=0.5 + seq / 100,
        probabilities=dict.fromkeys(CODES, 0.1),
        window=2.0,
        times=PredictionTimes(sent=4.0, capture=1.0, pose=2.0, window_end=1.0),
        latency=Latency(capture=0.01, pose=0.03, classify=0.001, send=0.001),
        frames=FrameCounts(captured=10, posed=9, dropped=1),
        fps=30.0,
    )


async def shown(*messages: PredictionMessage | SourceMessage, terminal: bool) -> str:
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, color_system=None)
    async with TerminalOutlet(console) as outlet:
        for message in messages:
            await outlet.send(message, message.model_dump_json())
    return out.getvalue()


async def test_a_log_gets_a_line_whenever_something_else_is_danced() -> None:
    text = await shown(
        prediction(Status.WARMING_UP),
        prediction(Status.GENRE, "WA", seq=1),
        prediction(Status.GENRE, "WA", seq=2),
        prediction(Status.GENRE, "LO", seq=3),
        prediction(Status.NOT_SURE, seq=4),
        terminal=False,
    )
    assert text.splitlines() == [
        "cam: warming up (50%, 30 poses/s)",
        "cam: waack (51%, 30 poses/s)",
        "cam: lock (53%, 30 poses/s)",
        "cam: not sure (54%, 30 poses/s)",
    ]


async def test_a_log_gets_the_states_of_a_source_with_their_reasons_on_one_line() -> None:
    failed = SourceMessage(
        source="cam",
        epoch=0,
        seq=0,
        state=SourceState.FAILED,
        reason="[bold]no such file[/bold] " + "x" * 200,
        times=SourceTimes(sent=1.0),
    )
    assert (await shown(failed, terminal=False)) == f"cam: failed, {failed.reason}\n"


async def test_tries_in_vain_to_reconnect_are_one_line() -> None:
    tries = [
        SourceMessage(
            source="cam",
            epoch=epoch,
            seq=epoch,
            state=SourceState.RECONNECTING,
            reason=f"trying again in {epoch} s",
            fault=fault,
            times=SourceTimes(sent=1.0),
        )
        for epoch, fault in enumerate([Fault.REFUSED, Fault.REFUSED, Fault.TIMED_OUT])
    ]
    text = await shown(*tries, terminal=False)
    assert text.splitlines() == [
        "cam: reconnecting, trying again in 0 s",
        "cam: reconnecting, trying again in 2 s",
    ]


async def test_several_dancers_are_told_with_their_ids() -> None:
    first = prediction(Status.GENRE, "WA")
    dancers = (
        DancerAnswer(id=2, **first.model_dump(include=ANSWER)),
        DancerAnswer(id=1, **prediction(Status.NOT_SURE).model_dump(include=ANSWER)),
    )
    text = await shown(first.model_copy(update={"dancers": dancers}), terminal=False)
    assert text == "cam: 2 waack, 1 not sure (50%, 30 poses/s)\n"


async def test_a_terminal_shows_a_table_that_keeps_up() -> None:
    text = await shown(
        prediction(Status.WARMING_UP), prediction(Status.GENRE, "WA", seq=1), terminal=True
    )
    last = [line for line in text.splitlines() if "cam" in line][-1]
    for part in ("cam", "waack", "51%", "30", "42 ms", "1 of 10"):
        assert part in last
