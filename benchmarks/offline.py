"""Times `dancetype classify` over a folder on one core and on all, and writes what it finds.

Usage: python -m benchmarks.offline --videos DIR [--copies 4] [--rounds 2]
                                    [--out docs/performance.md]

The folder's clips are looked at several times over: on one core with `--jobs 1`, on all cores, and
once more each, so that what else the machine does falls on both.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import Final

from benchmarks.marked import ROOT, conditions, write_part
from dancetype.engine.cores import available_cores
from dancetype.engine.errors import ExpectedError

PAGE: Final = ROOT / "docs" / "performance.md"
TO_REACH: Final = 0.9


@dataclass(frozen=True)
class Run:
    """One run of the command.

    Attributes:
        seconds: from its start to its end.
        busy: seconds of processor time, its children's included.
        answers: what it printed, which must not depend on the cores.
    """

    seconds: float
    busy: float
    answers: str


def copied(videos: Path, copies: int, folder: Path) -> tuple[int, str]:
    """Copies a folder's videos into another, several times each.

    Returns:
        How many there are now, and the names of the videos, for a page.

    Raises:
        ExpectedError: there are none.
    """
    found = sorted(videos.glob("*.mp4"))
    if not found:
        raise ExpectedError(f"{videos}: no .mp4 in it")
    for video in found:
        for number in range(copies):
            shutil.copy(video, folder / f"{number}-{video.name}")
    return len(found) * copies, ", ".join(f"`{video.name}`" for video in found)


def classify(folder: Path, cores: Sequence[int], *words: str) -> Run:
    """Runs the command on these cores."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "dancetype", "classify", str(folder), "--csv", *words],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd=ROOT,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    seconds, after = perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise ExpectedError("a clip could not be read, so there is nothing to write")
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, busy, done.stdout)


def part(one: Sequence[Run], every: Sequence[Run], *, cores: int, clips: int, names: str) -> str:
    """What stands in the page."""
    speed_up = sum(run.seconds for run in one) / sum(run.seconds for run in every)
    reached = "reached" if speed_up >= TO_REACH * cores else "not reached"
    lines = [
        f"Measured on {conditions()}, by `python -m benchmarks.offline`: {clips} clips (copies of "
        f"{names}), in turn on one core (`--jobs 1`) and on all {cores}, {len(one)} of each, "
        "from the start of the command to its end.",
        "",
        "| | one core | all cores |",
        "|---|---|---|",
    ]
    for what, name in (("seconds", "seconds"), ("processor seconds", "busy")):
        each = [", ".join(f"{getattr(run, name):.1f}" for run in runs) for runs in (one, every)]
        lines.append(f"| {what} | {each[0]} | {each[1]} |")
    used = [mean(run.busy / run.seconds for run in runs) for runs in (one, every)]
    return "\n".join(
        [
            *lines,
            f"| cores in use on average | {used[0]:.2f} | {used[1]:.2f} |",
            "",
            f"All {cores} cores were **{speed_up:.2f} times** as fast as one, that is "
            f"{speed_up / cores:.2f} times the cores (to reach: {TO_REACH}, {reached}). What is "
            "lacking are the start of the command and its end, when the last clip has one core to "
            "itself.",
            "",
            "No frame goes from one process to another: a worker decodes, poses and classifies a "
            "clip, and answers with a few numbers. In it the decoder makes one image of a frame, "
            "upright, and none of a frame that `--pose-fps` leaves out. LiteRT cuts the dancer out "
            "of that image; MediaPipe needs it in another order of colours and copies that once "
            "more. To have the decoder fill the same image again and again was tried, and saved "
            "nothing that could be measured.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args()
    allowed = sorted(os.sched_getaffinity(0))[: available_cores()]
    one, every = [], []
    try:
        with tempfile.TemporaryDirectory() as name:
            clips, names = copied(args.videos, args.copies, Path(name))
            for _ in range(args.rounds):
                one.append(classify(Path(name), allowed[:1], "--jobs", "1"))
                every.append(classify(Path(name), allowed))
                print(f"one core {one[-1].seconds:.1f} s, all {every[-1].seconds:.1f} s")
        if len({run.answers for run in (*one, *every)}) > 1:
            raise ExpectedError("the answers are not the same each time")
        text = part(one, every, cores=len(allowed), clips=clips, names=names)
        print(text)
        write_part(args.out, "offline", text)
    except ExpectedError as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    main()
