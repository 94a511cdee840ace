"""Compares the genre model on the processor and on CUDA, and writes a part of docs/performance.md.

Usage: python -m benchmarks.gpu [--out docs/performance.md]

It needs a GPU and the packages of docs/gpu.md; without them it writes that nothing was measured.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np

from benchmarks.marked import ROOT, conditions, write_part
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import ExpectedError
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array

PAGE: Final = ROOT / "docs" / "performance.md"
BATCHES: Final = (1, 8, 64, 512)
AGREEMENT: Final = 1e-3
"""Largest difference there may be between a probability of the one and of the other."""

_SECONDS: Final = 5.0
_WARM: Final = 5


@dataclass(frozen=True)
class Row:
    """One batch size.

    Attributes:
        batch: windows a call.
        cpu: milliseconds of each call.
        cuda: the same.
        difference: the largest between their probabilities.
    """

    batch: int
    cpu: Sequence[float]
    cuda: Sequence[float]
    difference: float


def compare(
    cpu: WindowClassifier, cuda: WindowClassifier, batch: int, *, seconds: float = _SECONDS
) -> Row:
    """Measures one batch size, each for that many seconds.

    Raises:
        ExpectedError: they do not agree.
    """
    spec = cpu.contract.window
    chance = np.random.default_rng(batch)
    windows = chance.normal(0, 1, (batch, spec.length, spec.features)).astype(np.float32)
    difference = float(np.abs(cpu(windows) - cuda(windows)).max())
    if not difference < AGREEMENT:
        raise ExpectedError(f"at batch {batch} CUDA differs from the processor by {difference:.1e}")
    return Row(batch, _times(cpu, windows, seconds), _times(cuda, windows, seconds), difference)


def _times(classifier: WindowClassifier, windows: Array, seconds: float) -> list[float]:
    for _ in range(_WARM):
        classifier(windows)
    found: list[float] = []
    while sum(found) < seconds * 1e3:
        start = perf_counter()
        classifier(windows)
        found.append((perf_counter() - start) * 1e3)
    return found


def table(rows: Sequence[Row], *, gpu: str) -> str:
    """The part of the page."""
    lines = [
        "| windows at a time | CPU, one thread: p50 / p99 | windows a second | "
        "CUDA: p50 / p99 | windows a second | largest difference |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [str(row.batch)]
        for times in (row.cpu, row.cuda):
            p50, p99 = np.percentile(times, [50, 99])
            cells += [f"{p50:.2f} / {p99:.2f} ms", f"{row.batch / np.mean(times) * 1e3:,.0f}"]
        lines.append(f"| {' | '.join([*cells, f'{row.difference:.0e}'])} |")
    lines += ["", f"`python -m benchmarks.gpu` wrote this on {conditions()}, GPU {gpu}."]
    return "\n".join(lines)


def not_measured(why: str) -> str:
    """The part of the page where there is no GPU."""
    return (
        f"Not measured: {why}.\n\n`python -m benchmarks.gpu` measures it where there is a GPU, and "
        f"wrote this on {conditions()}."
    )


def _gpu() -> str:
    words = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "of unknown name"
    return said.strip().splitlines()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PAGE)
    args = parser.parse_args()
    cpu, cuda = Classifier(device="cpu"), Classifier(device="cuda")
    try:
        if cuda.fallback:
            part = not_measured(cuda.fallback.partition(";")[0])
        else:
            part = table([compare(cpu, cuda, batch) for batch in BATCHES], gpu=_gpu())
        print(part)
        write_part(args.out, "gpu", part)
    except ExpectedError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
