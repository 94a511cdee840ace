"""Compare the genre model on the CPU and on CUDA.

Requires a GPU and the packages of docs/guides/gpu.md. Without them, the page states that nothing
was measured.
"""

import argparse
import subprocess
from time import perf_counter
from typing import Any, Final

import numpy as np

from benchmarks.pages import DOCS, Results
from benchmarks.timer import timer
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import ExpectedError
from dancetype.engine.recognizer import WindowClassifier
from dancetype.engine.skeleton import Array

PAGE: Final = DOCS / "explanation" / "performance.md"
PART: Final = "gpu"

BATCHES: Final = (1, 8, 64, 512)
MAX_DIFFERENCE: Final = 1e-3  # between the probabilities of the two devices
_SECONDS: Final = 5.0
_WARM_UP_CALLS: Final = 5


def compare(
    cpu: WindowClassifier, cuda: WindowClassifier, batch: int, *, seconds: float = _SECONDS
) -> dict[str, Any]:
    """Return the milliseconds of each call on each device, and the largest difference.

    Raises:
        ExpectedError: The probabilities of the devices differ by too much.
    """
    spec = cpu.contract.window
    rng = np.random.default_rng(batch)
    windows = rng.normal(0, 1, (batch, spec.length, spec.features)).astype(np.float32)
    difference = float(np.abs(cpu(windows) - cuda(windows)).max())
    if not difference < MAX_DIFFERENCE:
        raise ExpectedError(
            f"batch size {batch}: probabilities of CPU and CUDA differ by {difference:.1e}, "
            f"more than {MAX_DIFFERENCE:g}"
        )
    return {
        "batch": batch,
        "cpu": _times(cpu, windows, seconds),
        "cuda": _times(cuda, windows, seconds),
        "difference": difference,
    }


def _times(classifier: WindowClassifier, windows: Array, seconds: float) -> list[float]:
    for _ in range(_WARM_UP_CALLS):
        classifier(windows)
    durations: list[float] = []
    classify = timer(durations, classifier)
    end = perf_counter() + seconds
    while not durations or perf_counter() < end:
        classify(windows)
    return [1e3 * duration for duration in durations]


def _gpu_name() -> str:
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return output.strip().splitlines()[0]


def measure(args: argparse.Namespace) -> Results:
    """Compare the devices for all batch sizes if there is a GPU."""
    cpu, cuda = Classifier(device="cpu"), Classifier(device="cuda")
    if cuda.fallback:
        return {"not_measured": cuda.fallback.partition(";")[0]}
    rows = [compare(cpu, cuda, batch) for batch in BATCHES]
    return {"not_measured": "", "gpu": _gpu_name(), "rows": rows}
