"""Measure `dancetype label` on 1, 2 and 4 Ray nodes of this machine, which share its cores."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import psutil

from benchmarks.clips import add_copies_options, copy_clips
from benchmarks.pages import DOCS, ROOT, Results
from dancetype.engine.errors import ExpectedError
from tests.testbed.ray_nodes import ray_nodes

PAGE: Final = DOCS / "guides" / "fleet.md"
PART: Final = "label"
NODES: Final = (1, 2, 4)


def label(archive: Path, out: Path, nodes: int) -> dict[str, float]:
    """Label an archive with `nodes` nodes of one core each.

    Returns:
        `start`, the seconds until the first row; `seconds`, the time from the first to the last
        row; `clips`, the number of rows written in that time; and `cores`, the mean number of cores
        in use in that time.
    """
    with ray_nodes(nodes, cores=1) as (cluster, _):
        start = time.perf_counter()
        arguments = ("label", str(archive), "--out", str(out), "--address", str(cluster.address))
        with subprocess.Popen(
            [sys.executable, "-m", "dancetype", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL
        ) as process:
            rows = out.with_name(f"{out.name}.rows")
            while not (written := _count_rows(rows)) and process.poll() is None:
                time.sleep(0.05)
            first = time.perf_counter()
            psutil.cpu_percent()
            process.wait()
        last = time.perf_counter()
        used = psutil.cpu_percent() / 100 * (os.cpu_count() or 1)
        if process.returncode:
            raise ExpectedError(f"`dancetype label` failed with exit code {process.returncode}")
    clips = len(list(archive.iterdir())) - written
    return {
        "nodes": nodes,
        "start": first - start,
        "seconds": last - first,
        "clips": clips,
        "cores": used,
    }


def _count_rows(rows: Path) -> int:
    return len(re.findall(r"(?m)^\{.*\}$", rows.read_text())) if rows.exists() else 0


add_options = add_copies_options


def measure(args: argparse.Namespace) -> Results:
    """Label the same clips with each number of nodes."""
    results = []
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name) / "archive"
        archive.mkdir()
        clips = copy_clips(args.videos, args.copies, archive)
        for nodes in NODES:
            results.append(label(archive, Path(name) / f"{nodes}.parquet", nodes))
            print(results[-1])
    return {"cores": os.cpu_count(), "clips": clips, "copies": args.copies, "paces": results}
