"""Processes that benchmarks start and measure."""

import os
import sys
from contextlib import suppress
from typing import Any

import psutil

from benchmarks.pages import ROOT


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of a process so far, in user and in system mode; 0 if it has ended."""
    with suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:2]))
    return 0.0


def python_process(*words: object, **options: Any) -> psutil.Popen:
    """Start `python -m WORDS` in the checkout, with unbuffered output."""
    return psutil.Popen(
        [sys.executable, "-m", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        **options,
    )
