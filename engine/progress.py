"""Progress displays of commands that take long: bars, or lines of text."""

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

_TERMINAL_STEP: Final = 0.1
_LOG_STEP: Final = 5.0

console: Final = Console(stderr=True, highlight=False, markup=False)
"""The terminal that long commands report to."""


def print_status(line: str) -> None:
    """Print progress for the user on stderr."""
    Console(stderr=True).print(Text(line), soft_wrap=True)


def progress_bar(console: Console, *, unit: str = "") -> Progress:
    """Return a display with a bar per task, which disappears at the end.

    Without a terminal it shows nothing.

    Args:
        console: Console to draw on.
        unit: Name of what is counted, in the plural.
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
        # Otherwise Rich would print results on the terminal even if stdout is a file or a pipe.
        redirect_stdout=sys.stdout.isatty(),
    )


class ProgressLines:
    """Lines that are updated on a terminal and removed at the end; in a log, new ones every 5 s.

    Args:
        console: Console to write to.
        clock: Monotonic time in seconds.
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
        """Remove the lines."""
        self._live.stop()

    def show(self, lines: Iterable[str]) -> None:
        """Replace the lines, unless it is too early."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + self._step
        text = Text("\n".join(lines))
        if self._console.is_terminal:
            self._live.update(text, refresh=True)
        else:
            self._console.print(text, soft_wrap=True)
