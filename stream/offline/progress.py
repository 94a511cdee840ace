"""Shows on a terminal how far the clips are that are looked at."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from dancetype.stream.offline import clip_job as work


class ClipProgress:
    """A line for each clip that is being looked at; nothing where there is no terminal.

    Args:
        console: where to.
        files: all clips there are, in their order.
    """

    def __init__(self, console: Console, files: Sequence[Path]) -> None:
        self._which = {file: f"{n} of {len(files)}" for n, file in enumerate(files, 1)}
        self._lines: dict[tuple[Path, str], TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.fields[which]}"),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("frames"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            # Rich would lead results past a file or pipe that stdout is, to the terminal.
            redirect_stdout=sys.stdout.isatty(),
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Takes the lines away."""
        self._progress.stop()

    def told(self, file: Path, how_far: work.Progress) -> None:
        """Shows how far a clip is."""
        key = file, how_far.what
        if key not in self._lines:
            self.over(file)
            self._lines[key] = self._progress.add_task(
                f"{escape(file.name)}: {how_far.what}", which=self._which[file]
            )
        self._progress.update(self._lines[key], completed=how_far.done, total=how_far.of)

    def over(self, file: Path) -> None:
        """Takes a clip's line away."""
        for key in [key for key in self._lines if key[0] == file]:
            self._progress.remove_task(self._lines.pop(key))
