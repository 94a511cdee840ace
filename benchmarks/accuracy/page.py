"""Render docs/accuracy.md from the results of the jobs."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.accuracy.measures import accuracy
from benchmarks.accuracy.place import Place
from benchmarks.accuracy.sections import collect
from dancetype.engine.genres import GENRES


def write_page(place: Place, docs: Path) -> Path:
    """Write `accuracy.md` and its pictures.

    Args:
        place: Folders of the results; only results are read.
        docs: Folder to write to.

    Returns:
        Path of the page.
    """
    page = docs / "accuracy.md"
    sections = collect(place, docs / "accuracy")
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(
        _template_environment().get_template("accuracy.md.j2").render(sections), "utf-8"
    )
    return page


def _template_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "accuracy": accuracy,
        "genre": lambda code: GENRES.get(code, "-"),
        "genres": _genres,
        "number": lambda value, unit="": "-" if value is None else f"{value:.1f}{unit}",
        "pair": lambda shares: " / ".join(map(percent, shares)),
        "percent": percent,
        "spread": spread,
    }
    return environment


def percent(share: float | None, missing: str = "-") -> str:
    """Return a share in percent, such as "93.1"; `missing` for None."""
    return missing if share is None else f"{100 * share:.1f}"


def spread(shares: Iterable[float]) -> str:
    """Return mean and standard deviation of shares, in percent; the mean alone of one."""
    values = list(shares)
    if not values:
        return "-"
    mean = percent(float(np.mean(values)))
    return mean if len(values) < 2 else f"{mean} ± {percent(float(np.std(values, ddof=1)))}"


def _genres(codes: Iterable[str | None]) -> str:
    return ", ".join(sorted(GENRES[code] for code in set(codes) if code is not None)) or "-"
