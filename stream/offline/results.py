"""What is said of clips, as a table, as JSON lines or as CSV."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from dancetype.engine.contract import Contract
from dancetype.stream.offline.analysis import ClipAnalysis

Result = dict[str, Any]
"""What is said of one clip, in the words of `--json`."""

# What a spreadsheet takes for the start of a formula.
_FORMULA: Final = frozenset("=+-@\t\r")


def result_of(file: Path, analysis: ClipAnalysis, contract: Contract) -> Result:
    """Return the result of an analysed clip."""
    clip, track = analysis.result, analysis.track
    probabilities = zip(contract.labels, clip.probabilities, strict=True)
    result: Result = {
        "file": str(file),
        "genre": clip.genre,
        "confidence": round(clip.confidence, 4),
        "probabilities": {code: round(float(value), 4) for code, value in probabilities},
        "seconds": round(track.seconds, 3),
        "frames": len(track.times),
        "poses": track.poses,
    }
    if clip.genre is None:
        least = contract.window.min_seconds
        result["reason"] = f"nobody was in sight for {least:g} s on end"
    return result


class Report(Protocol):
    """Where results go."""

    def add(self, result: Result) -> None:
        """Takes the next one."""
        ...

    def end(self) -> None:
        """Is told that there are no more."""
        ...


class JsonLines:
    """Prints each result as a JSON text on a line of its own, as soon as it is there."""

    def add(self, result: Result) -> None:
        """Prints one."""
        _print(json.dumps(result, ensure_ascii=False))

    def end(self) -> None:
        """All is printed."""


class CsvLines:
    """Prints each result as a line of comma-separated values, as soon as it is there.

    Args:
        genres: names by code, in the order of their columns.
    """

    def __init__(self, genres: Mapping[str, str]) -> None:
        self._genres = genres
        first, last = ("file", "genre", "name", "confidence"), ("seconds", "frames", "poses")
        _print(_csv_line([*first, *genres, *last, "error"]))

    def add(self, result: Result) -> None:
        """Prints one."""
        probabilities = result.get("probabilities", {})
        values = [
            _no_formula(result["file"]),
            result.get("genre"),
            self._genres.get(result.get("genre", "")),
            result.get("confidence"),
            *(probabilities.get(code) for code in self._genres),
            *(result.get(key) for key in ("seconds", "frames", "poses")),
            _no_formula(result.get("error", "")),
        ]
        _print(_csv_line(values))

    def end(self) -> None:
        """All is printed."""


class TableReport:
    """Prints all results in the end, and errors beside them.

    Args:
        genres: names by code.
        out: for the table.
        err: for errors and what was written.
    """

    def __init__(self, genres: Mapping[str, str], out: Console, err: Console) -> None:
        self._genres = genres
        self._out = out
        self._err = err
        self._results: list[Result] = []

    def add(self, result: Result) -> None:
        """Takes one."""
        self._results.append(result)

    def end(self) -> None:
        """Prints them."""
        table = Table(Column("file", overflow="fold"), "genre", box=SIMPLE)
        for name in ("next", "seconds", "poses"):
            table.add_column(name, no_wrap=True)
        for result in self._results:
            for key in ("video", "plot", "note"):
                if key in result:
                    self._err.print(Text(f"{key}: {result[key]}"), soft_wrap=True)
            if "error" in result:
                text = Text.assemble(("error: ", "red"), result["error"])
                self._err.print(text, soft_wrap=True)
            if "frames" in result:
                table.add_row(*self._row(result))
        if table.row_count:
            self._out.print(table)

    def _row(self, result: Result) -> tuple[Text | str, ...]:
        ranked = sorted(result["probabilities"].items(), key=lambda pair: -pair[1])
        named = f"{self._genres.get(result['genre'])} {result['confidence']:.0%}"
        return (
            Text(result["file"]),
            Text(result.get("reason", named)),
            ", ".join(f"{code} {value:.0%}" for code, value in ranked[1:3] if value),
            f"{result['seconds']:.1f}",
            f"{result['poses']}/{result['frames']}",
        )


def _print(text: str) -> None:
    # A file's name may hold bytes that are no UTF-8; they are printed by their numbers.
    print(text.encode(errors="backslashreplace").decode(), flush=True)


def _csv_line(values: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def _no_formula(text: str) -> str:
    """`text`, which is or begins with a path; ./-1.mp4 is the same file as -1.mp4."""
    return f"./{text}" if text[:1] in _FORMULA else text
