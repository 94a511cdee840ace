"""Run all tests that record figures for faults. Takes about 15 minutes.

--figures reads the file of an earlier run instead, which the tests write to DANCETYPE_FIGURES=FILE.
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
"""Rows of the page, by the name under which tests record figures."""


@dataclass(frozen=True)
class Figure:
    """A figure recorded by a test.

    Attributes:
        row: Key in `ROWS`.
        test: Node id of the test.
        text: Figure as text.
    """

    row: str
    test: str
    text: str


def read_figures(lines: Sequence[str]) -> list[Figure]:
    """Read the figures that tests have recorded, one JSON object per line.

    Raises:
        ExpectedError: A line is not a figure, or its row does not exist.
    """
    try:
        figures = [Figure(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise ExpectedError(f"not a file of figures: {error}") from error
    for figure in figures:
        if figure.row not in ROWS:
            raise ExpectedError(
                f"{figure.test}: unknown row {figure.row!r}; rows: " + ", ".join(map(repr, ROWS))
            )
    return figures


def _run_tests() -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.jsonl"
        file.touch()
        environment = {**os.environ, "DANCETYPE_FIGURES": str(file)}
        command = [sys.executable, "-m", "pytest", "tests/fuzz", "tests/system"]
        if subprocess.run(command, cwd=ROOT, env=environment).returncode:
            raise ExpectedError("tests failed; the page was not written")
        return file.read_text(encoding="utf-8")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--figures", type=Path, help="file of figures from an earlier run")


def measure(args: argparse.Namespace) -> Results:
    """Run the tests, or read the figures of an earlier run."""
    text = args.figures.read_text(encoding="utf-8") if args.figures else _run_tests()
    return {
        "figures": read_figures(text.splitlines()),
        "soak_seconds": float(os.environ.get("DANCETYPE_SOAK_SECONDS", CUT_SECONDS)),
    }


def page_values(results: Results) -> dict[str, Any]:
    """Group the figures by row."""
    rows = []
    for key, row in ROWS.items():
        figures = [figure for figure in results["figures"] if figure["row"] == key]
        # List a parametrized test only once, without the parameters in brackets.
        tests = dict.fromkeys(
            _path_and_name(figure["test"].partition("[")[0]) for figure in figures
        )
        texts = dict.fromkeys(figure["text"] for figure in figures)
        rows.append({**row, "texts": list(texts), "tests": list(tests)})
    return {**results, "rows": rows}


def _path_and_name(node_id: str) -> tuple[str, str]:
    """Return the file of a test, and its name as a sentence."""
    path, _, name = node_id.partition("::")
    return path, name.removeprefix("test_").replace("_", " ")
