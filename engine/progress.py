"""Progress bars of commands that take long."""

import sys
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

console: Final = Console(stderr=True, highlight=False, markup=False)
"""The terminal that long commands report to."""


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
