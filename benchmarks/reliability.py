"""Run every test that records figures of a fault, which takes a quarter of an hour.

With --figures, take the file of an earlier run: what DANCETYPE_FIGURES=FILE had the tests write.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.pages import DOCS, ROOT, Results
from benchmarks.soak import CUT_SECONDS
from dancetype.engine.errors import ExpectedError

PAGE: Final = DOCS / "explanation" / "reliability.md"
ROWS: Final[Mapping[str, Mapping[str, str]]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
"""Everything that is claimed, by the name under which tests record figures of it."""


@dataclass(frozen=True)
class Figure:
    """Figure that a test has recorded."""

    row: str  # key in `ROWS`
    test: str  # node id of the test
    text: str


def read_figures(lines: Sequence[str]) -> list[Figure]:
    """Read what tests have recorded, one JSON object per line.

    Raises:
        ExpectedError: A line is not a figure, or names a row that the page does not have.
    """
    try:
        figures = [Figure(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise ExpectedError(f"not a file of figures: {error}") from error
    for figure in figures:
        if figure.row not in ROWS:
            raise ExpectedError(
                f"{figure.test} measures {figure.row!r}, which is no row; there are "
                + ", ".join(map(repr, ROWS))
            )
    return figures


def _run_tests() -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.jsonl"
        file.touch()
        environment = {**os.environ, "DANCETYPE_FIGURES": str(file)}
        words = [sys.executable, "-m", "pytest", "tests/fuzz", "tests/system"]
        if subprocess.run(words, cwd=ROOT, env=environment).returncode:
            raise ExpectedError("tests fail, so there is nothing to write")
        return file.read_text(encoding="utf-8")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--figures", type=Path, help="file of figures, in place of a run")


def measure(args: argparse.Namespace) -> Results:
    """Run the tests, or read the figures of an earlier run."""
    text = args.figures.read_text(encoding="utf-8") if args.figures else _run_tests()
    return {
        "figures": read_figures(text.splitlines()),
        "soak_seconds": float(os.environ.get("DANCETYPE_SOAK_SECONDS", CUT_SECONDS)),
    }


def page_values(results: Results) -> dict[str, Any]:
    """Group the figures by row; a row without figures has none."""
    rows = []
    for key, row in ROWS.items():
        figures = [figure for figure in results["figures"] if figure["row"] == key]
        # Only the part in brackets differs between the cases of a parametrized test.
        tests = dict.fromkeys(figure["test"].partition("[")[0] for figure in figures)
        texts = dict.fromkeys(figure["text"] for figure in figures)
        rows.append({**row, "texts": list(texts), "tests": list(tests)})
    return {**results, "rows": rows}
