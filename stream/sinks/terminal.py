"""Messages for the person at the terminal."""

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
    DancerAnswer,
    Message,
    PredictionMessage,
    SourceMessage,
    SourceState,
)

_WORDS: Final = {
    Status.WARMING_UP: "warming up",
    Status.NO_PERSON: "no person in sight",
    Status.NOT_SURE: "not sure",
}
# Seconds between two drawings of the table where only numbers change: nobody reads faster, and one
# drawing takes more time than all else that is done with a message.
_PAUSE: Final = 1.0
_STATE_STYLES: Final = {SourceState.RUNNING: "green", SourceState.FAILED: "red"}


class TerminalSink:
    """Shows what each source does, and what is danced in front of it.

    On a terminal that is a table which keeps up, with its numbers once a second; elsewhere, such as
    in a log, it is a line whenever something else is said of a source.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._states: dict[str, SourceMessage] = {}
        self._latest: dict[str, Message] = {}
        self._said: dict[str, str] = {}
        self._drawn = -math.inf

    async def __aenter__(self) -> Self:
        """Starts the table."""
        if self._live:
            self._live.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Leaves the table as it is last."""
        if self._live:
            self._live.update(self._table())
            self._live.stop()

    async def send(self, message: Message, text: str) -> None:
        """Shows `message`."""
        del text
        news = _news(message)
        is_news = self._said.get(message.source) != news
        self._said[message.source] = news
        if self._live:
            self._latest[message.source] = message
            if isinstance(message, SourceMessage):
                self._states[message.source] = message
                is_news = True
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
        for source, message in self._latest.items():
            cells = () if isinstance(message, SourceMessage) else _cells(message)
            table.add_row(Text(source), _state(self._states.get(source)), *cells)
        return table


def headline(message: Message) -> str:
    """What a message says, without its figures."""
    if isinstance(message, SourceMessage):
        return f"{message.state.value}, {message.reason}" if message.reason else message.state.value
    if len(message.dancers) > 1:
        return ", ".join(f"{dancer.id} {_word(dancer)}" for dancer in message.dancers)
    return _word(message)


def _word(answer: PredictionMessage | DancerAnswer) -> str:
    return answer.name or _WORDS[answer.status]


def _news(message: Message) -> str:
    """Of two messages with the same news the second is none: a new word is, a new number not."""
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
    """The columns from frames a second on; of several dancers a line each."""
    several = len(message.dancers) > 1
    answers: Sequence[PredictionMessage | DancerAnswer] = message.dancers if several else [message]
    words = [
        Text(
            f"{answer.id} {_word(answer)}" if isinstance(answer, DancerAnswer) else _word(answer),
            "bold" if answer.genre else "dim",
        )
        for answer in answers
    ]
    # How likely the likeliest genre is says little to a person while it is not named.
    confidences = [f"{answer.confidence:.0%}" if answer.genre else "" for answer in answers]
    latency = sum(message.latency.model_dump().values())
    return (
        f"{message.fps:.0f}",
        Text("\n").join(words),
        "\n".join(confidences),
        f"{latency * 1000:.0f} ms",
        f"{message.frames.dropped} of {message.frames.captured}",
    )
