"""Messages for the person at the terminal."""

from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from engine.rolling import Status
from stream.messages import PredictionMessage, SourceMessage

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
        self._latest: dict[str, PredictionMessage | SourceMessage] = {}
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

    async def send(self, message: PredictionMessage | SourceMessage, text: str) -> None:
        """Shows `message`."""
        del text
        self._latest[message.source] = message
        if self._live:
            self._live.update(_table(self._latest), refresh=True)
            return
        # A new number is no news, a new word is.
        said = headline(message)
        if self._said.get(message.source) != said:
            self._said[message.source] = said
            line = f"{message.source}: {said}{_figures(message)}"
            self._console.print(Text(line), soft_wrap=True)


def headline(message: PredictionMessage | SourceMessage) -> str:
    """What a message says, without its figures."""
    if isinstance(message, SourceMessage):
        return f"{message.state.value}, {message.reason}" if message.reason else message.state.value
    return message.name or _WORDS[message.status]


def _figures(message: PredictionMessage | SourceMessage) -> str:
    if isinstance(message, SourceMessage) or not message.window:
        return ""
    return f" ({message.confidence:.0%}, {message.fps:.0f} poses/s)"


def _table(latest: dict[str, PredictionMessage | SourceMessage]) -> Table:
    table = Table("source", "dance", "confidence", "next", "poses/s", "latency", "dropped")
    for name, message in latest.items():
        table.add_row(Text(name), Text(headline(message)), *_columns(message))
    return table


def _columns(message: PredictionMessage | SourceMessage) -> tuple[str, ...]:
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
