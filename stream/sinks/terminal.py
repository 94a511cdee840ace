"""Sink that shows sources and predictions on the terminal, as a live table or as lines."""

import math
from collections.abc import Sequence
from typing import Final, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dancetype.stream.messages import (
    DancerResult,
    Message,
    PredictionMessage,
    SourceMessage,
    SourceState,
    status_text,
)
from dancetype.stream.run_state import RunState
from dancetype.stream.sink import Sink

# Minimum seconds between two updates of the table if only numbers change: drawing it takes longer
# than all other processing of a message.
_DRAW_INTERVAL: Final = 1.0
_STATE_STYLES: Final = {SourceState.RUNNING: "green", SourceState.FAILED: "red"}


class TerminalSink(Sink):
    """Sink that shows the state and the current prediction of each source.

    On a terminal this is a live table whose numbers change once a second. Elsewhere, such as in a
    log file, each change is a line.

    Args:
        console: Output.
        state: State of the run, which is updated before this sink.
    """

    def __init__(self, console: Console, state: RunState) -> None:
        self._console = console
        self._state = state
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._drawn_at = -math.inf

    async def __aenter__(self) -> Self:
        """Start the table."""
        if self._live:
            self._live.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Draw the final table and leave it on the terminal."""
        if self._live:
            self._live.update(self._table())
            self._live.stop()

    async def send(self, message: Message, text: str) -> None:
        """Show the changes in `message`."""
        previous = self._state.sources[message.source].previous
        changed = previous is None or _key_text(previous) != _key_text(message)
        if self._live:
            changed = changed or isinstance(message, SourceMessage)
            if changed or message.times.sent - self._drawn_at >= _DRAW_INTERVAL:
                self._drawn_at = message.times.sent
                self._live.update(self._table(), refresh=True)
        elif changed:
            line = f"{message.source}: {headline(message)}{_numbers(message)}"
            self._console.print(Text(line), soft_wrap=True)

    def _table(self) -> Table:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("source", style="bold")
        table.add_column("state", max_width=40)
        table.add_column("poses/s", justify="right")
        table.add_column("genre", min_width=16)
        table.add_column("confidence", justify="right")
        table.add_column("latency", justify="right", no_wrap=True)
        table.add_column("dropped", justify="right", no_wrap=True)
        for source, run in self._state.sources.items():
            cells = _cells(run.latest) if isinstance(run.latest, PredictionMessage) else ()
            table.add_row(Text(source), _state(run.state), *cells)
        return table


def headline(message: Message) -> str:
    """Return the text of a message without its numbers."""
    if isinstance(message, SourceMessage):
        return f"{message.state.value}, {message.reason}" if message.reason else message.state.value
    if len(message.dancers) > 1:
        return ", ".join(f"{dancer.id} {_genre_text(dancer)}" for dancer in message.dancers)
    return _genre_text(message)


def _genre_text(result: PredictionMessage | DancerResult) -> str:
    return result.name or status_text(result.status, result.dancing)


def _key_text(message: Message) -> str:
    """Return the part of a message whose change is shown immediately: text without numbers."""
    if isinstance(message, SourceMessage):
        return f"{message.state.value} {message.fault}"
    return headline(message)


def _numbers(message: Message) -> str:
    if isinstance(message, SourceMessage) or not message.window:
        return ""
    return f" ({message.confidence:.0%}, {message.fps:.0f} poses/s)"


def _state(message: SourceMessage | None) -> Text:
    if message is None:
        return Text("")
    return Text(headline(message), _STATE_STYLES.get(message.state, "yellow"))


def _cells(message: PredictionMessage) -> tuple[RenderableType, ...]:
    """Return the columns from `poses/s` on; several dancers have a line each."""
    several = len(message.dancers) > 1
    results: Sequence[PredictionMessage | DancerResult] = message.dancers if several else [message]
    genres = [
        Text(
            f"{result.id} {_genre_text(result)}"
            if isinstance(result, DancerResult)
            else _genre_text(result),
            "bold" if result.genre else "dim",
        )
        for result in results
    ]
    # Without a genre, a confidence would be misleading.
    confidences = [f"{result.confidence:.0%}" if result.genre else "" for result in results]
    latency = sum(message.latency.model_dump().values())
    return (
        f"{message.fps:.0f}",
        Text("\n").join(genres),
        "\n".join(confidences),
        f"{latency * 1000:.0f} ms",
        f"{message.frames.dropped} of {message.frames.captured}",
    )
