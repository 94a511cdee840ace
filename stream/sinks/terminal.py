"""A table, or lines, on the terminal."""

import math
from collections.abc import Sequence
from typing import Final, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dancetype.engine.rolling import Status
from dancetype.stream.messages import (
    DancerResult,
    Message,
    PredictionMessage,
    SourceMessage,
    SourceState,
)
from dancetype.stream.run_state import RunState
from dancetype.stream.sink import Sink

_WORDS: Final = {
    Status.WARMING_UP: "warming up",
    Status.NO_PERSON: "no person in sight",
    Status.NOT_SURE: "not sure",
}
# Seconds between two drawings of the table if only numbers change: drawing takes longer than
# everything else that is done with a message.
_PAUSE: Final = 1.0
_STATE_STYLES: Final = {SourceState.RUNNING: "green", SourceState.FAILED: "red"}


class TerminalSink(Sink):
    """Shows the state of each source and the current prediction.

    On a terminal this is a live table whose numbers change once a second; elsewhere, such as in a
    log file, it is a line per change.
    """

    def __init__(self, console: Console, state: RunState) -> None:
        self._console = console
        self._state = state
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._drawn = -math.inf

    async def __aenter__(self) -> Self:
        """Start the table."""
        if self._live:
            self._live.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Draw the table a last time and leave it on the terminal."""
        if self._live:
            self._live.update(self._table())
            self._live.stop()

    async def send(self, message: Message, text: str) -> None:
        """Show what `message` has changed."""
        previous = self._state.sources[message.source].previous
        is_news = previous is None or _news(previous) != _news(message)
        if self._live:
            is_news = is_news or isinstance(message, SourceMessage)
            if is_news or message.times.sent - self._drawn >= _PAUSE:
                self._drawn = message.times.sent
                self._live.update(self._table(), refresh=True)
        elif is_news:
            line = f"{message.source}: {headline(message)}{_figures(message)}"
            self._console.print(Text(line), soft_wrap=True)

    def _table(self) -> Table:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("source", style="bold")
        table.add_column("state", max_width=40)
        table.add_column("frames/s", justify="right")
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
        return ", ".join(f"{dancer.id} {_word(dancer)}" for dancer in message.dancers)
    return _word(message)


def _word(answer: PredictionMessage | DancerResult) -> str:
    return answer.name or _WORDS[answer.status]


def _news(message: Message) -> str:
    """Return the part of a message whose change is shown at once: words, not numbers."""
    if isinstance(message, SourceMessage):
        return f"{message.state.value} {message.fault}"
    return headline(message)


def _figures(message: Message) -> str:
    if isinstance(message, SourceMessage) or not message.window:
        return ""
    return f" ({message.confidence:.0%}, {message.fps:.0f} poses/s)"


def _state(message: SourceMessage | None) -> Text:
    if message is None:
        return Text("")
    return Text(headline(message), _STATE_STYLES.get(message.state, "yellow"))


def _cells(message: PredictionMessage) -> tuple[RenderableType, ...]:
    """Return the columns from `frames/s` on, with a line for each of several dancers."""
    several = len(message.dancers) > 1
    answers: Sequence[PredictionMessage | DancerResult] = message.dancers if several else [message]
    words = [
        Text(
            f"{answer.id} {_word(answer)}" if isinstance(answer, DancerResult) else _word(answer),
            "bold" if answer.genre else "dim",
        )
        for answer in answers
    ]
    # Without a genre the number would have nothing to refer to.
    confidences = [f"{answer.confidence:.0%}" if answer.genre else "" for answer in answers]
    latency = sum(message.latency.model_dump().values())
    return (
        f"{message.fps:.0f}",
        Text("\n").join(words),
        "\n".join(confidences),
        f"{latency * 1000:.0f} ms",
        f"{message.frames.dropped} of {message.frames.captured}",
    )
