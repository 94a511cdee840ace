"""Progress displays of long-running commands: bars, or lines of text."""

import sys
from collections.abc import Callable, Iterable
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

# Seconds between updates.
_TERMINAL_INTERVAL: Final = 0.1
_LOG_INTERVAL: Final = 5.0

console: Final = Console(stderr=True, highlight=False, markup=False)
"""Console on stderr for the progress of long-running commands."""


def print_status(line: str) -> None:
    """Print a line of progress on stderr."""
    Console(stderr=True).print(Text(line), soft_wrap=True)


def progress_bar(console: Console, *, unit: str = "") -> Progress:
    """Return a display with a bar per task, which is removed at the end.

    It shows nothing if the console is not a terminal.

    Args:
        console: Console to draw on.
        unit: Plural name of the items that are counted.
    """
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        # Rich would otherwise print results on the terminal even if stdout is a file or a pipe.
        redirect_stdout=sys.stdout.isatty(),
    )


class ProgressLines:
    """Lines that are updated in place and removed at the end; in a log, new lines every 5 s.

    Args:
        console: Console to write to.
        clock: Monotonic time in seconds.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._interval = _TERMINAL_INTERVAL if console.is_terminal else _LOG_INTERVAL
        self._due = clock() + self._interval

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Remove the lines."""
        self._live.stop()

    def show(self, lines: Iterable[str]) -> None:
        """Replace the lines, unless the last update was too recent."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + self._interval
        text = Text("\n".join(lines))
        if self._console.is_terminal:
            self._live.update(text, refresh=True)
        else:
            self._console.print(text, soft_wrap=True)
