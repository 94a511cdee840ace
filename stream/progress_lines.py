"""Says on stderr how far something is."""

from collections.abc import Callable, Iterable
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

_TERMINAL_STEP: Final = 0.1
_LOG_STEP: Final = 5.0


class ProgressLines:
    """On a terminal, lines that keep up and go away in the end; in a log some every 5 s.

    Args:
        console: where to.
        clock: in seconds.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._step = _TERMINAL_STEP if console.is_terminal else _LOG_STEP
        self._due = clock() + self._step

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Takes the lines away."""
        self._live.stop()

    def show(self, lines: Iterable[str]) -> None:
        """Shows `lines` in place of those before, if it is time to."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + self._step
        text = Text("\n".join(lines))
        if self._console.is_terminal:
            self._live.update(text, refresh=True)
        else:
            self._console.print(text, soft_wrap=True)
