"""Start Python processes and measure their CPU time."""

import os
import sys
from contextlib import suppress
from typing import Any

import psutil

from benchmarks.pages import ROOT


def cpu_seconds(process: psutil.Process) -> float:
    """Return the user and system CPU time of a process so far; 0 if it has ended."""
    with suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:2]))
    return 0.0


def python_process(*arguments: object, **options: Any) -> psutil.Popen:
    """Start `python -m ARGUMENTS` in the root of the repository, with unbuffered output."""
    return psutil.Popen(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        **options,
    )
