"""The terminal that training reports to, and its progress bar."""

from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

console: Final = Console(stderr=True, highlight=False, markup=False)


def progress_bar() -> Progress:
    """Return a progress bar on stderr that disappears when it is done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
