"""Results of clips, printed as a table, as JSON lines or as CSV."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from dancetype.engine.contract import Contract
from dancetype.engine.media.track import Track
from dancetype.engine.window import MAX_GAP
from dancetype.stream.messages import is_not_dancing
from dancetype.stream.offline.analysis import ClipAnalysis

Result = dict[str, Any]
"""Result of one clip, with the keys of `--json`."""

# Spreadsheets interpret cells that begin with one of these as formulas.
_FORMULA_STARTS: Final = frozenset("=+-@\t\r")


def make_result(file: Path, analysis: ClipAnalysis, contract: Contract) -> Result:
    """Return the result of an analysed clip."""
    clip, track = analysis.result, analysis.track
    probabilities = zip(contract.labels, clip.probabilities, strict=True)
    result: Result = {
        "file": str(file),
        "genre": clip.genre,
        "confidence": round(clip.confidence, 4),
        "probabilities": {code: round(float(value), 4) for code, value in probabilities},
        "dancing": None if clip.dancing is None else round(clip.dancing, 4),
        "seconds": round(track.seconds, 3),
        "frames": len(track.times),
        "poses": track.poses,
    }
    if clip.genre is None:
        result["reason"] = _explain_missing_genre(track, contract)
    if analysis.damaged:
        result["damaged"] = analysis.damaged
    return result


def _explain_missing_genre(track: Track, contract: Contract) -> str:
    """Return the reason why no genre is named: what was found, and what is needed."""
    frames, poses = len(track.times), track.poses
    if not poses:
        return f"no person was visible in {frames} frames; the whole body has to be in view"
    step = track.seconds / frames
    if frames > 1 and step > MAX_GAP:
        found = f"{poses} poses, but only {1 / step:.2g} frames per second"
        return f"{found}; at least {1 / MAX_GAP:g} are needed"
    return (
        f"{poses} poses in {frames} frames, for at most {track.longest_segment_seconds:.2f} s "
        f"without a gap of {MAX_GAP:g} s; at least {contract.window.min_seconds:g} s are needed"
    )


def print_json(results: Iterable[Result]) -> None:
    """Print each result as a line of JSON as soon as it is available."""
    for result in results:
        _print(json.dumps(result, ensure_ascii=False))


def print_csv(results: Iterable[Result], genres: Mapping[str, str]) -> None:
    """Print each result as a line of comma-separated values as soon as it is available.

    Args:
        results: Results of clips.
        genres: Genre names by code. Each code has a column, in this order.
    """
    columns = ["file", "genre", "name", "confidence", *genres]
    columns += ["seconds", "frames", "poses", "error", "dancing", "damaged"]
    writer = csv.DictWriter(_Stdout(), columns, extrasaction="ignore", lineterminator="")
    writer.writeheader()
    for result in results:
        row = {**result, **result.get("probabilities", {})}
        row["name"] = genres.get(result.get("genre", ""))
        row |= {key: _without_formula(result.get(key, "")) for key in ("file", "error")}
        writer.writerow(row)


def print_table(
    results: Iterable[Result], genres: Mapping[str, str], out: Console, err: Console
) -> None:
    """Print all results as a table on `out`, after the last one or an interruption.

    Errors and the names of written files are printed on `err`.
    """
    table = Table(Column("file", overflow="fold"), "genre", box=SIMPLE)
    for name in ("next", "seconds", "poses"):
        table.add_column(name, no_wrap=True)
    collected: list[Result] = []
    try:
        collected.extend(results)
    finally:
        _print_collected(collected, table, genres, out, err)


def _print_collected(
    results: Iterable[Result], table: Table, genres: Mapping[str, str], out: Console, err: Console
) -> None:
    for result in results:
        for file in result.get("timeline", ()):
            err.print(Text(f"timeline: {file}"), soft_wrap=True)
        for key in ("video", "plot", "note"):
            if key in result:
                err.print(Text(f"{key}: {result[key]}"), soft_wrap=True)
        if "damaged" in result:
            note = f"note: {result['file']}: {result['damaged']} damaged packets"
            err.print(Text(note), soft_wrap=True)
        if "error" in result:
            err.print(Text.assemble(("error: ", "red"), result["error"]), soft_wrap=True)
        if "frames" in result:
            table.add_row(*_row(result, genres))
    if table.row_count:
        out.print(table)


def _row(result: Result, genres: Mapping[str, str]) -> tuple[Text | str, ...]:
    ranked = sorted(result["probabilities"].items(), key=lambda pair: -pair[1])
    genre = f"{genres.get(result['genre'])} {result['confidence']:.0%}"
    if is_not_dancing(result["dancing"]):
        genre += ", not dancing"
    return (
        Text(result["file"]),
        Text(result.get("reason", genre)),
        ", ".join(f"{code} {value:.0%}" for code, value in ranked[1:3] if value),
        f"{result['seconds']:.1f}",
        f"{result['poses']}/{result['frames']}",
    )


def _print(text: str) -> None:
    # Bytes of file names that are not valid UTF-8 are printed as escape sequences.
    print(text.encode(errors="backslashreplace").decode(), flush=True)


class _Stdout:
    """File for `csv` that prints each line immediately."""

    def write(self, text: str) -> None:
        _print(text)


def _without_formula(text: str) -> str:
    """Prefix a text that begins with a path if a spreadsheet would interpret it as a formula."""
    # ./-1.mp4 is the same file as -1.mp4.
    return f"./{text}" if text[:1] in _FORMULA_STARTS else text
