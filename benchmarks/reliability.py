"""Breaks everything that can break, and writes docs/reliability.md.

Usage: python -m benchmarks.reliability [--figures FILE] [--out docs/reliability.md]

Runs the tests that record figures, which takes a quarter of an hour, or takes the file of such a
run: what DANCETYPE_FIGURES=FILE had the tests write.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.soak import CUT_SECONDS
from dancetype.engine.errors import ExpectedError

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "reliability.md"


@dataclass(frozen=True)
class Row:
    """A row of the page.

    Attributes:
        fault: what happens.
        holds: what must hold then.
    """

    fault: str
    holds: str


@dataclass(frozen=True)
class Figure:
    """What a test has measured.

    Attributes:
        row: key in `ROWS`.
        test: which one it was.
        text: what it measured.
    """

    row: str
    test: str
    text: str


_BACK: Final = (
    "told with the right fault; a fresh prediction within 5 s of the return; no thread left behind"
)

ROWS: Final[Mapping[str, Row]] = {
    "rtsp refused": Row("RTSP camera refuses connections for 4 s", _BACK),
    "rtsp silent": Row("RTSP camera accepts and stays silent for 4 s", _BACK),
    "rtsp stops": Row("RTSP stream stands still for 4 s, as with a pulled cable", _BACK),
    "rtsp reset": Row("RTSP camera resets every connection for 4 s", _BACK),
    "rtsp drips": Row("RTSP stream drips one byte a second for 4 s", _BACK),
    "rtsp frame size": Row("RTSP camera comes back with another frame size", _BACK),
    "rtsp password": Row(
        "RTSP camera refuses the password",
        "`failed`, fault `authentication`; tried once; the password is shown nowhere",
    ),
    "mosquitto restarted": Row(
        "Mosquitto killed and started again",
        "publishing again within 5 s; no message held up for 50 ms",
    ),
    "mosquitto cut off": Row(
        "Mosquitto cut off without a close",
        "a subscriber sees the last will; publishing again within 5 s; no message held up for "
        "50 ms",
    ),
    "websocket clients": Row(
        "200 WebSocket clients, 20 of which never read, at 10 messages a second",
        "99 % delivered to the rest within 50 ms; memory flat; the 20 cut off",
    ),
    "websocket abuse": Row(
        "Malformed, oversized, binary, early and endless messages; slow handshakes; 1,000 clients "
        "that come and drop",
        "clear close codes; no exception in the log; no leak",
    ),
    "fuzzing": Row(
        "Made-up input to every parser", "nothing but the documented error, and no time wasted"
    ),
    "odd files and frames": Row(
        "Broken files, and frames of odd sizes", "one plain line, or read all the same"
    ),
    "disk full": Row("Disk full under `--jsonl`", "told once; nothing else stops"),
    "camera unplugged": Row(
        "Webcam that is not there, beside another source", "told; the other source goes on"
    ),
    "sigterm": Row(
        "SIGTERM or SIGINT under load, with a camera frozen, a client stuck and the broker away",
        "ended within 2 s with code 0; the last messages say so",
    ),
    "soak": Row(
        "Two hours of show, accelerated, with faults all the time",
        "memory within 5 %; threads, descriptors and sockets the same whenever all is well",
    ),
    "privacy": Row(
        "A whole run, watched by `strace`",
        "no connection but those configured; no picture written anywhere",
    ),
}
"""Everything that is claimed, by the name under which tests record figures of it."""

_HEAD: Final = """# Reliability

What happens to dancetype when the world around it fails, and the test that shows it. Cameras are
those of a real RTSP server, brokers real Mosquittos; between them and the real command stands
[a proxy](../tests/testbed/fault_proxy.py) that breaks the way.

| fault | what must hold | figure | shown by |
|---|---|---|---|
"""

_FOOT: Final = """
Measured on {conditions}. Times depend on the machine; what must hold does not.

`make reliability` runs these tests and writes this page, and `make test` runs them
with all others. The soak among them is a cut of {seconds:g} s; `make soak` is the whole.

What this does not show: a webcam that is unplugged while it runs, which takes a webcam and a hand,
and radio links that lose single packets, which over TCP are delays.
"""


def read_figures(lines: Sequence[str]) -> list[Figure]:
    """Reads what tests have recorded, a JSON object a line.

    Raises:
        ExpectedError: a line is none, or names a row that the page does not have.
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


def page(figures: Sequence[Figure], *, conditions: str, soak_seconds: float) -> str:
    """The page; a row that no test has measured says so."""
    lines = []
    for key, row in ROWS.items():
        measured = [figure for figure in figures if figure.row == key]
        texts = "; ".join(dict.fromkeys(figure.text for figure in measured)) or "not measured"
        # What differs between runs of one test stands in brackets.
        tests = dict.fromkeys(figure.test.partition("[")[0] for figure in measured)
        shown = "<br>".join(f"`{test}`" for test in tests) or "not measured"
        lines.append(f"| {row.fault} | {row.holds} | {_cell(texts)} | {shown} |\n")
    return _HEAD + "".join(lines) + _FOOT.format(conditions=conditions, seconds=soak_seconds)


def _cell(text: str) -> str:
    """`text` as it can stand in a table."""
    return " ".join(text.split()).replace("|", r"\|")


def _conditions() -> str:
    memory = psutil.virtual_memory().total / 1e9
    return (
        f"{os.cpu_count()} cores of {platform.machine()} and {memory:.0f} GB of memory, "
        f"{platform.system()}, Python {platform.python_version()}"
    )


def _measure() -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.jsonl"
        file.touch()
        environment = {**os.environ, "DANCETYPE_FIGURES": str(file)}
        words = [sys.executable, "-m", "pytest", "tests/fuzz", "tests/system"]
        if subprocess.run(words, cwd=ROOT, env=environment).returncode:
            raise ExpectedError("tests fail, so there is nothing to write")
        return file.read_text(encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args()
    try:
        lines = (
            args.figures.read_text(encoding="utf-8").splitlines() if args.figures else _measure()
        )
        figures = read_figures(lines)
    except (ExpectedError, OSError) as error:
        sys.exit(f"error: {error}")
    seconds = float(os.environ.get("DANCETYPE_SOAK_SECONDS", CUT_SECONDS))
    args.out.write_text(
        page(figures, conditions=_conditions(), soak_seconds=seconds), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
