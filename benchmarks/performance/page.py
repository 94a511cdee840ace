"""The page: what was measured, what was to be reached, and whether it was."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_NUMBER_FORMATS: Final = ((100, "{:.0f}"), (10, "{:.1f}"), (0, "{:.2f}"))


@dataclass(frozen=True, slots=True)
class Goal:
    """A row of the table of goals.

    Attributes:
        what: is measured.
        to_reach: in words.
        measured: in words.
        reached: whether it was; None where there is nothing to reach.
    """

    what: str
    to_reach: str
    measured: str
    reached: bool | None

    @property
    def cells(self) -> tuple[str, ...]:
        """As they stand in the table."""
        verdict = {True: "yes", False: "**no**", None: "—"}[self.reached]
        return self.what, self.to_reach, self.measured, verdict


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a heading.

    Attributes:
        title: of its section.
        about: what it shows and how that was found; may be empty.
        columns: heads.
        rows: cells.
    """

    title: str
    about: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """As Markdown, the first column to the left and the others to the right."""
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)], *self.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return "\n\n".join(part for part in (f"## {self.title}", self.about, table) if part)


def goals_table(goals: Iterable[Goal], conditions: str) -> Table:
    """The first table of the measured part."""
    return Table(
        "What was to be reached",
        conditions,
        ("what", "to reach", "measured", "reached"),
        [goal.cells for goal in goals],
    )


def number(value: float, unit: str = "") -> str:
    """A figure with as many digits as mean something."""
    pattern = next(each for least, each in _NUMBER_FORMATS if abs(value) >= least)
    return pattern.format(value) + (f" {unit}" if unit else "")


def share(value: float) -> str:
    """A ratio as per cent."""
    return f"{value * 100:.1f} %"
