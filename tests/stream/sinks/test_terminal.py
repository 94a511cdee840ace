from io import StringIO

from rich.console import Console

from dancetype.engine.errors import Fault
from dancetype.engine.genres import CODES
from dancetype.engine.rolling import Status
from dancetype.stream.messages import (
    DancerAnswer,
    FrameCounts,
    Latency,
    PredictionMessage,
    PredictionTimes,
    SourceMessage,
    SourceState,
    SourceTimes,
)
from dancetype.stream.sinks.terminal import TerminalSink
from tests.stream.said import changed

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
    async with TerminalSink(console) as outlet:
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


def a_duet() -> PredictionMessage:
    first = prediction(Status.GENRE, "WA")
    dancers = (
        DancerAnswer(id=2, **first.model_dump(include=ANSWER)),
        DancerAnswer(id=1, **prediction(Status.NOT_SURE).model_dump(include=ANSWER)),
    )
    return first.model_copy(update={"dancers": dancers})


async def test_several_dancers_are_told_with_their_ids() -> None:
    assert await shown(a_duet(), terminal=False) == ("cam: 2 waack, 1 not sure (50%, 30 poses/s)\n")


def last_row(text: str) -> list[str]:
    """What the table holds of the source in the end, line by line."""
    lines = text.splitlines()
    last = max(number for number, line in enumerate(lines) if line.startswith(" cam"))
    return lines[last:]


async def test_a_terminal_shows_a_table_that_keeps_up() -> None:
    text = await shown(
        changed(SourceState.RUNNING, "cam"),
        prediction(Status.WARMING_UP),
        prediction(Status.GENRE, "WA", seq=1),
        terminal=True,
    )
    for part in ("running", "waack", "51%", "30", "42 ms", "1 of 10"):
        assert part in last_row(text)[0]


async def test_numbers_alone_are_drawn_once_a_second_and_words_at_once() -> None:
    def at(sent: float, genre: str) -> PredictionMessage:
        message = prediction(Status.GENRE, genre)
        times = message.times.model_copy(update={"sent": sent})
        return message.model_copy(update={"times": times, "confidence": sent / 100})

    out = StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    drawn = []
    async with TerminalSink(console) as outlet:
        for message in (
            at(50, "WA"),
            at(50.25, "WA"),
            at(50.5, "LO"),
            at(51.25, "LO"),
            at(53, "LO"),
        ):
            before = len(out.getvalue())
            await outlet.send(message, "")
            drawn.append(len(out.getvalue()) > before)
        await outlet.send(at(53.9, "LO"), "")
    assert drawn == [True, False, True, False, True]
    assert "54%" in last_row(out.getvalue())[0]


async def test_the_table_shows_no_genre_of_a_source_that_gives_no_frames() -> None:
    text = await shown(
        changed(SourceState.RUNNING, "cam"),
        prediction(Status.GENRE, "WA"),
        changed(SourceState.STALLED, "cam", reason="no frame for 2 s"),
        terminal=True,
    )
    assert "stalled, no frame for 2 s" in last_row(text)[0]
    assert "waack" not in "".join(last_row(text))


async def test_the_table_gives_each_of_several_dancers_a_line() -> None:
    text = await shown(changed(SourceState.RUNNING, "cam"), a_duet(), terminal=True)
    first, second = last_row(text)[:2]
    assert "2 waack" in first
    assert "50%" in first
    assert "1 not sure" in second
    assert "%" not in second


async def test_the_table_takes_nothing_that_a_source_says_for_markup() -> None:
    text = await shown(changed(SourceState.FAILED, "cam", reason="[bold]x[/]"), terminal=True)
    assert "[bold]x[/]" in last_row(text)[0]
