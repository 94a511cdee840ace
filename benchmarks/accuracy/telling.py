"""How figures are put on the page."""

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.accuracy.place import OTHER, Place, Result

NOT_MEASURED = "Not measured."


def percent(share: float | None) -> str:
    """Such as "93.1"; a dash for None. Tables say "%" in their heads."""
    return "-" if share is None else f"{100 * share:.1f}"


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation of shares, in percent; the mean alone of one."""
    if not values:
        return "-"
    mean = percent(float(np.mean(values)))
    return mean if len(values) < 2 else f"{mean} ± {percent(float(np.std(values, ddof=1)))}"


def pair(values: Sequence[float | None]) -> str:
    """Such as "88.7 / 87.4": the two ways."""
    return " / ".join(percent(value) for value in values)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = [head, ["---", *(["---:"] * (len(head) - 1))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def made_by(data: str, jobs: str) -> str:
    """The line under a figure that says what it is of, and which jobs make it."""
    return f"*{data}. Made by `--only {jobs}`.*"


def picture(name: str, alt: str) -> str:
    """The link to a picture beside the page."""
    return f"![{alt}](accuracy/{name}.png)"


def both(place: Place, name: str) -> list[Result]:
    """The results of a job's two ways; empty unless both are there."""
    found = [place.result(f"{name}-{way}") for way in OTHER]
    return [result for result in found if result is not None] if None not in found else []


def pooled(parts: Iterable[tuple[float | None, int]]) -> float | None:
    """Mean of shares, each weighted by what it is a share of; None where nothing was counted."""
    known = [(share, count) for share, count in parts if share is not None and count]
    total = sum(count for _, count in known)
    return sum(share * count for share, count in known) / total if total else None


def of(figures: Sequence[Result], what: str) -> float | None:
    """Pooled "clip" or "window" accuracy of several tests' figures."""
    return pooled((f[f"{what}_accuracy"], f[f"{what}s"]) for f in figures)
