from io import StringIO
from typing import Any

from rich.console import Console

from dancetype.engine.errors import Fault
from dancetype.engine.rolling import Status
from dancetype.stream.clock import Clock
from dancetype.stream.messages import (
    Latency,
    PredictionMessage,
    PredictionTimes,
    SourceMessage,
    SourceState,
)
from dancetype.stream.run_state import RunState
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.terminal import TerminalSink
from tests.messages import dancer, make_prediction, make_source_message

LATENCY = Latency(capture=0.01, pose=0.03, classify=0.001, send=0.001)
CLOCK = Clock(lambda: 0.0, 0.0)


def prediction(
    status: Status, genre: str | None = None, *, seq: int = 0, **fields: Any
) -> PredictionMessage:
    fields = {"confidence": 0.5 + seq / 100, "capture": 1.0, **fields}
    return make_prediction(
        "cam",
        status=status,
        genre=genre,
        seq=seq,
        latency=LATENCY,
        frames=(10, 9, 1),
        fps=30.0,
        **fields,
    )


async def output(*messages: PredictionMessage | SourceMessage, terminal: bool) -> str:
    """Return the output for messages, on a terminal or elsewhere."""
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, color_system=None)
    state = RunState(CLOCK)
    async with SinkFanOut([state, TerminalSink(console, state)]) as sinks:
        for message in messages:
            await sinks.send(message)
    return out.getvalue()


async def test_log_has_a_line_for_each_change_of_genre_or_status() -> None:
    text = await output(
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


async def test_person_who_does_not_dance_is_shown_as_such() -> None:
    text = await output(
        prediction(Status.NOT_SURE, dancing=0.8),
        prediction(Status.NOT_SURE, dancing=0.1, confidence=0.05),
        terminal=False,
    )
    assert text.splitlines() == [
        "cam: not sure (50%, 30 poses/s)",
        "cam: not dancing (5%, 30 poses/s)",
    ]


async def test_log_has_source_states_with_their_reasons_on_one_line() -> None:
    reason = "[bold]no such file[/bold] " + "x" * 200
    failed = make_source_message(SourceState.FAILED, "cam", reason=reason)
    assert (await output(failed, terminal=False)) == f"cam: failed, {failed.reason}\n"


async def test_repeated_reconnect_attempts_are_one_line() -> None:
    attempts = [
        make_source_message(
            SourceState.RECONNECTING,
            "cam",
            epoch=epoch,
            reason=f"retrying in {epoch} s",
            fault=fault,
        )
        for epoch, fault in enumerate([Fault.REFUSED, Fault.REFUSED, Fault.TIMED_OUT])
    ]
    text = await output(*attempts, terminal=False)
    assert text.splitlines() == [
        "cam: reconnecting, retrying in 0 s",
        "cam: reconnecting, retrying in 2 s",
    ]


def two_dancers() -> PredictionMessage:
    dancers = dancer(2, "WA", confidence=0.5), dancer(1, status=Status.NOT_SURE, confidence=0.5)
    return prediction(Status.GENRE, "WA", dancers=dancers)


async def test_several_dancers_are_shown_with_their_ids() -> None:
    assert await output(two_dancers(), terminal=False) == (
        "cam: 2 waack, 1 not sure (50%, 30 poses/s)\n"
    )


def last_row(text: str) -> list[str]:
    """Return the lines of the source in the final table."""
    lines = text.splitlines()
    last = max(number for number, line in enumerate(lines) if line.startswith(" cam"))
    return lines[last:]


async def test_table_on_a_terminal_is_updated() -> None:
    text = await output(
        make_source_message(SourceState.RUNNING, "cam"),
        prediction(Status.WARMING_UP),
        prediction(Status.GENRE, "WA", seq=1),
        terminal=True,
    )
    for part in ("running", "waack", "51%", "30", "42 ms", "1 of 10"):
        assert part in last_row(text)[0]


async def test_numbers_are_drawn_once_a_second_and_other_changes_immediately() -> None:
    def at(sent: float, genre: str) -> PredictionMessage:
        times = PredictionTimes(sent=sent, capture=1.0, pose=2.0, window_end=1.0)
        return prediction(Status.GENRE, genre, times=times, confidence=sent / 100)

    out = StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    is_drawn = []
    state = RunState(CLOCK)
    async with SinkFanOut([state, TerminalSink(console, state)]) as sinks:
        for message in (
            at(50, "WA"),
            at(50.25, "WA"),
            at(50.5, "LO"),
            at(51.25, "LO"),
            at(53, "LO"),
        ):
            length_before = len(out.getvalue())
            await sinks.send(message)
            is_drawn.append(len(out.getvalue()) > length_before)
        await sinks.send(at(53.9, "LO"))
    assert is_drawn == [True, False, True, False, True]
    assert "54%" in last_row(out.getvalue())[0]


async def test_table_shows_no_genre_while_a_source_is_stalled() -> None:
    text = await output(
        make_source_message(SourceState.RUNNING, "cam"),
        prediction(Status.GENRE, "WA"),
        make_source_message(SourceState.STALLED, "cam", reason="no frame for 2 s"),
        terminal=True,
    )
    assert "stalled, no frame for 2 s" in last_row(text)[0]
    assert "waack" not in "".join(last_row(text))


async def test_table_has_a_line_for_each_of_several_dancers() -> None:
    text = await output(
        make_source_message(SourceState.RUNNING, "cam"), two_dancers(), terminal=True
    )
    first, second = last_row(text)[:2]
    assert "2 waack" in first
    assert "50%" in first
    assert "1 not sure" in second
    assert "%" not in second


async def test_table_does_not_interpret_markup_in_reasons() -> None:
    text = await output(
        make_source_message(SourceState.FAILED, "cam", reason="[bold]x[/]"), terminal=True
    )
    assert "[bold]x[/]" in last_row(text)[0]
