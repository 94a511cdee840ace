"""Measure `dancetype classify` for a folder on one core and on all cores.

Runs on one core with `--jobs 1` alternate with runs on all cores, so that other load on the machine
affects both.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from benchmarks.clips import add_copies_options, copy_clips
from benchmarks.pages import DOCS, ROOT, Results
from dancetype.engine.cores import available_cores
from dancetype.engine.errors import ExpectedError

PAGE: Final = DOCS / "explanation" / "performance.md"
PART: Final = "offline"
_TARGET: Final = 0.95  # speed-up per core


def classify(folder: Path, cores: Sequence[int], *options: str) -> dict[str, Any]:
    """Run the command on some cores; return its seconds, CPU seconds and output."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    completed = subprocess.run(
        [sys.executable, "-m", "dancetype", "classify", str(folder), "--csv", *options],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd=ROOT,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    seconds, after = perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if completed.returncode:
        raise ExpectedError(f"`dancetype classify` failed with exit code {completed.returncode}")
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "busy": busy, "answers": completed.stdout}


def add_options(parser: argparse.ArgumentParser) -> None:
    add_copies_options(parser)
    parser.add_argument(
        "--rounds", type=int, default=2, help="runs of each kind (default: %(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="one copy of each clip, one run")


def measure(args: argparse.Namespace) -> Results:
    """Run the command alternately on one core and on all cores."""
    copies, rounds = (1, 1) if args.quick else (args.copies, args.rounds)
    allowed = sorted(os.sched_getaffinity(0))[: available_cores()]
    one, every = [], []
    with tempfile.TemporaryDirectory() as name:
        clips = copy_clips(args.videos, copies, Path(name))
        for _ in range(rounds):
            one.append(classify(Path(name), allowed[:1], "--jobs", "1"))
            every.append(classify(Path(name), allowed))
            print(f"one core {one[-1]['seconds']:.1f} s, all {every[-1]['seconds']:.1f} s")
    if len({run["answers"] for run in (*one, *every)}) > 1:
        raise ExpectedError("`dancetype classify` did not give the same results in all runs")
    return {
        "cores": len(allowed),
        "clips": clips,
        "copies": copies,
        "one": one,
        "every": every,
    }


def page_values(results: Results) -> dict[str, Any]:
    """Add the speed-up to the results."""
    one, every = (sum(run["seconds"] for run in results[name]) for name in ("one", "every"))
    return {**results, "speed_up": one / every, "target": _TARGET}
