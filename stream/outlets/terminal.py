"""Messages for the person at the terminal."""

from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from engine.rolling import Status
from stream.messages import DancerAnswer, Message, PredictionMessage, SourceMessage

_WORDS = {
    Status.WARMING_UP: "warming up",
    Status.NO_PERSON: "no person in sight",
    Status.NOT_SURE: "not sure",
}


class TerminalOutlet:
    """Shows each source's latest state or prediction.

    On a terminal that is a table which keeps up; elsewhere, such as in a log, it is a line
    whenever something else is said of a source.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._latest: dict[str, Message] = {}
        self._said: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        """Starts the table."""
        if self._live:
            self._live.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Leaves the table as it is last."""
        if self._live:
            self._live.stop()

    async def send(self, message: Message, text: str) -> None:
        """Shows `message`."""
        del text
        self._latest[message.source] = message
        if self._live:
            self._live.update(_table(self._latest), refresh=True)
            return
        news = _news(message)
        if self._said.get(message.source) != news:
            self._said[message.source] = news
            line = f"{message.source}: {headline(message)}{_figures(message)}"
            self._console.print(Text(line), soft_wrap=True)


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


def _table(latest: dict[str, Message]) -> Table:
    table = Table("source", "dance", "confidence", "next", "poses/s", "latency", "dropped")
    for name, message in latest.items():
        table.add_row(Text(name), Text(headline(message)), *_columns(message))
    return table


def _columns(message: Message) -> tuple[str, ...]:
    if isinstance(message, SourceMessage):
        return ()
    ranked = sorted(message.probabilities.items(), key=lambda pair: -pair[1])
    latency = sum(message.latency.model_dump().values())
    return (
        f"{message.confidence:.0%}",
        ", ".join(f"{code} {value:.0%}" for code, value in ranked[:3] if value),
        f"{message.fps:.0f}",
        f"{latency * 1000:.0f} ms",
        f"{message.frames.dropped} of {message.frames.captured}",
    )
