"""Times `dancetype label` on Ray nodes of this machine, and writes its part of docs/scaling.md.

Usage: python -m benchmarks.label --videos DIR [--copies 4] [--out docs/scaling.md]

The clips of the folder are labelled, several copies of each, by 1, 2 and 4 nodes; all of them share
the cores of this machine.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.marked import ROOT, conditions, write_part
from benchmarks.offline import copied
from dancetype.engine.errors import ExpectedError
from tests.testbed.ray_nodes import ray_head

PAGE: Final = ROOT / "docs" / "scaling.md"
NODES: Final = (1, 2, 4)


@dataclass(frozen=True)
class Pace:
    """How fast an archive was labelled.

    Attributes:
        beginning: seconds from the start of the command to the first clip kept.
        seconds: from then to the last.
        clips: that were kept in these.
        cores: of the machine in use on average in these.
    """

    beginning: float
    seconds: float
    clips: int
    cores: float


def labelled(archive: Path, out: Path, nodes: int) -> Pace:
    """Labels an archive by so many nodes of one core each."""
    # The head has no cores of its own: it only keeps the books.
    with ray_head(cores=0) as cluster:
        for _ in range(nodes):
            cluster.add_node(num_cpus=1, include_dashboard=False)
        start = time.perf_counter()
        words = ("label", str(archive), "--out", str(out), "--address", str(cluster.address))
        with subprocess.Popen(
            [sys.executable, "-m", "dancetype", *words], cwd=ROOT, stdout=subprocess.DEVNULL
        ) as process:
            rows = out.with_name(f"{out.name}.rows")
            while not (kept := _kept(rows)) and process.poll() is None:
                time.sleep(0.05)
            first = time.perf_counter()
            psutil.cpu_percent()
            process.wait()
        last = time.perf_counter()
        used = psutil.cpu_percent() / 100 * (os.cpu_count() or 1)
        if process.returncode:
            raise ExpectedError("labelling has failed")
    clips = len(list(archive.iterdir())) - kept
    return Pace(first - start, last - first, clips, used)


def _kept(rows: Path) -> int:
    return len(re.findall(r"(?m)^\{.*\}$", rows.read_text())) if rows.exists() else 0


def part(paces: Mapping[int, Pace], *, clips: int, names: str) -> str:
    """What stands in the page."""
    lines = [
        f"Measured on {conditions()}, by `python -m benchmarks.label`: {clips} clips (copies of "
        f"{names}), by nodes with one core each.",
        "",
        "| Ray nodes | clips/s | cores of the machine in use | seconds to the first clip |",
        "|---|---|---|---|",
    ]
    for nodes, pace in paces.items():
        lines.append(
            f"| {nodes} | {pace.clips / pace.seconds:.2f} | {pace.cores:.1f} | "
            f"{pace.beginning:.0f} |"
        )
    return "\n".join(
        [
            *lines,
            "",
            f"All nodes share the {os.cpu_count()} cores of one machine. So this shows that a node "
            "more brings a core more of work as long as there is one, and what more nodes than "
            "that cost; it cannot show a network, nor discs that many machines read from. Clips "
            "have nothing to do with each other, and what goes through Ray is their names and "
            "answers.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args()
    paces = {}
    try:
        with tempfile.TemporaryDirectory() as name:
            archive = Path(name) / "archive"
            archive.mkdir()
            clips, names = copied(args.videos, args.copies, archive)
            for nodes in NODES:
                paces[nodes] = labelled(archive, Path(name) / f"{nodes}.parquet", nodes)
                print(f"{nodes} nodes: {paces[nodes]}")
        text = part(paces, clips=clips, names=names)
        print(text)
        write_part(args.out, "label", text)
    except ExpectedError as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    main()
