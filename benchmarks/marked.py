"""Parts of a page that a script writes, between `<!-- NAME -->` and `<!-- /NAME -->`."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dancetype.engine.errors import ExpectedError

ROOT: Final = Path(__file__).parents[1]


def with_part(text: str, name: str, part: str) -> str:
    """`text` with its part `name` replaced.

    Raises:
        ExpectedError: the text has no such marks.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ExpectedError(f"the page has no part between {start} and {end}")
    return f"{before}{start}\n{part.strip()}\n{end}{after}"


def write_part(page: Path, name: str, part: str) -> None:
    """Replaces the part of a page.

    Raises:
        ExpectedError: there is no such page or part.
    """
    if not page.is_file():
        raise ExpectedError(f"{page}: no such page to write to")
    page.write_text(with_part(page.read_text(encoding="utf-8"), name, part), encoding="utf-8")


def conditions() -> str:
    """The machine, the day and the commit, as the end of "Measured on ..."."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return (
        f"{os.cpu_count()} cores of {_processor()}, {datetime.now(UTC):%Y-%m-%d}, "
        f"commit {commit or 'unknown'}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
